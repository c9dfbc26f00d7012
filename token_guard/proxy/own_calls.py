"""Calls that the guard itself makes: nothing is to be done to them, and nothing is to be asked again of them."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

__all__ = ["begin_own_call", "is_own_call"]

# Set in the tasks that make them. No client can set it, whatever it sends.
_own_call: Final[ContextVar[bool]] = ContextVar("token_guard_own_call", default=False)


def begin_own_call() -> None:
    """Mark what this task does from now on, and what it starts."""
    _own_call.set(True)


def is_own_call() -> bool:
    """Whether what is running now is a call of the guard's own."""
    return _own_call.get()
