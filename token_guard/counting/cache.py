"""Counts of texts already seen, keyed by content and bounded in bytes."""

from __future__ import annotations

import threading

from token_guard.counting.large import LargeCounts

__all__ = ["CountCache"]

ENTRY_BYTES = 150
"""An entry's share of memory, rounded up: a three-digit int as key, a small int as value, its place in a half-full dict
(120 bytes traced)."""


class CountCache:
    """Token counts under integer keys, at most `max_bytes` of them; shared by all threads of a process.

    Two generations: when the younger is full it becomes the older and the older is forgotten, so that a lookup costs one dict
    access and eviction costs nothing. Reads take no lock (a dict access is atomic); only the swap does.
    """

    __slots__ = ("_half", "_lock", "large", "old", "young")

    def __init__(self, max_bytes: int = 32 * 1024 * 1024) -> None:
        self.bound(max_bytes)
        self.young: dict[int, int] = {}
        self.old: dict[int, int] = {}
        self._lock = threading.Lock()
        self.large: LargeCounts | None = None
        """Where counts of very large texts survive a restart, when there is such a place."""

    def bound(self, max_bytes: int) -> None:
        """Let the counts take so many bytes from now on."""
        self._half = max(1, max_bytes // ENTRY_BYTES // 2)

    def __len__(self) -> int:
        return len(self.young) + len(self.old)

    def get(self, key: int) -> int | None:
        """The count under a key, or None; a count of the older generation moves to the younger."""
        found = self.young.get(key)
        if found is None and (found := self.old.get(key)) is not None:
            self.put(key, found)
        return found

    def put(self, key: int, count: int) -> None:
        """Remember a count."""
        self.young[key] = count
        if len(self.young) >= self._half:
            self._swap()

    def _swap(self) -> None:
        with self._lock:
            if len(self.young) >= self._half:
                self.old, self.young = self.young, {}
