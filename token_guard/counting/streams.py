"""Counting a text that is never whole in memory, by several threads at a time."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

from token_guard.counting.engines import Engine, engine_for, frugal, total
from token_guard.counting.families import Family
from token_guard.counting.slices import Slice, repaired, slices

__all__ = ["BLOCK", "count_stream"]

BLOCK = 512 * 1024
"""Characters that a thread gets at a time: 3 to 40 ms of work beside some microseconds for handing it over."""

AHEAD = 2
"""Blocks in memory for each thread: one at work, one waiting."""

FAST_THREADS = 1
"""Threads that fastokens is given: each takes 33 MB for its own tables, and one counts about as fast as another reads and cuts."""

GROWTH = 76 * 1024 * 1024
"""Bytes by which the process may grow while fastokens counts, which keeps tables of words: a log of 2 GB makes it grow by 69 MB."""

WATCHED_EVERY = 32
"""Blocks between two looks at the memory."""


def count_stream(chunks: Iterable[str], family: Family, threads: int, stop: threading.Event) -> int:
    """Tokens of a text that arrives in chunks, equal to the count of its whole; stops early, with what it has, when `stop` is set.

    As many blocks as there are threads are counted at a time, and no more than twice as many are held.
    """
    number = min(threads, FAST_THREADS) if engine_for(family.encoding).name == "fastokens" else threads
    watch = _Watch(family.encoding)
    tokens, waiting = 0, deque[Future[int]]()
    with ThreadPoolExecutor(number, thread_name_prefix="token_guard count") as pool:
        for block in slices(map(repaired, chunks), BLOCK):
            if stop.is_set():
                break
            waiting.append(_submitted(pool, family, block))
            if len(waiting) >= AHEAD * number:
                tokens += waiting.popleft().result()
            if watch.is_full():
                tokens += sum(waiting.popleft().result() for _ in range(len(waiting)))
                frugal(family.encoding)
        return tokens + sum(future.result() for future in waiting)


def _submitted(pool: Executor, family: Family, block: Slice) -> Future[int]:
    return pool.submit(lambda: block.sign * total(_estimating(family), (block.text,)))


def _estimating(family: Family) -> Engine:
    engine = engine_for(family.encoding)
    count: Callable[[str], int] = engine.count
    # an estimate is rounded up once for each slice: errs up by less than a token in 8,192 characters
    return engine if family.exact else Engine(engine.name, lambda text: family.estimate(count(text), text))


class _Watch:
    """Tells, once, that the process has grown by more than it should while fastokens counted."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._limit = _resident() + GROWTH
        self._blocks = 0

    def is_full(self) -> bool:
        """Whether that is so now; looks every so many calls."""
        self._blocks += 1
        if self._blocks % WATCHED_EVERY or engine_for(self._encoding).name != "fastokens":
            return False
        return _resident() > self._limit


def _resident() -> int:
    """Bytes of memory that this process takes; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
