"""Memory in front, a backend behind: requests read and write memory, one thread of the store's own does the rest.

That thread writes what waits in batches, and reads what other replicas have written: a fact is everywhere after `WRITTEN_EVERY` and
`READ_EVERY` seconds. Only a claim asks the backend at once, because all replicas have to get the same answer; it waits for a moment,
then memory decides.
"""

from __future__ import annotations

import atexit
import hashlib
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Final, Protocol, TypeVar

from token_guard.errors import StoreUnavailableError
from token_guard.stores.memory import MemoryStore
from token_guard.stores.outage import Outage
from token_guard.stores.pending import Pending
from token_guard.stores.records import Batch, Fact, News, Page, SessionChange, SessionRecord, Totals

__all__ = ["Backend", "SharedStore"]

T = TypeVar("T")

TICK_SECONDS: Final = 0.1
WRITTEN_EVERY: Final = 0.5
"""Seconds between two batches: what the death of a process loses at most."""
READ_EVERY: Final = 2.0
PRUNED_EVERY: Final = 300.0

CLAIM_SECONDS: Final = 1.0
"""How long a claim waits for the backend; once, then claims are decided in memory until it answers."""
ANSWER_SECONDS: Final = 10.0
"""How long a person who asks for records waits."""
END_SECONDS: Final = 2.0
"""How long the end of a process waits for the last batch."""

LOADED: Final = 1_000
"""Newest facts of each section that a process begins with; older ones come when they are asked for."""
ASKED_AGAIN_SECONDS: Final = 60.0
MAX_ASKED: Final = 10_000
MAX_KEY: Final = 400
"""Characters of a key; what is longer than databases index is kept under its digest."""


