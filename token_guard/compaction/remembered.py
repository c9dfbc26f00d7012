"""A memory for what was read off texts: the passes of a compaction all read the same ones."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from operator import itemgetter
from typing import TypeVar

from cachetools import LRUCache

__all__ = ["ends_of", "remembered"]

REMEMBERED_CHARS = 4_000_000
"""Texts whose reading is remembered, in characters; of either kind."""


LONGEST_READ = 400_000
"""Characters of a text that are read, about 100,000 tokens: a pattern looks through so many in 8 ms, and while it does nothing else in the
process runs."""

T = TypeVar("T")


def ends_of(text: str) -> str:
    """A text, or of one that is longer than anybody reads its two ends.

    >>> len(ends_of("word " * 1_000_000)), ends_of("short")
    (400001, 'short')
    """
    if len(text) <= LONGEST_READ:
        return text
    half = LONGEST_READ // 2
    return f"{text[:half]}\n{text[-half:]}"


def remembered(find: Callable[[str], T]) -> Callable[[str], T]:
    """The function with a memory for the texts that it read last; thread-safe. Of very long texts it reads the ends."""
    known: LRUCache[str, tuple[int, T]] = LRUCache(REMEMBERED_CHARS, getsizeof=itemgetter(0))
    lock = threading.Lock()

    @wraps(find)
    def found(text: str) -> T:
        with lock:
            entry = known.get(text)
        if entry is None:
            entry = (len(text), find(ends_of(text)))
            with lock:
                if entry[0] <= known.maxsize:
                    known[text] = entry
        return entry[1]

    return found
