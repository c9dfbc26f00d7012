"""Memory in front, a backend behind: requests read and write memory, one thread of the store's own does the rest.

That thread writes what waits in batches every half second, and reads every two seconds what other replicas have written. Only a claim
asks the backend at once, because all replicas have to get the same answer; it waits for a moment, then memory decides.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import time
import weakref
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Final

from token_guard.errors import StoreUnavailableError
from token_guard.stores.memory import MemoryStore
from token_guard.stores.outage import Outage
from token_guard.stores.pending import Pending
from token_guard.stores.records import GAPS, Fact, History, Page, SessionChange, SessionRecord, Totals
from token_guard.stores.worker import LOADED, Backend, Worker

__all__ = ["SharedStore"]

CLAIM_SECONDS: Final = 1.0
"""How long a claim waits for the backend; once, then claims are decided in memory until it answers."""
ANSWER_SECONDS: Final = 10.0
"""How long a person who asks for records waits."""
HISTORY_SECONDS: Final = 1.5
"""How long a request waits for its history, and its answer until that is kept."""

ASKED_AGAIN_SECONDS: Final = 60.0
MAX_ASKED: Final = 10_000
MAX_KEY: Final = 400
"""Characters of a key; what is longer than databases index is kept under its digest."""


class SharedStore:
    """A store that other processes share, and that never keeps a request waiting; thread-safe."""

    def __init__(
        self,
        backend: Backend,
        shown: str,
        *,
        observe: Callable[[str, int], None] = lambda _what, _number: None,
        capacity: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`shown` names the backend in log lines; `observe` is told of `errors`, of records that were `dropped`, and whether it is `up`."""
        self._observe = observe
        self._clock = clock
        self._near = MemoryStore(capacity)
        self._pending = Pending()
        self._asked: dict[tuple[str, str], float] = {}
        self._worker = Worker(backend, self._near, self._pending, Outage(shown, observe), clock)
        self._lock = self._worker.lock
        atexit.register(_close, weakref.ref(self))

    def wait(self, seconds: float) -> bool:
        """Wait until the backend was read, or could not be; whether it was."""
        return self._worker.wait(seconds)

    # -- facts -------------------------------------------------------------------------------------------------------------

    def get(self, section: str, key: str) -> str | None:
        key = _key(key)
        found = self._near.get(section, key)
        if found is None:
            self._want((section, key))
        return found

    def get_many(self, section: str, keys: Collection[str]) -> dict[str, str]:
        asked = {key: _key(key) for key in keys}
        unknown = [(section, key) for key in asked.values() if self._near.get(section, key) is None]
        with contextlib.suppress(StoreUnavailableError):
            for start in range(0, len(unknown), LOADED):
                self._worker.learn(unknown[start : start + LOADED], ANSWER_SECONDS)
        return {key: value for key, short in asked.items() if (value := self._near.get(section, short)) is not None}

    def put(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> None:
        key, value = _key(key), _text(value)
        with self._lock:
            self._near.put(section, key, value, ttl_seconds=ttl_seconds)
            self._dropped(self._pending.add(Fact(section, key, value, ttl_seconds)))

    def delete(self, section: str, key: str) -> None:
        key = _key(key)
        with self._lock:
            self._near.delete(section, key)
            self._dropped(self._pending.add(Fact(section, key, None)))

    def claim(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> str:
        fact = Fact(section, _key(key), _text(value), ttl_seconds, claimed=True)
        known = self._near.get(*fact.place)
        if known is not None:
            return known
        try:
            found = self._worker.ask(lambda backend: backend.claim(fact), CLAIM_SECONDS)
        except StoreUnavailableError:
            return self._claimed_nearby(fact)
        self._near.put(*fact.place, found, ttl_seconds=ttl_seconds)
        return found

    def keys(self, section: str) -> tuple[str, ...]:
        try:
            return self._worker.ask_after_writing(lambda backend: backend.keys(section), ANSWER_SECONDS)
        except StoreUnavailableError:
            return self._near.keys(section)

    # -- sessions ----------------------------------------------------------------------------------------------------------

    def note(self, change: SessionChange) -> None:
        change = replace(
            change,
            labels={name: _text(label) for name, label in change.labels.items()},
            asked={(kind, _text(tool).replace("\t", " ")): times for (kind, tool), times in change.asked.items()} if change.asked else {},
        )
        with self._lock:
            self._dropped(self._pending.note(change))

    def session(self, id_: str) -> SessionRecord | None:
        return self._worker.ask_after_writing(lambda backend: backend.session(id_), ANSWER_SECONDS)

    def sessions(self, page: Page) -> tuple[SessionRecord, ...]:
        return self._worker.ask_after_writing(lambda backend: backend.sessions(page), ANSWER_SECONDS)

    def totals(self, where: Mapping[str, str]) -> Totals:
        return self._worker.ask_after_writing(lambda backend: backend.totals(where), ANSWER_SECONDS)

    def forget(self, id_: str) -> bool:
        self.delete(GAPS, id_)
        return self._worker.ask_after_writing(lambda backend: backend.forget(id_), ANSWER_SECONDS)

    # -- histories ---------------------------------------------------------------------------------------------------------

    def history(self, id_: str) -> History | None:
        held, gaps = self._worker.ask_after_writing(
            lambda backend: (backend.history(id_), backend.fetch([(GAPS, id_)])), HISTORY_SECONDS
        )  # what could not be written yet is known here alone
        if gaps or self._near.get(GAPS, id_) is not None:
            return replace(held or History(0, ""), is_whole=False)
        return held

    def keep_history(self, id_: str, known: int, new: History, *, ttl_seconds: float, mends: bool = False) -> bool:
        def keep(backend: Backend) -> bool:
            kept = backend.keep_history(id_, known, new, ttl_seconds)
            if kept and mends and (backend.fetch([(GAPS, id_)]) or self._near.get(GAPS, id_) is not None):
                self.delete(GAPS, id_)
            return kept

        return self._worker.ask_after_writing(keep, HISTORY_SECONDS)

    def lose_history(self, id_: str, *, ttl_seconds: float) -> None:
        self.put(GAPS, id_, "1", ttl_seconds=ttl_seconds)

    # -- its end -----------------------------------------------------------------------------------------------------------

    def flush(self) -> bool:
        """Write what waits, now; whether that could be done."""
        try:
            return self._worker.ask_after_writing(lambda _backend: not self._pending, ANSWER_SECONDS)
        except StoreUnavailableError:
            return False

    def close(self) -> None:
        self._worker.close()

    # -- how ---------------------------------------------------------------------------------------------------------------

    def _want(self, place: tuple[str, str]) -> None:
        """Have a fact read that is not in memory: it may be an older one. News come by themselves."""
        now = self._clock()
        if now < self._asked.get(place, 0.0):
            return
        with self._lock:
            if len(self._asked) >= MAX_ASKED:
                self._asked.clear()
            self._asked[place] = now + ASKED_AGAIN_SECONDS
        self._worker.want(place)

    def _claimed_nearby(self, fact: Fact) -> str:
        with self._lock:
            found = self._near.claim(*fact.place, str(fact.value), ttl_seconds=fact.ttl_seconds)
            if found == fact.value:
                self._dropped(self._pending.add(fact))
        return found

    def _dropped(self, number: int) -> None:
        if number:
            self._observe("dropped", number)


def _close(store: weakref.ref[SharedStore]) -> None:
    found = store()
    if found is not None:
        found.close()


def _key(key: str) -> str:
    """A key that every database takes."""
    return key if len(key) <= MAX_KEY and key.isprintable() else hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _text(value: str) -> str:
    """A text that every database takes: PostgreSQL knows no NUL, and nobody half a surrogate pair."""
    return value.replace("\0", " ").encode("utf-8", "replace").decode()
