"""A memory for what was read off texts: the passes of a compaction all read the same ones."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from operator import itemgetter
from typing import TypeVar

from cachetools import LRUCache

__all__ = ["remembered"]

REMEMBERED_CHARS = 4_000_000
"""Texts whose reading is remembered, in characters; of either kind."""


T = TypeVar("T")


def remembered(find: Callable[[str], T]) -> Callable[[str], T]:
    """The function with a memory for the texts that it read last; thread-safe."""
    known: LRUCache[str, tuple[int, T]] = LRUCache(REMEMBERED_CHARS, getsizeof=itemgetter(0))
    lock = threading.Lock()

    @wraps(find)
    def found(text: str) -> T:
        with lock:
            entry = known.get(text)
        if entry is None:
            entry = (len(text), find(text))
            with lock:
                if entry[0] <= known.maxsize:
                    known[text] = entry
        return entry[1]

    return found
