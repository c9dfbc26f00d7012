"""The tallies of all processes in the store that they share: one fact a process, model and day, which that process alone writes."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol

from token_guard.shadow.tally import Tally

__all__ = ["KEPT_DAYS", "FactStore", "Records", "read"]

_SECTION: Final = "shadow"

KEPT_DAYS: Final = 90
"""Days that counts are kept: a quarter, over which a guard's settings are compared, if at all."""

_ARRIVAL_SECONDS: Final = 5.0
"""How long facts are waited for that a store names and has not read yet; it reads such every two seconds."""


class FactStore(Protocol):
    """What is needed of a store."""

    def get(self, section: str, key: str) -> str | None: ...
    def put(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> None: ...
    def keys(self, section: str) -> tuple[str, ...]: ...


class Records:
    """Adds tallies of this process's own to the store; thread-safe."""

    def __init__(self, store: FactStore, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now
        self._name = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], Tally] = {}

    def add(self, model: str, tally: Tally) -> None:
        """Add to what this process has counted for a model today."""
        today = datetime.fromtimestamp(self._now(), UTC).date().isoformat()
        with self._lock:
            self._known = {place: known for place, known in self._known.items() if place[0] == today}
            total = self._known[today, model] = self._known.get((today, model), Tally()).plus(tally)
            fact = json.dumps({"day": today, "model": model, "tally": total.as_json()})
            self._store.put(_SECTION, f"{today}/{self._name}/{model}", fact, ttl_seconds=KEPT_DAYS * 86_400.0)


def read(store: FactStore, today: date, days: int = KEPT_DAYS) -> Mapping[str, Tally]:
    """What all processes have counted in so many days, today among them, by model."""
    oldest = (today - timedelta(days=days - 1)).isoformat()
    found: dict[str, Tally] = {}
    for fact in map(json.loads, _facts(store, store.keys(_SECTION))):
        if fact["day"] >= oldest:
            found[fact["model"]] = found.get(fact["model"], Tally()).plus(Tally.from_json(fact["tally"]))
    return dict(sorted(found.items()))


def _facts(store: FactStore, keys: Iterable[str]) -> list[str]:
    """The facts under keys that the store has named."""
    deadline = time.monotonic() + _ARRIVAL_SECONDS
    facts = {key: store.get(_SECTION, key) for key in keys}
    while None in facts.values() and time.monotonic() < deadline:
        time.sleep(0.1)
        facts.update({key: store.get(_SECTION, key) for key, fact in facts.items() if fact is None})
    return [fact for fact in facts.values() if fact is not None]
