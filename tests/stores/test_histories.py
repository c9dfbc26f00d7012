"""Held histories in every store: each version once, gone when their time is over, and never told to be whole when they are not."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from store_servers import Redis, Server
from stores.test_stores import change, until

from token_guard.errors import StoreUnavailableError
from token_guard.stores import History, Store, open_store

HOUR = 3_600.0


def keep(store: Store, id_: str, known: int, version: int, sealed: str = "x", ttl: float = HOUR, mends: bool = False) -> bool:
    return store.keep_history(id_, known, History(version, sealed), ttl_seconds=ttl, mends=mends)


def test_a_history_is_held_and_takes_the_place_of_the_one_before(store: Store) -> None:
    assert store.history("s") is None
    assert keep(store, "s", 0, 2**62, "first")
    assert store.history("s") == History(2**62, "first")
    assert keep(store, "s", 2**62, 7, "second")
    assert store.history("s") == History(7, "second")
    assert store.history("other") is None


def test_what_goes_by_another_version_is_not_kept(store: Store) -> None:
    assert not keep(store, "s", 5, 6)
    assert keep(store, "s", 0, 1)
    assert not keep(store, "s", 0, 2)
    assert not keep(store, "s", 5, 2)
    assert store.history("s") == History(1, "x")


def test_of_many_at_once_one_is_kept(store: Store) -> None:
    assert keep(store, "s", 0, 1)
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda version: keep(store, "s", 1, version), range(2, 18)))
    assert sum(kept) == 1


def test_a_long_history_is_held(store: Store) -> None:
    assert keep(store, "s", 0, 1, "z" * 3_000_000)
    assert store.history("s") == History(1, "z" * 3_000_000)


def test_a_history_is_gone_when_its_time_is_over_and_may_begin_again(store: Store) -> None:
    assert keep(store, "s", 0, 1, ttl=0.3)
    assert until(lambda: store.history("s") is None)
    assert keep(store, "s", 0, 2)
    assert store.history("s") == History(2, "x")


def test_a_lost_exchange_is_told_until_the_history_is_mended(store: Store) -> None:
    store.lose_history("new", ttl_seconds=HOUR)
    assert store.history("new") == History(0, "", is_whole=False)
    keep(store, "s", 0, 1)
    store.lose_history("s", ttl_seconds=HOUR)
    assert store.history("s") == History(1, "x", is_whole=False)
    assert keep(store, "s", 1, 2)
    assert store.history("s") == History(2, "x", is_whole=False)
    assert keep(store, "s", 2, 3, mends=True)
    assert store.history("s") == History(3, "x")


def test_a_session_is_forgotten_with_its_history(store: Store) -> None:
    store.note(change("s"))
    keep(store, "s", 0, 1)
    store.lose_history("s", ttl_seconds=HOUR)
    assert store.forget("s")
    assert store.history("s") is None
    assert store.session("s") is None
    keep(store, "alone", 0, 1)
    assert store.forget("alone")
    assert not store.forget("alone")


def test_what_one_process_keeps_or_loses_another_knows_at_once(shared_url: str) -> None:
    one, other = open_store(shared_url), open_store(shared_url)
    assert keep(one, "s", 0, 1)
    assert other.history("s") == History(1, "x")
    assert not keep(other, "s", 0, 2)
    one.lose_history("s", ttl_seconds=HOUR)
    assert one.flush()
    assert other.history("s") == History(1, "x", is_whole=False)
    assert keep(other, "s", 1, 3, mends=True)
    assert other.flush()
    assert until(lambda: one.history("s") == History(3, "x"), 5)
    one.close()
    other.close()


WRITER = """
import os, signal, sys
from token_guard.stores import History, open_store
store = open_store(sys.argv[1])
version = 0
while True:
    assert store.keep_history("s", version, History(version + 1, "x" * 2_000), ttl_seconds=3_600)
    version += 1
    print(version, flush=True)
"""


def test_a_process_that_is_killed_leaves_the_last_history_that_it_kept(shared_url: str) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, shared_url], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        said = [int(writer.stdout.readline()) for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        said += [int(line) for line in writer.stdout]
    store = open_store(shared_url)
    held = store.history("s")
    assert held
    assert held.version in (said[-1], said[-1] + 1)
    assert held.sealed == "x" * 2_000
    store.close()


# -- a store that does not answer ------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Server]:
    """One that may die; what differs between kinds is shown by the tests of outages."""
    with Redis() as server:
        yield server


def test_a_server_that_dies_loses_no_history_and_what_it_missed_is_known(server: Server) -> None:
    store = open_store(server.url)
    assert keep(store, "s", 0, 1)
    server.kill()
    with pytest.raises(StoreUnavailableError):
        store.history("s")
    with pytest.raises(StoreUnavailableError):
        keep(store, "s", 1, 2)
    store.lose_history("s", ttl_seconds=HOUR)
    server.start()
    assert until(store.flush)
    assert store.history("s") == History(1, "x", is_whole=False)
    store.close()


def test_a_server_that_hangs_keeps_nobody_waiting_for_a_history(server: Server) -> None:
    store = open_store(server.url)
    assert keep(store, "s", 0, 1)
    server.signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        for _ in range(20):
            with pytest.raises(StoreUnavailableError):
                store.history("s")
        waited = time.monotonic() - started
    finally:
        server.signal(signal.SIGCONT)
    assert until(lambda: store.flush() and store.history("s") == History(1, "x"))
    store.close()
    # nothing here measures speed: twenty that each waited would take thirty seconds
    assert waited < 10


def test_a_history_that_a_full_disk_does_not_take_is_told_to_be_incomplete(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/facts.db")
    assert keep(store, "s", 0, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))  # no file may grow beyond this
        with pytest.raises(StoreUnavailableError):
            keep(store, "s", 1, 2, os.urandom(200_000).hex())
        store.lose_history("s", ttl_seconds=HOUR)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, heard)
    assert until(store.flush)
    assert store.history("s") == History(1, "x", is_whole=False)
    store.close()


def test_a_file_of_the_version_before_gets_the_table(tmp_path: Path) -> None:
    file = tmp_path / "facts.db"
    first = open_store(f"sqlite:///{file}")
    first.put("limits", "a", "1")
    first.close()
    with sqlite3.connect(file) as connection:
        connection.execute("drop table histories")
        connection.execute("update schema_version set version = 2")
    store = open_store(f"sqlite:///{file}")
    assert store.get("limits", "a") == "1"
    assert keep(store, "s", 0, 1)
    assert store.history("s") == History(1, "x")
    store.close()
