"""A store that lives as long as its process."""

from __future__ import annotations

import threading
from collections import defaultdict

__all__ = ["MemoryStore"]


class MemoryStore:
    """Values in dictionaries, at most `capacity` of them in a section."""

    __slots__ = ("_capacity", "_lock", "_sections")

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._sections: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self._lock = threading.Lock()

    def get(self, section: str, key: str) -> str | None:
        return self._sections[section].get(key)

    def put(self, section: str, key: str, value: str) -> None:
        with self._lock:
            values = self._sections[section]
            values.pop(key, None)
            values[key] = value
            self._bound(values)

    def claim(self, section: str, key: str, value: str) -> str:
        with self._lock:
            values = self._sections[section]
            found = values.setdefault(key, value)
            self._bound(values)
            return found

    def delete(self, section: str, key: str) -> None:
        with self._lock:
            self._sections[section].pop(key, None)

    def keys(self, section: str) -> tuple[str, ...]:
        with self._lock:
            return tuple(self._sections[section])

    def close(self) -> None:
        pass

    def _bound(self, values: dict[str, str]) -> None:
        while len(values) > self._capacity:
            del values[next(iter(values))]
