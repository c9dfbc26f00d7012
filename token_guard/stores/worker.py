"""The one thread of a store that reads and writes what is behind it: in batches, and again when that fails."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Final, Protocol, TypeVar

from token_guard.errors import StoreUnavailableError
from token_guard.stores.memory import MemoryStore
from token_guard.stores.outage import Outage
from token_guard.stores.pending import Pending
from token_guard.stores.records import Batch, Fact, History, News, Page, SessionRecord, Totals

__all__ = ["LOADED", "Backend", "Worker"]

T = TypeVar("T")

TICK_SECONDS: Final = 0.1
WRITTEN_EVERY: Final = 0.5
"""Seconds between two batches: what the death of a process loses at most."""
READ_EVERY: Final = 2.0
PRUNED_EVERY: Final = 300.0

STUCK_SECONDS: Final = 1.0
"""Whoever comes while something takes longer than this does not wait behind it."""
END_SECONDS: Final = 2.0
"""How long the end of a process waits for the last batch."""

LOADED: Final = 1_000
"""Newest facts of each section that a process begins with; older ones come when they are asked for."""


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
    def history(self, id_: str) -> History | None: ...
    def keep_history(self, id_: str, known: int, new: History, ttl_seconds: float) -> bool: ...


class Worker:
    """Writes what is `pending` to a backend, and keeps `near` what others wrote there. `lock` is that of both."""

    def __init__(self, backend: Backend, near: MemoryStore, pending: Pending, outage: Outage, clock: Callable[[], float]) -> None:
        self.lock = threading.Condition()
        self._backend = backend
        self._near = near
        self._pending = pending
        self._outage = outage
        self._clock = clock
        self._wanted: set[tuple[str, str]] = set()
        self._jobs: deque[tuple[Callable[[Backend], Any], Future[Any]]] = deque()
        self._due = {"write": 0.0, "read": 0.0, "prune": clock() + PRUNED_EVERY}
        self._until = 0
        self._busy_since: float | None = None
        self._is_open = self._is_closing = False
        self._tried = threading.Event()
        self._thread = threading.Thread(target=self._run, name="token_guard store", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait until the backend was read, or could not be; whether it was."""
        self._tried.wait(seconds)
        return self._is_open

    def want(self, place: tuple[str, str]) -> None:
        """Have a fact read, some time soon."""
        with self.lock:
            if len(self._wanted) < LOADED:
                self._wanted.add(place)

    def learn(self, places: Sequence[tuple[str, str]], seconds: float) -> None:
        """Have facts read now. Raises as `ask` does."""
        self.ask(lambda backend: self._learn(News(backend.fetch(places), self._until)), seconds)

    def ask(self, job: Callable[[Backend], T], seconds: float) -> T:
        """What the backend says; raises StoreUnavailableError where it does not, or takes too long."""
        busy = self._busy_since
        is_stuck = busy is not None and self._clock() - busy > STUCK_SECONDS
        if self._is_closing or is_stuck or (self._tried.is_set() and not self._is_open):
            raise StoreUnavailableError
        done: Future[T] = Future()
        with self.lock:
            self._jobs.append((job, done))
            self.lock.notify()
        try:
            return done.result(seconds)
        except TimeoutError:
            done.cancel()
            raise StoreUnavailableError from None

    def ask_after_writing(self, job: Callable[[Backend], T], seconds: float) -> T:
        """The same after all that waits was written, as far as that can be done."""

        def after_writing(backend: Backend) -> T:
            if self._outage.may("write", self._clock()):
                self._step("write", self._write)
            return job(backend)

        return self.ask(after_writing, seconds)

    def close(self) -> None:
        """Write what waits, and end."""
        with self.lock:
            self._is_closing = True
            self.lock.notify()
        self._thread.join(END_SECONDS)

    def _run(self) -> None:
        while not self._is_closing:
            self._cycle()
            with self.lock:
                if not self._jobs and not self._is_closing:
                    self.lock.wait(TICK_SECONDS)
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
        before, self._busy_since = self._busy_since, self._busy_since or self._clock()
        try:
            step()
        except Exception as error:
            self._outage.failed(kind, error, self._clock())
        else:
            self._outage.worked(kind)
        finally:
            self._busy_since = before

    def _serve(self, job: Callable[[Backend], Any], done: Future[Any]) -> None:
        if not done.set_running_or_notify_cancel():
            return
        if not self._is_open or not self._outage.may("read", self._clock()):
            done.set_exception(StoreUnavailableError())
            return

        def served() -> None:
            try:
                done.set_result(job(self._backend))
            except Exception:
                done.set_exception(StoreUnavailableError())
                raise

        self._step("read", served)

    def _open(self) -> None:
        self._backend.open()
        news = self._backend.load(LOADED)
        self._learn(news)
        self._is_open = True

    def _write(self) -> None:
        while True:
            with self.lock:
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
        with self.lock:
            wanted, self._wanted = self._wanted, set()
        if wanted:
            self._learn(News(self._backend.fetch(sorted(wanted)), self._until))
        self._learn(self._backend.news(self._until))

    def _learn(self, news: News) -> None:
        """Take over what the backend knows, but for what it does not know yet."""
        for fact in news.facts:
            with self.lock:
                if fact.place in self._pending:
                    continue
                if fact.value is None:
                    self._near.delete(*fact.place)
                elif self._near.get(*fact.place) != fact.value or fact.ttl_seconds is not None:
                    self._near.put(*fact.place, fact.value, ttl_seconds=fact.ttl_seconds)
        self._until = news.until
