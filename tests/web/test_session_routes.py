"""Who sees what of the records, whatever the proxy says who asks, and what is said when the store says nothing."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Header

from token_guard.sessions import session_id
from token_guard.stores import MemoryStore, SessionChange, Store, open_store
from token_guard.web import session_routes

DAY = 86_400.0


class Auth:
    """As much of LiteLLM's `UserAPIKeyAuth` as is looked at."""

    def __init__(self, api_key: str | None, user_role: Any = None) -> None:
        self.api_key = api_key
        self.user_role = user_role


WHO = {
    "ann": Auth("ann"),
    "bob": Auth("bob", "internal_user"),
    "admin": Auth("root", "proxy_admin"),
    "watcher": Auth("watcher", "proxy_admin_viewer"),
    "nobody": Auth(None, "internal_user"),
}


async def authenticate(x_who: str = Header()) -> Auth:
    return WHO[x_who]


def ask(store: Store, who: str, path: str, method: str = "GET") -> httpx.Response:
    app = FastAPI()
    app.include_router(session_routes(store, authenticate))

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://proxy") as client:
            return await client.request(method, f"/token-guard/{path}", headers={"x-who": who})

    return asyncio.run(asked())


@pytest.fixture
def store() -> Store:
    """A session named `s` of Ann's, and one of Bob's."""
    store = MemoryStore()
    for owner in ("ann", "bob"):
        labels = {"session": "s", "owner": owner, "key_alias": f"{owner}'s"}
        store.note(SessionChange(session_id(owner, "s"), time.time(), DAY, labels, {"requests": 1}))
    return store


@pytest.mark.parametrize(("who", "seen"), [("ann", 1), ("bob", 1), ("admin", 2), ("watcher", 2)])
def test_a_key_sees_its_own(store: Store, who: str, seen: int) -> None:
    assert len(ask(store, who, "sessions").json()["sessions"]) == seen == ask(store, who, "stats").json()["requests"]


@pytest.mark.parametrize("path", ["sessions", "stats", "sessions?key=ann", "sessions?key=bob's"])
def test_where_no_key_is_known_nothing_is_ones_own(store: Store, path: str) -> None:
    assert ask(store, "nobody", path).status_code == 403


def test_a_filter_shows_nobody_elses(store: Store) -> None:
    assert ask(store, "ann", "sessions?key=bob's").json()["sessions"] == []
    assert ask(store, "ann", f"sessions?key={'0' * 64}").json()["sessions"][0]["key"] == "ann"


@pytest.mark.parametrize(
    ("who", "status"), [("ann", 404), ("nobody", 404), ("watcher", 403), ("admin", 200), ("bob", 200)]
)  # fmt: skip
def test_who_may_delete_bobs(store: Store, who: str, status: int) -> None:
    id_ = session_id("bob", "s")
    assert ask(store, who, f"sessions/{id_}", "DELETE").status_code == status
    assert (store.session(id_) is None) == (status == 200)


def test_a_name_with_slashes_is_a_name() -> None:
    store = MemoryStore()
    labels = {"session": "team/chat 1", "owner": "ann"}
    store.note(SessionChange(session_id("ann", "team/chat 1"), time.time(), DAY, labels))
    assert ask(store, "ann", "sessions/team%2Fchat%201").json()["session"] == "team/chat 1"


def test_a_store_that_does_not_answer_is_said() -> None:
    pytest.importorskip("redis")
    store = open_store("redis://127.0.0.1:1/0")
    for path in ("sessions", "stats", "sessions/s"):
        assert ask(store, "admin", path).status_code == 503
    store.close()
