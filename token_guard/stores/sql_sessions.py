"""Session records in SQL: the database adds up the increments, so that replicas never overwrite each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Table, bindparam, case, cast, delete, func, insert, select, tuple_, update

from token_guard.stores.records import COUNTS, EVENTS, LABELS, ORIGINALS, History, Page, SessionChange, SessionRecord, Totals
from token_guard.stores.schema import asked_again, events, histories, sessions

__all__ = ["forget", "forget_ended", "grow", "history", "keep_history", "paged", "records", "totals"]

LATEST: Final = ("usage_ratio", "epochs")
"""What a change may say anew; where it says nothing, what was said stays."""

BELONGINGS: Final[tuple[tuple[Table, Column[Any]], ...]] = ((events, events.c.session), (asked_again, asked_again.c.session))

CHUNK: Final = 500
MOST_AT_ONCE: Final = 10_000
"""Sessions of one clean-up; what is left waits for the next."""


def grow(connection: Connection, upsert: Callable[[Table], Any], changes: Sequence[SessionChange]) -> None:
    """Add changes to the records; `upsert` is the dialect's own `insert`."""
    new = upsert(sessions)
    greatest: Any = func.max if connection.dialect.name == "sqlite" else func.greatest
    set_ = {
        **{name: sessions.c[name] + new.excluded[name] for name in COUNTS},
        **{name: greatest(sessions.c[name], new.excluded[name]) for name in ("last_seen", "expires_at")},
        **{name: case((new.excluded[name] == "", sessions.c[name]), else_=new.excluded[name]) for name in LABELS},
        **{name: func.coalesce(cast(bindparam(f"new_{name}"), sessions.c[name].type), sessions.c[name]) for name in LATEST},
    }
    connection.execute(new.on_conflict_do_update(index_elements=["id"], set_=set_), [*map(_row, changes)])
    again = [_asked_row(change.id, *asked) for change in changes for asked in change.asked.items()]
    if again:
        more = upsert(asked_again)
        total = {"times": asked_again.c.times + more.excluded.times}
        connection.execute(more.on_conflict_do_update(index_elements=["session", "kind", "tool"], set_=total), again)
    _append(connection, [(change.id, event) for change in changes for event in change.events])


def paged(page: Page) -> Any:
    """The query for a page of records."""
    wanted = select(sessions).where(*_labelled(page.where)).order_by(sessions.c.last_seen.desc(), sessions.c.id.desc())
    if page.after:
        wanted = wanted.where(tuple_(sessions.c.last_seen, sessions.c.id) < page.after)
    return wanted.limit(page.limit)


def records(connection: Connection, wanted: Any) -> tuple[SessionRecord, ...]:
    """The records that a query of sessions finds, with all that belongs to them."""
    rows = connection.execute(wanted.where(sessions.c.expires_at > time.time())).all()
    ids = [row.id for row in rows]
    happened = connection.execute(select(events).where(events.c.session.in_(ids)).order_by(events.c.place)).all()
    again = connection.execute(select(asked_again).where(asked_again.c.session.in_(ids))).all()
    return tuple(_record(row, happened, again) for row in rows)


def totals(connection: Connection, where: Mapping[str, str]) -> Totals:
    """What the sessions with these labels add up to."""
    chosen = [*_labelled(where), sessions.c.expires_at > time.time()]
    sums = [func.coalesce(func.sum(sessions.c[name]), 0) for name in COUNTS]
    number, *counts = connection.execute(select(func.count(), *sums).where(*chosen)).one()
    kind = (asked_again.c.kind, asked_again.c.tool)
    again = select(*kind, func.sum(asked_again.c.times)).join(sessions, sessions.c.id == asked_again.c.session).where(*chosen)
    rows = connection.execute(again.group_by(*kind)).all()
    return Totals(number, dict(zip(COUNTS, map(int, counts), strict=True)), {(kind, tool): int(times) for kind, tool, times in rows})


