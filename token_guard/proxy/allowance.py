"""How often something that costs money may be tried: so many times an hour, by all who share a store, and not for a while after failures
in a row."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Final, Protocol

__all__ = ["Allowance", "ClaimStore"]

_SECTION: Final = "summary_calls"
_HOUR: Final = 3_600.0
# Three failures in a row: the other side is down or unfit, and calls that fail cost money, too.
_FAILURES: Final = 3
_REST_SECONDS: Final = 300.0


class ClaimStore(Protocol):
    """What is needed of a store."""

    def claim(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> str: ...


class Allowance:
    """Calls of the last hour, of all replicas, and failures in a row, of this one; thread-safe.

    Each call takes one of as many places as an hour has calls, for an hour; of several who want the same place the store lets one have it.
    """

    def __init__(self, calls_per_hour: int, clock: Callable[[], float], store: ClaimStore) -> None:
        self._clock = clock
        self._store = store
        self._lock = threading.Lock()
        self._places = calls_per_hour
        self._next = 0
        self._failures = 0
        self._rests_until = float("-inf")

    @property
    def rests(self) -> bool:
        """Whether the last failures are too recent to try again."""
        return self._clock() < self._rests_until

    def take(self) -> bool:
        """Take one call out of this hour's; False where there is none left. May wait for the store."""
        mine = uuid.uuid4().hex
        with self._lock:
            for place in range(self._next, self._next + self._places):
                if self._store.claim(_SECTION, str(place % self._places), mine, ttl_seconds=_HOUR) == mine:
                    self._next = (place + 1) % self._places
                    return True
        return False

    def judge(self, *, failed: bool) -> None:
        """Remember how a call ended: a success ends a row of failures, a third failure in a row begins a rest."""
        with self._lock:
            self._failures = self._failures + 1 if failed else 0
            if self._failures >= _FAILURES:
                self._failures, self._rests_until = 0, self._clock() + _REST_SECONDS
