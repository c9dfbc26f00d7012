"""How SQLAlchemy connects to an SQLite file and to PostgreSQL, and what time it is there."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import BigInteger, ColumnElement, Connection, Engine, cast, create_engine, event, func
from sqlalchemy.engine import URL

__all__ = ["MICROSECONDS", "now_in", "postgresql_engine", "sqlite_engine"]

MICROSECONDS: Final = 1_000_000

PATIENCE_SECONDS: Final = 2.0
"""How long a statement may wait for the server or for another process's lock; only the store's own thread waits for it."""


def now_in(engine: Engine) -> ColumnElement[int]:
    """The time in microseconds since 1970, by a clock that all who write to this database go by; never the same for two facts."""
    if engine.dialect.name == "sqlite":
        return func.now_us(type_=BigInteger)
    return cast(func.extract("epoch", func.clock_timestamp()) * MICROSECONDS, BigInteger)


def sqlite_engine(url: URL) -> Engine:
    """An engine for a file; its folder is made when it is first opened."""
    file = Path(url.database or "").expanduser()
    arguments = {"timeout": PATIENCE_SECONDS, "check_same_thread": False}
    engine = create_engine(URL.create("sqlite", database=str(file)), connect_args=arguments)

    @event.listens_for(engine, "do_connect")
    def opening(*_: object) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)

    @event.listens_for(engine, "connect")
    def opened(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin as `begun` says, and not where Python's module thinks they should
        connection.create_function("now_us", 0, _rising())
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # a reader that becomes a writer halfway is refused at once when another process writes; one that begins as one waits
        connection.exec_driver_sql("begin" if connection.get_execution_options().get("reading") else "begin immediate")

    return engine


def postgresql_engine(url: URL) -> Engine:
    """An engine for PostgreSQL with one connection."""
    arguments = {"connect_timeout": int(PATIENCE_SECONDS), "application_name": "token_guard", "prepare_threshold": None}
    engine = create_engine(url.set(drivername="postgresql+psycopg"), connect_args=arguments, pool_size=1, max_overflow=0)
    milliseconds = int(PATIENCE_SECONDS * 1_000)

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # for the transaction alone: behind a pooler the connection is others' as well
        connection.exec_driver_sql(f"set local statement_timeout = {milliseconds}")
        connection.exec_driver_sql(f"set local lock_timeout = {milliseconds}")

    return engine


def _rising() -> Callable[[], int]:
    """A clock in microseconds that never says the same twice."""
    last = [0]

    def now() -> int:
        last[0] = max(last[0] + 1, time.time_ns() // 1_000)
        return last[0]

    return now
