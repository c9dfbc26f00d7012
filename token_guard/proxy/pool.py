"""Threads for the work of many callers: few at a time, callers take turns, and what overruns its deadline is waited for no longer."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

__all__ = ["WORKERS", "FairPool"]

T = TypeVar("T")

WORKERS: Final = 3
"""Each thread may keep the interpreter for 5 ms (sys.getswitchinterval) before it is the event loop's turn: three keep that below 20 ms.
Tokenizers let go of it, so that more threads would count no faster than the other work of the process lets them. And each thread that
counts has caches of its own in the engine (of fastokens 32 MB and 3 ms): all that counts is done here, by the same threads."""


THREADS: Final = 1_000
"""Threads at most, with those that go on with jobs which nobody waits for any more."""


@dataclass(slots=True, eq=False)
class _Job:
    caller: str
    work: Callable[[], Any]
    begun: Future[None] = field(default_factory=Future)
    done: Future[Any] = field(default_factory=Future)
    running: bool = False


class FairPool:
    """At most `workers` jobs at a time, begun in turn by caller: many large requests of one make no other wait for more than that. Jobs
    in haste, which are short, begin before all others."""

    __slots__ = ("_free", "_hasty", "_lock", "_threads", "_waiting")

    def __init__(self, workers: int = WORKERS) -> None:
        self._free = workers
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, deque[_Job]] = OrderedDict()
        self._hasty: deque[_Job] = deque()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="token_guard")

    async def __call__(self, caller: str, work: Callable[[], T], seconds: float | None = None, *, hasty: bool = False) -> T:
        """What the work returns or raises (RuntimeError for a StopIteration, as from any coroutine); TimeoutError after so many seconds,
        whether it has begun or not; of work in haste, after so many from its beginning.

        A thread cannot be stopped: one that is given up goes on by itself, and its place is another job's.
        """
        context = copy_context()
        job = _Job(caller, lambda: context.run(work))
        with self._lock:
            (self._hasty if hasty else self._waiting.setdefault(caller, deque())).append(job)
            self._begin()
        try:
            if hasty:
                await asyncio.wrap_future(job.begun)
            found: T = await asyncio.wait_for(asyncio.wrap_future(job.done), seconds)
            return found
        finally:
            self._end(job)

    def _begin(self) -> None:
        """Begin the jobs for which there is a place: those in haste, then of each caller the oldest, the caller next in turn first."""
        while self._free and (self._hasty or self._waiting):
            job = self._hasty.popleft() if self._hasty else self._next_in_turn()
            self._free -= 1
            job.running = True
            _settle(job.begun)
            self._threads.submit(self._run, job)

    def _next_in_turn(self) -> _Job:
        caller, jobs = self._waiting.popitem(last=False)
        job = jobs.popleft()
        if jobs:
            self._waiting[caller] = jobs
        return job

    def _run(self, job: _Job) -> None:
        try:
            result = job.work()
        except BaseException as error:  # tokenizers in Rust panic with a BaseException
            _settle(job.done, error=error)
        else:
            _settle(job.done, result)
        self._end(job)

    def _end(self, job: _Job) -> None:
        """Give a job's place to the next one: once, be it that it is done or that nobody waits for it."""
        with self._lock:
            if job.running:
                job.running = False
                self._free += 1
            elif job in self._hasty:
                self._hasty.remove(job)
            elif job in (jobs := self._waiting.get(job.caller, deque())):
                jobs.remove(job)
                if not jobs:
                    del self._waiting[job.caller]
            self._begin()


def _settle(done: Future[Any], result: Any = None, error: BaseException | None = None) -> None:
    if not done.set_running_or_notify_cancel():
        return
    if error is None:
        done.set_result(result)
    elif isinstance(error, StopIteration):  # before Python 3.12 no task can hold it: whoever awaits the job would wait for ever
        done.set_exception(RuntimeError("the work raised StopIteration"))
    else:
        done.set_exception(error)
