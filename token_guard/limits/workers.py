"""A few threads that exist only while there is work."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["Workers"]

_LOG: Final = logging.getLogger("token_guard")


class Workers:
    """Runs jobs in the background, in order, on at most `threads` threads at a time.

    The threads of a `ThreadPoolExecutor` are waited for when the process ends; nothing here is worth a wait.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._threads = threads
        self._name = name
        self._running = 0
        self._jobs: deque[Callable[[], object]] = deque()
        self._lock = threading.Lock()

    def submit(self, job: Callable[[], object]) -> None:
        """Run a job soon; what it raises is logged, by its class."""
        with self._lock:
            self._jobs.append(job)
            if self._running == self._threads:
                return
            try:
                threading.Thread(target=self._work, name=self._name, daemon=True).start()
                self._running += 1
            except RuntimeError:  # no more threads to be had now: the next job's thread does this one too
                _LOG.info("%s has to wait for a thread", self._name)

    def _work(self) -> None:
        while job := self._next():
            try:
                job()
            except Exception as error:  # nobody waits for a job, and the jobs behind it want their turn
                _LOG.warning("%s failed (%s)", self._name, type(error).__name__)

    def _next(self) -> Callable[[], object] | None:
        with self._lock:
            if self._jobs:
                return self._jobs.popleft()
            self._running -= 1
            return None
