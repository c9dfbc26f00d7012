"""What all engines share: what they give back, and their error."""

from __future__ import annotations

from typing import NamedTuple

from token_guard.errors import TokenGuardError
from token_guard.simulation import Total

__all__ = ["AHEAD", "EngineError", "Tried"]

AHEAD = 4
"""Sessions that wait for each worker: enough that none is idle, and few enough to be held."""


class EngineError(TokenGuardError):
    """Sessions cannot be replayed where they were to be; the message is one line that says what to do."""


class Tried(NamedTuple):
    """The totals of the session at a place among those that were handed in."""

    place: int
    totals: list[Total]