def forget(connection: Connection, ids: Sequence[str]) -> int:
    """Take out sessions with all that belongs to them; how many records and histories there were."""
    number = 0
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        for table, column in BELONGINGS:
            connection.execute(delete(table).where(column.in_(some)))
        connection.execute(delete(histories).where(histories.c.id.in_([id_ + ORIGINALS for id_ in some])))
        for table in (sessions, histories):
            number += connection.execute(delete(table).where(table.c.id.in_(some))).rowcount
    return number


def forget_ended(connection: Connection, most: int) -> None:
    """Take out the sessions and histories whose time is over, and the sessions seen least lately beyond so many; some thousands at a
    time."""
    connection.execute(delete(histories).where(histories.c.expires_at < time.time()))
    ended = select(sessions.c.id).where(sessions.c.expires_at < time.time()).limit(MOST_AT_ONCE)
    forget(connection, connection.scalars(ended).all())
    oldest = select(sessions.c.id).order_by(sessions.c.last_seen.desc(), sessions.c.id.desc()).offset(most).limit(MOST_AT_ONCE)
    forget(connection, connection.scalars(oldest).all())


def history(connection: Connection, id_: str) -> History | None:
    """The history that is held for a session."""
    wanted = select(histories).where(histories.c.id == id_, histories.c.expires_at > time.time())
    row = connection.execute(wanted).one_or_none()
    return History(row.version, row.sealed) if row else None


def keep_history(connection: Connection, upsert: Callable[[Table], Any], id_: str, known: int, new: History, ttl_seconds: float) -> bool:
    """Hold a history in the place of the version that is known; whether that was still the one."""
    now = time.time()
    fields = {"version": new.version, "sealed": new.sealed, "expires_at": now + ttl_seconds}
    if known:
        changed = update(histories).where(histories.c.id == id_, histories.c.version == known, histories.c.expires_at > now)
        return connection.execute(changed.values(fields)).rowcount > 0
    inserted = upsert(histories).values(id=id_, **fields)
    ended = inserted.on_conflict_do_update(index_elements=["id"], set_=fields, where=histories.c.expires_at <= now)
    return connection.execute(ended.returning(histories.c.id)).first() is not None


def _append(connection: Connection, new: Sequence[tuple[str, str]]) -> None:
    if not new:
        return
    connection.execute(insert(events), [{"session": id_, "event": event} for id_, event in new])
    for id_ in sorted({id_ for id_, _ in new}):
        last = select(events.c.place).where(events.c.session == id_).order_by(events.c.place.desc()).limit(EVENTS)
        connection.execute(delete(events).where(events.c.session == id_, events.c.place.not_in(last)))


def _row(change: SessionChange) -> dict[str, Any]:
    told = {"usage_ratio": change.usage_ratio, "epochs": change.epochs}
    return {
        "id": change.id,
        **{name: change.labels.get(name, "") for name in LABELS},
        **{name: change.counts.get(name, 0) for name in COUNTS},
        **{name: value or 0 for name, value in told.items()},
        **{f"new_{name}": value for name, value in told.items()},
        "first_seen": change.at,
        "last_seen": change.at,
        "expires_at": change.at + change.ttl_seconds,
    }


def _asked_row(id_: str, asked: tuple[str, str], times: int) -> dict[str, Any]:
    kind, tool = asked
    return {"session": id_, "kind": kind, "tool": tool, "times": times}


def _record(row: Any, happened: Iterable[Any], again: Iterable[Any]) -> SessionRecord:
    return SessionRecord(
        row.id,
        {name: value for name in LABELS if (value := getattr(row, name))},
        {name: getattr(row, name) for name in COUNTS},
        row.usage_ratio,
        row.epochs,
        row.first_seen,
        row.last_seen,
        {(one.kind, one.tool): one.times for one in again if one.session == row.id},
        tuple(one.event for one in happened if one.session == row.id),
    )


def _labelled(where: Mapping[str, str]) -> list[ColumnElement[bool]]:
    return [sessions.c[name] == value for name, value in where.items()]
