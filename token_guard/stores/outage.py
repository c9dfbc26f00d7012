"""A backend that fails: one warning while it lasts, and tries that come ever more seldom."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Final

__all__ = ["Outage"]

FIRST_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 30.0
"""Between two tries: twice as long after each, with a random part, so that replicas do not come back all at once."""

_log = logging.getLogger("token_guard")


class Outage:
    """Whether reading and writing work, and when to try again what does not. Used by one thread."""

    def __init__(self, shown: str, observe: Callable[[str, int], None]) -> None:
        self._shown = shown
        self._observe = observe
        self._failing: dict[str, tuple[float, float]] = {}
        self._told = False

    def stops(self, step: str) -> bool:
        """Whether a step failed when it was last tried."""
        return step in self._failing

    def may(self, step: str, now: float) -> bool:
        """Whether a step works, or it is time to try it again."""
        return step not in self._failing or now >= self._failing[step][0]

    def failed(self, step: str, error: Exception, now: float) -> None:
        """Note a failure; the first is warned of."""
        seconds = min(LONGEST_SECONDS, self._failing[step][1] * 2 if step in self._failing else FIRST_SECONDS)
        self._failing[step] = now + seconds * random.uniform(0.5, 1.0), seconds
        self._observe("errors", 1)
        self._observe("up", 0)
        if not self._told:
            self._told = True
            _log.warning("the store %s does not answer (%s); requests go on from memory, and it is tried again", self._shown, _said(error))

    def worked(self, step: str) -> None:
        """Note that a step works; when all do again, that is said."""
        self._failing.pop(step, None)
        if self._failing:
            return
        self._observe("up", 1)
        if self._told:
            self._told = False
            _log.warning("the store %s answers again", self._shown)


def _said(error: Exception) -> str:
    """An error of a database driver in a line: its own words without the statement, whose values may be anybody's."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {str(cause).strip().partition(chr(10))[0][:200]}"
