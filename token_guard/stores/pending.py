"""What waits to be written: the newest of each fact, the sum of each session's changes. Bounded; what waits longest is dropped first."""

from __future__ import annotations

import uuid
from itertools import islice
from typing import Any, Final

from token_guard.stores.records import Batch, Fact, SessionChange

__all__ = ["Pending"]

MOST: Final = 10_000
"""Facts, and sessions, that wait at most: with a kilobyte each 20 MB, and hours of an outage for most proxies."""

AT_ONCE: Final = 500
"""Facts and sessions of one batch."""


class Pending:
    """Filled by requests, emptied by one thread; its owner holds the lock."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._facts: dict[tuple[str, str], Fact] = {}
        self._changes: dict[str, SessionChange] = {}
        self.unwritten: Batch | None = None
        """A batch that was tried and not written, or not known to be."""

    def __bool__(self) -> bool:
        return bool(self._facts or self._changes or self.unwritten)

    def __contains__(self, place: tuple[str, str]) -> bool:
        """Whether a fact waits that the backend does not know yet."""
        return place in self._facts or (self.unwritten is not None and any(fact.place == place for fact in self.unwritten.facts))

    def add(self, fact: Fact) -> int:
        """Let a fact wait; how many had to go for it."""
        self._facts.pop(fact.place, None)
        self._facts[fact.place] = fact
        return _bound(self._facts, self._most)

    def note(self, change: SessionChange) -> int:
        """Let a change wait, with what waits of the same session; how many sessions' changes had to go for it."""
        waiting = self._changes.get(change.id)
        self._changes[change.id] = waiting.then(change) if waiting else change
        return _bound(self._changes, self._most)

    def forget(self, id_: str) -> None:
        """Drop what waits of a session."""
        self._changes.pop(id_, None)

    def batch(self) -> Batch | None:
        """The batch to be written next: the one that was not, else what has waited longest; None where nothing waits."""
        if self.unwritten is None and (self._facts or self._changes):
            facts, changes = _taken(self._facts), _taken(self._changes)
            self.unwritten = Batch(uuid.uuid4().hex, facts, changes)
        return self.unwritten


def _bound(waiting: dict[Any, Any], most: int) -> int:
    dropped = max(0, len(waiting) - most)
    for _ in range(dropped):
        del waiting[next(iter(waiting))]
    return dropped


def _taken(waiting: dict[Any, Any]) -> tuple[Any, ...]:
    keys = list(islice(waiting, AT_ONCE))
    return tuple(waiting.pop(key) for key in keys)
