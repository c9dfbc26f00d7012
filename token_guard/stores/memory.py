"""A store that lives as long as its process."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from token_guard.stores.records import GAPS, ORIGINALS, History, Page, SessionChange, SessionRecord, Totals, grown, summed

__all__ = ["MemoryStore"]

PRUNED_EVERY = 256
"""Changes of sessions between two looks for those whose time is over."""

HISTORY_CHARS = 256 * 1024 * 1024
"""Characters of all held histories together; those that were kept longest ago go first."""


class MemoryStore:
    """Values and session records in dictionaries, at most `capacity` of each section and of sessions. Reads take no lock."""

    __slots__ = ("_capacity", "_changes", "_clock", "_histories", "_lock", "_sections", "_sessions")

    def __init__(self, capacity: int = 10_000, clock: Callable[[], float] = time.time) -> None:
        self._capacity = capacity
        self._clock = clock
        self._sections: defaultdict[str, dict[str, tuple[str, float | None]]] = defaultdict(dict)
        self._sessions: dict[str, tuple[SessionRecord, float]] = {}
        self._histories: dict[str, tuple[History, float]] = {}
        self._changes = 0
        self._lock = threading.Lock()

    def get(self, section: str, key: str) -> str | None:
        found = self._sections[section].get(key)
        if found is None:
            return None
        value, until = found
        return value if until is None or self._clock() < until else None

    def get_many(self, section: str, keys: Collection[str]) -> dict[str, str]:
        return {key: value for key in keys if (value := self.get(section, key)) is not None}

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
            self._sections[GAPS].pop(id_, None)
            self._histories.pop(id_ + ORIGINALS, None)
            held = self._histories.pop(id_, None)
            return self._sessions.pop(id_, None) is not None or held is not None

    def history(self, id_: str) -> History | None:
        whole = self.get(GAPS, id_) is None
        with self._lock:
            held = self._held(id_)
        return replace(held, is_whole=whole) if held else None if whole else History(0, "", is_whole=False)

    def keep_history(self, id_: str, known: int, new: History, *, ttl_seconds: float, mends: bool = False) -> bool:
        with self._lock:
            held = self._held(id_)
            if (held.version if held else 0) != known:
                return False
            if mends:
                self._sections[GAPS].pop(id_, None)
            self._histories.pop(id_, None)
            self._histories[id_] = new, self._clock() + ttl_seconds
            while sum(len(one.sealed) for one, _ in self._histories.values()) > HISTORY_CHARS:
                del self._histories[next(iter(self._histories))]
            return True

    def lose_history(self, id_: str, *, ttl_seconds: float) -> None:
        self.put(GAPS, id_, "1", ttl_seconds=ttl_seconds)

    def flush(self) -> bool:
        return True

    def close(self) -> None:
        pass

    def _set(self, section: str, key: str, value: str, ttl_seconds: float | None) -> None:
        values = self._sections[section]
        values.pop(key, None)
        values[key] = value, None if ttl_seconds is None else self._clock() + ttl_seconds
        _bound(values, self._capacity)

    def _held(self, id_: str) -> History | None:
        held = self._histories.get(id_)
        return held[0] if held and self._clock() < held[1] else None

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
