"""`/token-guard/sessions`, `/token-guard/sessions/{id}` and `/token-guard/stats`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Query

from token_guard.errors import StoreUnavailableError
from token_guard.sessions import session_id
from token_guard.stores import Page, SessionRecord, Store
from token_guard.web.viewer import PREFIX, DataRoute, Viewer, viewing

__all__ = ["session_routes"]

MAX_PAGE: Final = 200
HASH_LENGTH: Final = 64
"""Hexadecimal digits of a key's hash in LiteLLM; what is no such thing is an alias."""


def session_routes(store: Store, authenticate: Callable[..., Any]) -> APIRouter:
    """The routes, over a store, for whom `authenticate` (the proxy's own dependency) lets in."""
    router = APIRouter(prefix=PREFIX, tags=["token_guard"], route_class=DataRoute)
    who = viewing(authenticate)

    @router.get("/sessions")
    def sessions(
        viewer: Viewer = who,
        limit: int = Query(50, ge=1, le=MAX_PAGE),
        after: str = "",
        key: str = "",
        team: str = "",
        model: str = "",
    ) -> dict[str, Any]:
        """Records, newest first; `next` is the `after` of the next page."""
        page = Page(_where(viewer, key, team, model), limit + 1, _place(after))
        found = _answered(lambda: store.sessions(page))
        shown = found[:limit]
        return {"sessions": [_summary(record) for record in shown], "next": _cursor(shown[-1]) if len(found) > limit else None}

    @router.get("/stats")
    def stats(viewer: Viewer = who, key: str = "", team: str = "", model: str = "") -> dict[str, Any]:
        """What the sessions add up to."""
        totals = _answered(lambda: store.totals(_where(viewer, key, team, model)))
        return {"sessions": totals.sessions, **totals.counts, "asked_again": _asked(totals.asked)}

    @router.get("/sessions/{id:path}")
    def session(id: str, viewer: Viewer = who) -> dict[str, Any]:  # noqa: A002 - the name in the URL
        """One record, by its id or by the name that the client gave the session."""
        record = _answered(lambda: _found(store, viewer, id))
        return {**_summary(record), "compaction_events": [json.loads(event) for event in record.events]}

    @router.delete("/sessions/{id:path}")
    def forget(id: str, viewer: Viewer = who) -> dict[str, Any]:  # noqa: A002
        """Take a record out, and the conversation that is held."""
        own = session_id(viewer.owner, id)
        if viewer.owner and _answered(lambda: store.history(own)):  # it may be there before its record is, and after
            return {"id": own, "deleted": _answered(lambda: store.forget(own))}
        record = _answered(lambda: _found(store, viewer, id))
        if not viewer.deletes(record.labels.get("owner", "")):
            raise HTTPException(403, "this key may look at all sessions, and delete its own alone")
        return {"id": record.id, "deleted": _answered(lambda: store.forget(record.id))}

    return router


def _answered(ask: Callable[[], Any]) -> Any:
    """What the store says, or a 503 where it says nothing."""
    try:
        return ask()
    except StoreUnavailableError:
        raise HTTPException(503, "the store does not answer at the moment; try again later") from None


def _found(store: Store, viewer: Viewer, id_: str) -> SessionRecord:
    """The record that an id or a name means to this viewer; 404 where it sees none, 409 where a name means several."""
    for candidate in (session_id(viewer.owner, id_), id_):
        record = store.session(candidate)
        if record and viewer.sees(record.labels.get("owner", "")):
            return record
    named = store.sessions(Page({"session": id_}, limit=10)) if viewer.sees_all else ()
    if len(named) > 1:
        raise HTTPException(409, f"several keys have a session of that name; ask for one by its id: {', '.join(one.id for one in named)}")
    if not named:
        raise HTTPException(404, "no such session, or none that this key may see")
    return named[0]


def _where(viewer: Viewer, key: str, team: str, model: str) -> Mapping[str, str]:
    if not viewer.sees_all and not viewer.owner:
        raise HTTPException(403, "no key is known for this request, so that no session is its own")
    is_hash = len(key) == HASH_LENGTH and all(digit in "0123456789abcdef" for digit in key)
    asked = {"owner" if is_hash else "key_alias": key, "team": team, "model": model}
    own = {} if viewer.sees_all else {"owner": viewer.owner}
    return {**{name: value for name, value in asked.items() if value}, **own}


def _place(cursor: str) -> tuple[float, str] | None:
    if not cursor:
        return None
    seen, _, id_ = cursor.partition("_")
    try:
        return float(seen), id_
    except ValueError:
        raise HTTPException(400, "after: is no cursor; take the `next` of the page before") from None


def _cursor(record: SessionRecord) -> str:
    return f"{record.last_seen!r}_{record.id}"


def _summary(record: SessionRecord) -> dict[str, Any]:
    named = {"key" if name == "owner" else name: label for name, label in record.labels.items()}
    figures = {"usage_ratio": record.usage_ratio, "epochs": record.epochs, "asked_again": _asked(record.asked)}
    return {
        "id": record.id,
        **named,
        **record.counts,
        **figures,
        "first_seen": _time(record.first_seen),
        "last_seen": _time(record.last_seen),
    }


def _asked(asked: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    """What was asked again, the most frequent first."""
    most: Iterable[tuple[tuple[str, str], int]] = sorted(asked.items(), key=lambda one: (-one[1], one[0]))
    return [{"tool": tool, "kind": kind, "times": times} for (kind, tool), times in most]


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
