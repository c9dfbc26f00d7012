"""Trials by processes of this machine, of which none is left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker

from token_guard.commands.engines.tried import AHEAD, EngineError, Tried
from token_guard.commands.interrupts import deferred
from token_guard.simulation import Options, Session, Total, trial

__all__ = ["Local"]


@dataclass(frozen=True, slots=True)
class Local:
    """As many processes as there are cores, or as `workers` says; one is this process itself."""

    workers: int | None = None

    def __call__(self, sessions: Sequence[Session], options: Options) -> Generator[Tried, None, None]:
        """What came of each session, as soon as it is there."""
        workers = self.workers or os.cpu_count() or 1
        if workers == 1 or len(sessions) == 1:
            yield from (Tried(place, trial(session, options)) for place, session in enumerate(sessions))
            return
        waiting: dict[Future[list[Total]], int] = {}
        with _pool(workers) as pool:
            for place, session in enumerate(sessions):
                with deferred(), _blocked_signals():
                    waiting[pool.submit(trial, session, options)] = place
                if len(waiting) >= AHEAD * workers:
                    yield from _finished(waiting)
            while waiting:
                yield from _finished(waiting)


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes are gone behind it, whatever happens."""
    others = multiprocessing.active_children()
    resource_tracker.ensure_running()  # it unblocks signals when it starts, which is not to be when workers do
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        yield pool
        pool.shutdown()
    except BrokenProcessPool:
        raise EngineError("a worker process was ended from outside, perhaps for want of memory; try fewer: --workers 1") from None
    finally:
        with deferred():
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()).difference(others):
                process.kill()
                process.join()


@contextmanager
def _blocked_signals() -> Iterator[None]:
    """Processes that are started meanwhile get no signal of the terminal's: who starts the workers ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """What a worker does first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where signals cannot be blocked
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    """A process that is killed can end nobody: its workers see to that themselves."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _finished(waiting: dict[Future[list[Total]], int]) -> Iterator[Tried]:
    ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in ready:
        yield Tried(waiting.pop(future), future.result())
