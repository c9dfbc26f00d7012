"""Counts of very large texts, kept where they survive a restart."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Protocol

__all__ = ["LARGE", "CountStore", "LargeCounts"]

LARGE = 1_000_000
"""Characters from which counting (5 to 70 ms) costs more than a look into a store and a cryptographic hash (2 ms)."""

SECTION = "counts"


class CountStore(Protocol):
    """What is needed of a store."""

    def get(self, section: str, key: str) -> str | None: ...

    def get_many(self, section: str, keys: Collection[str]) -> dict[str, str]: ...

    def put(self, section: str, key: str, value: str) -> None: ...


class LargeCounts:
    """Remembers counts of large texts in a store, under a hash of family and content."""

    __slots__ = ("_store",)

    def __init__(self, store: CountStore) -> None:
        self._store = store

    def get(self, family: str, text: str) -> int | None:
        """The count of a text, or None."""
        found = self._store.get(SECTION, _key(family, text))
        return int(found) if found and found.isdecimal() else None

    def put(self, family: str, text: str, count: int) -> None:
        """Remember a count."""
        self._store.put(SECTION, _key(family, text), str(count))


def _key(family: str, text: str) -> str:
    return f"{family}:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