class Backend(Protocol):
    """What keeps facts and records; used by one thread, raises whatever its driver raises."""

    def open(self) -> None: ...
    def close(self) -> None: ...
    def load(self, most: int) -> News: ...
    def news(self, since: int) -> News: ...
    def fetch(self, places: Sequence[tuple[str, str]]) -> tuple[Fact, ...]: ...
    def keys(self, section: str) -> tuple[str, ...]: ...
    def claim(self, fact: Fact) -> str: ...
    def write(self, batch: Batch) -> None: ...
    def prune(self) -> None: ...
    def session(self, id_: str) -> SessionRecord | None: ...
    def sessions(self, page: Page) -> tuple[SessionRecord, ...]: ...
    def totals(self, where: Mapping[str, str]) -> Totals: ...
    def forget(self, id_: str) -> bool: ...


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
        self._backend = backend
        self._observe = observe
        self._clock = clock
        self._near = MemoryStore(capacity)
        self._pending = Pending()
        self._outage = Outage(shown, observe)
        self._asked: dict[tuple[str, str], float] = {}
        self._wanted: set[tuple[str, str]] = set()
        self._jobs: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._due = {"write": 0.0, "read": 0.0, "prune": clock() + PRUNED_EVERY}
        self._until = 0
        self._busy_since: float | None = None
        self._is_open = self._is_closing = False
        self._tried = threading.Event()
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="token_guard store", daemon=True)
        self._thread.start()
        atexit.register(_close, weakref.ref(self))

    def wait(self, seconds: float) -> bool:
        """Wait until the backend was read, or could not be; whether it was."""
        self._tried.wait(seconds)
        return self._is_open

    # -- facts -------------------------------------------------------------------------------------------------------------

    def get(self, section: str, key: str) -> str | None:
        key = _key(key)
        found = self._near.get(section, key)
        if found is None:
            self._want((section, key))
        return found

    def put(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> None:
        key, value = _key(key), _text(value)
        with self._wake:
            self._near.put(section, key, value, ttl_seconds=ttl_seconds)
            self._dropped(self._pending.add(Fact(section, key, value, ttl_seconds)))

    def delete(self, section: str, key: str) -> None:
        key = _key(key)
        with self._wake:
            self._near.delete(section, key)
            self._dropped(self._pending.add(Fact(section, key, None)))

    def claim(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> str:
        fact = Fact(section, _key(key), _text(value), ttl_seconds, claimed=True)
        known = self._near.get(*fact.place)
        if known is not None:
            return known
        try:
            found = self._ask(lambda: self._backend.claim(fact), CLAIM_SECONDS)
        except StoreUnavailableError:
            return self._claimed_nearby(fact)
        self._near.put(*fact.place, found, ttl_seconds=ttl_seconds)
        return found

    def keys(self, section: str) -> tuple[str, ...]:
        try:
            return self._ask(lambda: self._after_writing(lambda: self._backend.keys(section)), ANSWER_SECONDS)
        except StoreUnavailableError:
            return self._near.keys(section)

    # -- sessions ----------------------------------------------------------------------------------------------------------

    def note(self, change: SessionChange) -> None:
        change = replace(
            change,
            labels={name: _text(label) for name, label in change.labels.items()},
            asked={(kind, _text(tool).replace("\t", " ")): times for (kind, tool), times in change.asked.items()} if change.asked else {},
        )
        with self._wake:
            self._dropped(self._pending.note(change))

    def session(self, id_: str) -> SessionRecord | None:
        return self._ask(lambda: self._after_writing(lambda: self._backend.session(id_)), ANSWER_SECONDS)

    def sessions(self, page: Page) -> tuple[SessionRecord, ...]:
        return self._ask(lambda: self._after_writing(lambda: self._backend.sessions(page)), ANSWER_SECONDS)

    def totals(self, where: Mapping[str, str]) -> Totals:
        return self._ask(lambda: self._after_writing(lambda: self._backend.totals(where)), ANSWER_SECONDS)

    def forget(self, id_: str) -> bool:
        return self._ask(lambda: self._after_writing(lambda: self._backend.forget(id_)), ANSWER_SECONDS)

    # -- its end -----------------------------------------------------------------------------------------------------------

    def flush(self) -> bool:
        """Write what waits, now; whether that could be done."""
        try:
            return self._ask(lambda: self._after_writing(lambda: not self._pending), ANSWER_SECONDS)
        except StoreUnavailableError:
            return False

    def close(self) -> None:
        with self._wake:
            self._is_closing = True
            self._wake.notify()
        self._thread.join(END_SECONDS)

    # -- below the requests ------------------------------------------------------------------------------------------------

    def _want(self, place: tuple[str, str]) -> None:
        """Have a fact read that is not in memory: it may be an older one. News come by themselves."""
        now = self._clock()
        if now < self._asked.get(place, 0.0):
            return
        with self._wake:
            if len(self._asked) >= MAX_ASKED:
                self._asked.clear()
            self._asked[place] = now + ASKED_AGAIN_SECONDS
            if len(self._wanted) < LOADED:
                self._wanted.add(place)

    def _claimed_nearby(self, fact: Fact) -> str:
        with self._wake:
            found = self._near.claim(*fact.place, str(fact.value), ttl_seconds=fact.ttl_seconds)
            if found == fact.value:
                self._dropped(self._pending.add(fact))
        return found

    def _dropped(self, number: int) -> None:
        if number:
            self._observe("dropped", number)

    def _ask(self, job: Callable[[], T], seconds: float) -> T:
        """What the store's own thread gets for us; raises StoreUnavailableError where it cannot, or takes too long."""
        busy = self._busy_since
        is_stuck = busy is not None and self._clock() - busy > CLAIM_SECONDS
        if self._is_closing or is_stuck or (self._tried.is_set() and not self._is_open):
            raise StoreUnavailableError
        done: Future[T] = Future()
        with self._wake:
            self._jobs.append((job, done))
            self._wake.notify()
        try:
            return done.result(seconds)
        except TimeoutError:
            done.cancel()
            raise StoreUnavailableError from None

    # -- the thread --------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._is_closing:
            self._cycle()
            with self._wake:
                if not self._jobs and not self._is_closing:
                    self._wake.wait(TICK_SECONDS)
        self._cycle(last=True)
        self._backend.close()

    def _cycle(self, *, last: bool = False) -> None:
        now = self._clock()
        if not self._is_open and self._outage.may("read", now):
            self._step("read", self._open)
            self._tried.set()
        while self._jobs:
            self._serve(*self._jobs.popleft())
        if not self._is_open:
            return
        if last or ((self._pending or self._outage.stops("write")) and self._is_due("write", now, WRITTEN_EVERY)):
            self._step("write", self._write)
        if not last and self._is_due("read", now, READ_EVERY):
            self._step("read", self._read)
        if not last and not self._outage.stops("write") and self._is_due("prune", now, PRUNED_EVERY):
            self._step("write", self._backend.prune)

    def _is_due(self, step: str, now: float, every: float) -> bool:
        if now < self._due[step] or not self._outage.may(step, now):
            return False
        self._due[step] = now + every
        return True

    def _step(self, kind: str, step: Callable[[], object]) -> None:
        """Do a step; whatever the driver raises is an outage."""
        self._busy_since = self._busy_since or self._clock()
        try:
            step()
        except Exception as error:
            self._outage.failed(kind, error, self._clock())
        else:
            self._outage.worked(kind)
        finally:
            self._busy_since = None

    def _serve(self, job: Callable[[], Any], done: Future[Any]) -> None:
        if not done.set_running_or_notify_cancel():
            return
        if not self._is_open or not self._outage.may("read", self._clock()):
            done.set_exception(StoreUnavailableError())
            return

        def served() -> None:
            try:
                done.set_result(job())
            except Exception:
                done.set_exception(StoreUnavailableError())
                raise

        self._step("read", served)

    def _open(self) -> None:
        self._backend.open()
        news = self._backend.load(LOADED)
        self._learn(news)
        self._is_open = True

    def _after_writing(self, job: Callable[[], T]) -> T:
        if self._outage.may("write", self._clock()):
            self._step("write", self._write)
        return job()

    def _write(self) -> None:
        while True:
            with self._wake:
                batch = self._pending.batch()
            if batch is None:
                return
            try:
                self._backend.write(batch)
            except Exception:
                self._pending.unwritten = replace(batch, uncertain=True)
                raise
            self._pending.unwritten = None

    def _read(self) -> None:
        with self._wake:
            wanted, self._wanted = self._wanted, set()
        if wanted:
            self._learn(News(self._backend.fetch(sorted(wanted)), self._until))
        self._learn(self._backend.news(self._until))

    def _learn(self, news: News) -> None:
        """Take over what the backend knows, but for what it does not know yet."""
        for fact in news.facts:
            with self._wake:
                if fact.place in self._pending:
                    continue
                if fact.value is None:
                    self._near.delete(*fact.place)
                elif self._near.get(*fact.place) != fact.value or fact.ttl_seconds is not None:
                    self._near.put(*fact.place, fact.value, ttl_seconds=fact.ttl_seconds)
        self._until = news.until


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
