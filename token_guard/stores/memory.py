"""A store that lives as long as its process."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from token_guard.stores.records import Page, SessionChange, SessionRecord, Totals, grown, summed

__all__ = ["MemoryStore"]

PRUNED_EVERY = 256
"""Changes of sessions between two looks for those whose time is over."""


class MemoryStore:
    """Values and session records in dictionaries, at most `capacity` of each section and of sessions. Reads take no lock."""

    __slots__ = ("_capacity", "_changes", "_clock", "_lock", "_sections", "_sessions")

    def __init__(self, capacity: int = 10_000, clock: Callable[[], float] = time.time) -> None:
        self._capacity = capacity
        self._clock = clock
        self._sections: defaultdict[str, dict[str, tuple[str, float | None]]] = defaultdict(dict)
        self._sessions: dict[str, tuple[SessionRecord, float]] = {}
        self._changes = 0
        self._lock = threading.Lock()

    def get(self, section: str, key: str) -> str | None:
        found = self._sections[section].get(key)
        if found is None:
            return None
        value, until = found
        return value if until is None or self._clock() < until else None

    def put(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> None:
        with self._lock:
            self._set(section, key, value, ttl_seconds)

    def claim(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> str:
        with self._lock:
            known = self.get(section, key)
            if known is None:
                self._set(section, key, value, ttl_seconds)
            return value if known is None else known

    def delete(self, section: str, key: str) -> None:
        with self._lock:
            self._sections[section].pop(key, None)

    def keys(self, section: str) -> tuple[str, ...]:
        with self._lock:
            return tuple(key for key in self._sections[section] if self.get(section, key) is not None)

    def note(self, change: SessionChange) -> None:
        with self._lock:
            known = self._sessions.pop(change.id, None)
            record = known[0] if known and self._clock() < known[1] else None
            self._sessions[change.id] = grown(record, change), change.at + change.ttl_seconds
            self._changes += 1
            if self._changes % PRUNED_EVERY == 0:
                for ended in [key for key, (_, until) in self._sessions.items() if until <= self._clock()]:
                    del self._sessions[ended]
            _bound(self._sessions, self._capacity)

    def session(self, id_: str) -> SessionRecord | None:
        found = self._sessions.get(id_)
        return found[0] if found and self._clock() < found[1] else None

    def sessions(self, page: Page) -> tuple[SessionRecord, ...]:
        found = sorted(self._live(page.where), key=_when, reverse=True)
        behind = [record for record in found if page.after is None or _when(record) < page.after]
        return tuple(behind[: page.limit])

    def totals(self, where: Mapping[str, str]) -> Totals:
        return summed(self._live(where))

    def forget(self, id_: str) -> bool:
        with self._lock:
            return self._sessions.pop(id_, None) is not None

    def flush(self) -> bool:
        return True

    def close(self) -> None:
        pass

    def _set(self, section: str, key: str, value: str, ttl_seconds: float | None) -> None:
        values = self._sections[section]
        values.pop(key, None)
        values[key] = value, None if ttl_seconds is None else self._clock() + ttl_seconds
        _bound(values, self._capacity)

    def _live(self, where: Mapping[str, str]) -> list[SessionRecord]:
        with self._lock:
            now = self._clock()
            live = [record for record, until in self._sessions.values() if now < until]
        return [record for record in live if all(record.labels.get(name) == value for name, value in where.items())]


def _when(record: SessionRecord) -> tuple[float, str]:
    return record.last_seen, record.id


def _bound(values: dict[str, Any], capacity: int) -> None:
    while len(values) > capacity:
        del values[next(iter(values))]
