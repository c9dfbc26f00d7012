"""What is read off a message of very many parts, once: a client may send thousands of them, and each step of a compaction asks again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

__all__ = ["MANY", "once_for_many", "once_in_a_row"]

T = TypeVar("T")
Many = TypeVar("Many", bound=Iterable[Any])

MANY = 64
"""So many parts are read in less time than it takes to matter (20 us); hardly any message has more."""

KEPT = 32
"""Messages of that sort that are remembered at a time: more than one request has, as a rule."""


def once_for_many(read: Callable[[tuple[Any, ...]], T]) -> Callable[[tuple[Any, ...]], T]:
    """The function, which reads a long tuple once for as long as it is the same object; what it finds never changes.

    >>> once_for_many(len)((1,) * 100)
    100
    """
    known: dict[int, tuple[tuple[Any, ...], T]] = {}

    @wraps(read)
    def found(items: tuple[Any, ...]) -> T:
        if len(items) < MANY:
            return read(items)
        entry = known.get(id(items))
        if entry is None or entry[0] is not items:
            if len(known) >= KEPT:
                known.clear()
            # the tuple is kept, so that no other one can have its id
            entry = known[id(items)] = (items, read(items))
        return entry[1]

    return found


def once_in_a_row(read: Callable[[Many], T]) -> Callable[[Many], T]:
    """The function, which reads a tuple once for as long as a thread asks for no other one: the steps of a compaction all ask the same of
    the same messages. What it finds never changes; a list, which may, is read every time.

    >>> once_in_a_row(len)((1, 2))
    2
    """
    last = threading.local()

    @wraps(read)
    def found(items: Many) -> T:
        if type(items) is not tuple:
            return read(items)
        if getattr(last, "items", None) is not items:
            last.items, last.found = None, read(items)
            last.items = items
        known: T = last.found
        return known

    return found
