"""Trying again what may succeed a moment later."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from token_guard.errors import TryAgainError

__all__ = ["Retry"]

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Retry:
    """Calls again what raises TryAgainError, each time after twice as long; the last error is the caller's.

    >>> waits, answers = [], iter([0, 0, 7])
    >>> def job():
    ...     if answer := next(answers):
    ...         return answer
    ...     raise TryAgainError("busy")
    >>> Retry(sleep=waits.append)(job), waits
    (7, [0.25, 0.5])
    """

    attempts: int = 3
    first_wait_seconds: float = 0.25
    most_wait_seconds: float = 10.0
    sleep: Callable[[float], object] = field(default=time.sleep, repr=False)

    def __call__(self, job: Callable[[], Answer]) -> Answer:
        """What the job answers at last."""
        for attempt in range(self.attempts - 1):
            try:
                return job()
            except TryAgainError as error:
                self.sleep(self.wait_seconds(attempt, getattr(error, "after_seconds", None)))
        return job()

    def wait_seconds(self, failures: int, wished: float | None = None) -> float:
        """How long to wait after so many failures, or as long as the other side wished, within bounds."""
        return min(self.most_wait_seconds, wished if wished is not None else self.first_wait_seconds * 2**failures)
