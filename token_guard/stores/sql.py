"""A store in an SQL database: an SQLite file, which the processes of one machine share, or PostgreSQL, for many machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, cast, delete, func, insert, null, or_, select, text, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url

from token_guard.stores.engines import MICROSECONDS, now_in, postgresql_engine, sqlite_engine
from token_guard.stores.records import Batch, Fact, History, News, Page, SessionRecord, Totals
from token_guard.stores.schema import batches, facts, is_current, migrate, sessions
from token_guard.stores.sql_sessions import forget, forget_ended, grow, history, keep_history, paged, records, totals

__all__ = ["SQLStore"]

OVERLAP: Final = 5 * MICROSECONDS
"""How far behind the newest write is looked again: a transaction that began earlier may end later."""

KEPT_FOR: Final = 3_600 * MICROSECONDS
"""How long the ids of batches are kept, and the traces of facts that are forgotten."""

CHUNK: Final = 500

_LOCK: Final = 0x677561726421
"""The advisory lock under which replicas write to PostgreSQL one after another: in any order, two could wait for each other."""


class SQLStore:
    """Facts and session records in tables, about `capacity` facts of a section and as many sessions. Used by one thread; raises what
    SQLAlchemy raises."""

    def __init__(self, url: str, capacity: int = 100_000) -> None:
        address = make_url(url)
        self._is_file = address.get_backend_name() == "sqlite"
        self._engine = sqlite_engine(address) if self._is_file else postgresql_engine(address)
        self._insert: Any = (sqlite if self._is_file else postgresql).insert
        self._now = now_in(self._engine)
        self._capacity = capacity

    def open(self) -> None:
        """Connect, and bring the tables to this version; where they have it already, nothing is written."""
        with self._reading() as connection:
            if is_current(connection):
                return
        with self._engine.begin() as connection:
            migrate(connection)

    def close(self) -> None:
        self._engine.dispose()

    # -- facts -------------------------------------------------------------------------------------------------------------

    def load(self, most: int) -> News:
        """The newest facts of each section, at most so many of each."""
        with self._reading() as connection:
            names = connection.scalars(select(facts.c.section).distinct()).all()
            wanted = self._columns.where(self._lives).order_by(facts.c.written_at.desc()).limit(most)
            rows = [row for name in names for row in connection.execute(wanted.where(facts.c.section == name)).all()[::-1]]
            until = connection.scalar(select(func.max(facts.c.written_at)))
        return News(_facts(rows), until or 0)

    def news(self, since: int) -> News:
        """What was written or forgotten since."""
        with self._reading() as connection:
            changed = self._columns.where(facts.c.written_at > since - OVERLAP).order_by(facts.c.written_at)
            rows = connection.execute(changed).all()
        return News(_facts(rows), max([since, *(row.written_at for row in rows)]))

    def fetch(self, places: Sequence[tuple[str, str]]) -> tuple[Fact, ...]:
        """The facts under these sections and keys, as far as there are any."""
        with self._reading() as connection:
            return _facts(connection.execute(self._columns.where(tuple_(facts.c.section, facts.c.key).in_(places), self._lives)).all())

    def keys(self, section: str) -> tuple[str, ...]:
        with self._reading() as connection:
            wanted = select(facts.c.key).where(facts.c.section == section, self._lives).order_by(facts.c.written_at, facts.c.place)
            return tuple(connection.scalars(wanted))

    def claim(self, fact: Fact) -> str:
        """The text that counts under the fact's key: its own, where there was none."""
        with self._engine.begin() as connection:
            connection.execute(self._upsert(claimed=True), [_row(fact)])
            found = connection.scalar(select(facts.c.value).where(facts.c.section == fact.section, facts.c.key == fact.key))
        return str(found)

    def write(self, batch: Batch) -> None:
        """Write a batch, once, however often it is tried."""
        with self._engine.begin() as connection:
            if not self._is_file:
                connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            if batch.uncertain and connection.scalar(select(batches.c.id).where(batches.c.id == batch.id)):
                return
            connection.execute(insert(batches).values(id=batch.id, at=self._now))
            for claimed, group in groupby(batch.facts, key=lambda fact: fact.claimed):
                connection.execute(self._upsert(claimed=claimed), [_row(fact) for fact in group])
            if batch.changes:
                grow(connection, self._insert, batch.changes)

    def prune(self) -> None:
        """Take out what has ended, and the oldest facts of sections that are too full."""
        with self._engine.begin() as connection:
            connection.execute(delete(facts).where(facts.c.expires_at < self._now - KEPT_FOR))
            connection.execute(delete(batches).where(batches.c.at < self._now - KEPT_FOR))
            for section, number in connection.execute(select(facts.c.section, func.count()).group_by(facts.c.section)).all():
                if number > self._capacity:
                    self._shorten(connection, section)
            forget_ended(connection, self._capacity)

    # -- sessions ----------------------------------------------------------------------------------------------------------

    def session(self, id_: str) -> SessionRecord | None:
        with self._reading() as connection:
            return next(iter(records(connection, select(sessions).where(sessions.c.id == id_))), None)

    def sessions(self, page: Page) -> tuple[SessionRecord, ...]:
        with self._reading() as connection:
            return records(connection, paged(page))

    def totals(self, where: Mapping[str, str]) -> Totals:
        with self._reading() as connection:
            return totals(connection, where)

    def forget(self, id_: str) -> bool:
        with self._engine.begin() as connection:
            return forget(connection, [id_]) > 0

    def history(self, id_: str) -> History | None:
        with self._reading() as connection:
            return history(connection, id_)

    def keep_history(self, id_: str, known: int, new: History, ttl_seconds: float) -> bool:
        with self._engine.begin() as connection:
            return keep_history(connection, self._insert, id_, known, new, ttl_seconds)

    # -- how ---------------------------------------------------------------------------------------------------------------

    def _reading(self) -> Connection:
        return self._engine.connect().execution_options(reading=True)

    def _shorten(self, connection: Connection, section: str) -> None:
        """Take out the oldest facts of a section that is too full."""
        newest = select(facts.c.place).where(facts.c.section == section).order_by(facts.c.written_at.desc(), facts.c.place.desc())
        places = connection.scalars(newest.offset(self._capacity)).all()
        for start in range(0, len(places), CHUNK):
            connection.execute(delete(facts).where(facts.c.place.in_(places[start : start + CHUNK])))

    @property
    def _columns(self) -> Any:
        return select(facts.c.section, facts.c.key, facts.c.value, facts.c.written_at, (facts.c.expires_at - self._now).label("left"))

    @property
    def _lives(self) -> ColumnElement[bool]:
        return or_(facts.c.expires_at.is_(null()), facts.c.expires_at > self._now)

    def _upsert(self, *, claimed: bool) -> Any:
        ends = self._now + cast(bindparam("ttl"), BigInteger)
        new = self._insert(facts).values(
            section=bindparam("section"), key=bindparam("key"), value=bindparam("value"), written_at=self._now, expires_at=ends
        )
        set_ = {name: new.excluded[name] for name in ("value", "written_at", "expires_at")}
        gone = facts.c.expires_at <= self._now if claimed else None
        return new.on_conflict_do_update(index_elements=["section", "key"], set_=set_, where=gone)


def _row(fact: Fact) -> dict[str, Any]:
    """What is forgotten is written as ended, so that others hear of it."""
    ttl = -1.0 if fact.value is None else fact.ttl_seconds
    microseconds = None if ttl is None else int(ttl * MICROSECONDS)
    return {"section": fact.section, "key": fact.key, "value": fact.value or "", "ttl": microseconds}


def _facts(rows: Iterable[Any]) -> tuple[Fact, ...]:
    return tuple(
        Fact(row.section, row.key, None, None)
        if row.left is not None and row.left <= 0
        else Fact(row.section, row.key, row.value, None if row.left is None else row.left / MICROSECONDS)
        for row in rows
    )
