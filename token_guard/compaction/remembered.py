"""A memory for what was read off texts: the passes of a compaction all read the same ones."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Generic, TypeVar

__all__ = ["ends_of", "remembered"]

REMEMBERED_CHARS = 4_000_000
"""Texts whose reading is remembered, in characters; of either kind."""

ENTRY_CHARS = 50
"""What an entry takes beside its text, in characters: many short texts are not to take more than few long ones."""

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


class _Readings(Generic[T]):
    """What was read off texts, in two generations: when the younger is full, it becomes the older, and the older is forgotten. A look-up
    costs one access to a dictionary and takes no lock: most of a compaction's look-ups are of short texts."""

    __slots__ = ("_characters", "_lock", "_old", "young")

    def __init__(self) -> None:
        self.young: dict[str, T] = {}
        self._old: dict[str, T] = {}
        self._characters = 0
        self._lock = threading.Lock()

    def older(self, text: str) -> T | None:
        """What the older generation has, which is the younger's from then on."""
        found = self._old.get(text)
        if found is not None:
            self.put(text, found)
        return found

    def put(self, text: str, found: T) -> None:
        """Remember a reading, but for that of a text that would leave no room for others."""
        size = len(text) + ENTRY_CHARS
        with self._lock:
            if size > REMEMBERED_CHARS:
                return
            if self._characters + size > REMEMBERED_CHARS // 2:
                self._old, self.young, self._characters = self.young, {}, 0
            self.young[text] = found
            self._characters += size


def remembered(find: Callable[[str], T]) -> Callable[[str], T]:
    """The function, which never finds None, with a memory for the texts that it read last; thread-safe. Of very long texts it reads the
    ends."""
    known: _Readings[T] = _Readings()

    @wraps(find)
    def found(text: str) -> T:
        reading = known.young.get(text)
        if reading is None:
            reading = known.older(text)
        if reading is None:
            reading = find(ends_of(text))
            known.put(text, reading)
        return reading

    return found
