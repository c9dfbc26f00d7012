"""The tables of the SQL stores, and how those of earlier versions become them: one migration a version, each run once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    delete,
    insert,
    inspect,
    select,
    text,
    update,
)

from token_guard.stores.records import COUNTS, LABELS

__all__ = ["asked_again", "batches", "events", "facts", "histories", "is_current", "migrate", "sessions"]

METADATA: Final = MetaData()
PLACE: Final = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database gives; SQLite numbers only what is declared as its own kind of integer."""

facts: Final = Table(
    "facts",
    METADATA,
    Column("place", PLACE, primary_key=True, autoincrement=True),
    Column("section", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("written_at", BigInteger, nullable=False, server_default="0"),  # microseconds since 1970, by the database's clock
    Column("expires_at", BigInteger),  # the same; what is forgotten has expired, so that others hear of it
    UniqueConstraint("section", "key"),
    Index("facts_written_at", "written_at"),
    sqlite_autoincrement=True,
)

sessions: Final = Table(
    "sessions",
    METADATA,
    Column("id", Text, primary_key=True),
    *(Column(name, Text, nullable=False, server_default="") for name in LABELS),
    *(Column(name, BigInteger, nullable=False, server_default="0") for name in COUNTS),
    Column("usage_ratio", Float, nullable=False, server_default="0"),
    Column("epochs", Integer, nullable=False, server_default="0"),
    Column("first_seen", Float(53), nullable=False),
    Column("last_seen", Float(53), nullable=False),
    Column("expires_at", Float(53), nullable=False),
    Index("sessions_last_seen", "last_seen"),
    Index("sessions_owner", "owner", "last_seen"),
    Index("sessions_expires_at", "expires_at"),
)

events: Final = Table(
    "session_events",
    METADATA,
    Column("place", PLACE, primary_key=True, autoincrement=True),
    Column("session", Text, nullable=False, index=True),
    Column("event", Text, nullable=False),
    sqlite_autoincrement=True,
)

asked_again: Final = Table(
    "asked_again",
    METADATA,
    Column("session", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("tool", Text, primary_key=True),
    Column("times", BigInteger, nullable=False),
)

histories: Final = Table(
    "histories",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("sealed", Text, nullable=False),  # encrypted: see `Sealing`
    Column("expires_at", Float(53), nullable=False),
    Index("histories_expires_at", "expires_at"),
)

batches: Final = Table("batches", METADATA, Column("id", Text, primary_key=True), Column("at", BigInteger, nullable=False))
"""Which batches were written, for an hour: one whose connection broke is not written twice."""

_VERSION: Final = Table("schema_version", METADATA, Column("version", Integer, nullable=False))

_LOCK: Final = 0x746F6B656E
"""The advisory lock under which a PostgreSQL database is migrated by one process; the word token in ASCII."""


def is_current(connection: Connection) -> bool:
    """Whether the tables are those of this version, or of a later one."""
    return inspect(connection).has_table(_VERSION.name) and (connection.scalar(select(_VERSION.c.version)) or 0) >= len(MIGRATIONS)


def migrate(connection: Connection) -> None:
    """Bring the tables to the newest version, in the transaction of this connection; one of a later version stays as it is."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    _VERSION.create(connection, checkfirst=True)
    version = connection.scalar(select(_VERSION.c.version)) or 0
    if not version:
        connection.execute(insert(_VERSION).values(version=0))
    for number, migration in enumerate(MIGRATIONS[version:], start=version + 1):
        migration(connection)
        connection.execute(update(_VERSION).values(version=number))


def _facts(connection: Connection) -> None:
    """The one table of the first version, which was in files before there were versions."""
    old = MetaData()
    columns = [Column(column.name, column.type, nullable=False) for column in facts.columns if column.name in ("section", "key", "value")]
    place = Column("place", PLACE, primary_key=True, autoincrement=True)
    Table("facts", old, place, *columns, UniqueConstraint("section", "key"), sqlite_autoincrement=True).create(connection, checkfirst=True)


def _times_and_sessions(connection: Connection) -> None:
    """Facts know when they were written and when they end; there are records of sessions."""
    present = {column["name"] for column in inspect(connection).get_columns("facts")}
    for name, declaration in (("written_at", "bigint not null default 0"), ("expires_at", "bigint")):
        if name not in present:
            connection.execute(text(f"alter table facts add column {name} {declaration}"))
    connection.execute(update(facts).values(written_at=facts.c.place))  # their order is what is known of their times
    _summaries_end(connection)
    for index in facts.indexes:
        index.create(connection, checkfirst=True)
    METADATA.create_all(connection, tables=[sessions, events, asked_again, batches], checkfirst=True)


def _summaries_end(connection: Connection) -> None:
    """Texts of summaries held their own end, in seconds since 1970, beside the text."""
    connection.execute(delete(facts).where(facts.c.section == "summary_leases"))
    for place, value in connection.execute(select(facts.c.place, facts.c.value).where(facts.c.section == "summaries")).all():
        try:
            until, written = json.loads(value)
            known = {"value": str(written), "expires_at": int(float(until) * 1e6)}
        except (ValueError, TypeError):
            connection.execute(delete(facts).where(facts.c.place == place))
            continue
        connection.execute(update(facts).where(facts.c.place == place).values(known))


def _held_histories(connection: Connection) -> None:
    """Conversations can be held for clients."""
    histories.create(connection, checkfirst=True)


MIGRATIONS: Final[tuple[Callable[[Connection], None], ...]] = (_facts, _times_and_sessions, _held_histories)
