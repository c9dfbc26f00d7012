"""Two threads for one sum: for engines that release the GIL and are slow enough to gain by it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["WORTH_SPREADING", "spread_sum"]

T = TypeVar("T")

WORTH_SPREADING = 64 * 1024
"""Characters from which a second thread pays: 3 ms of tiktoken's work against 0.1 ms for the hand-over."""


def spread_sum(count: Callable[[T], int], items: Iterable[T]) -> int:
    """The sum of the counts of all items, counted by this thread and one more; holds an item at a time.

    >>> spread_sum(len, ["a", "bc", "def"])
    6
    """
    drain = functools.partial(_drain, count, iter(items), threading.Lock())
    helper = _pool().submit(drain)
    own = drain()
    # a helper that has not started (the pool is busy, perhaps with this very call) has nothing left to do
    return own if helper.cancel() else own + helper.result()


def _drain(count: Callable[[T], int], items: Iterator[T], lock: threading.Lock) -> int:
    total = 0
    while True:
        with lock:
            item = next(items, _END)
        if item is _END:
            return total
        total += count(item)  # type: ignore[arg-type]


_END = object()


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="count")
