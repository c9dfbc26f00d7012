"""How often something that costs money may be tried: so many times an hour, and not for a while after failures in a row."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["Allowance"]

_HOUR: Final = 3_600.0
# Three failures in a row: the other side is down or unfit, and calls that fail cost money, too.
_FAILURES: Final = 3
_REST_SECONDS: Final = 300.0


class Allowance:
    """Calls of the last hour, and failures in a row; thread-safe."""

    def __init__(self, calls_per_hour: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: deque[float] = deque(maxlen=calls_per_hour)
        self._failures = 0
        self._rests_until = float("-inf")

    @property
    def rests(self) -> bool:
        """Whether the last failures are too recent to try again."""
        return self._clock() < self._rests_until

    def take(self) -> bool:
        """Take one call out of this hour's; False where there is none left."""
        with self._lock:
            now = self._clock()
            if len(self._calls) == self._calls.maxlen and now - self._calls[0] < _HOUR:
                return False
            self._calls.append(now)
            return True

    def judge(self, *, failed: bool) -> None:
        """Remember how a call ended: a success ends a row of failures, a third failure in a row begins a rest."""
        with self._lock:
            self._failures = self._failures + 1 if failed else 0
            if self._failures >= _FAILURES:
                self._failures, self._rests_until = 0, self._clock() + _REST_SECONDS
