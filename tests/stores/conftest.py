"""One Redis and one PostgreSQL for all tests of this folder that do not end theirs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from store_servers import SERVERS, Server

from token_guard.stores import Store, open_store

KINDS = ("memory", "sqlite", "postgresql", "redis")
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[str], Server]]:
    """`servers("redis")`: a running one, started when it is first wanted."""
    running: dict[str, Server] = {}

    def server(kind: str) -> Server:
        if kind not in running:
            running[kind] = SERVERS[kind]().__enter__()
        return running[kind]

    yield server
    for one in running.values():
        one.__exit__(None, None, None)


@pytest.fixture(params=KINDS[1:])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path, servers: Callable[[str], Server]) -> str:
    """An empty store that several processes can share, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/deep/facts.db"
    server = servers(request.param)
    return emptied(server, request.param)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path, servers: Callable[[str], Server]) -> Iterator[Store]:
    """An empty store of each kind."""
    if request.param in ("memory", "sqlite"):
        url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/deep/facts.db"
    else:
        url = emptied(servers(request.param), request.param)
    opened = open_store(url)
    yield opened
    opened.close()


def emptied(server: Server, kind: str) -> str:
    """A part of its own in a running server."""
    if kind == "redis":
        import redis

        client: Any = redis.Redis.from_url(server.url)
        client.flushdb()
        return server.url
    import psycopg

    name = f"facts_{next(_NUMBERS)}"
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"create schema {name}")
    return f"{server.url}?options=-csearch_path%3D{name}"
