"""A file of an earlier version is taken over with all that it holds, by one process of those that open it."""

from __future__ import annotations

import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from token_guard.stores import open_store

FIRST = """
create table if not exists facts (
    place integer primary key autoincrement,
    section text not null,
    key text not null,
    value text not null,
    unique (section, key)
)
"""
"""The table as the version before there were versions made it."""


def earlier(file: Path) -> str:
    rows = [
        ("learned", "b", "1"),
        ("learned", "a", "2"),
        ("summaries", "m/1/k", json.dumps([time.time() + 1_000, "a text"])),
        ("summaries", "m/1/old", json.dumps([time.time() - 1_000, "an old text"])),
        ("summaries", "m/1/extract", json.dumps([time.time() + 1_000, ""])),
        ("summaries", "m/1/rubbish", "rubbish"),
        ("summary_leases", "m/1/k", json.dumps([time.time() + 1_000, "somebody"])),
    ]
    connection = sqlite3.connect(file)
    connection.execute("pragma journal_mode = wal")
    connection.execute(FIRST)
    connection.executemany("insert into facts (section, key, value) values (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return f"sqlite:///{file}"


def test_a_file_without_versions_is_taken_over(tmp_path: Path) -> None:
    store = open_store(earlier(tmp_path / "facts.db"))
    assert store.keys("learned") == ("b", "a")
    assert store.get("learned", "a") == "2"
    assert store.claim("summaries", "m/1/k", "later") == "a text"
    assert store.claim("summaries", "m/1/extract", "later") == ""
    assert store.keys("summaries") == ("m/1/k", "m/1/extract")
    assert store.keys("summary_leases") == ()
    store.put("learned", "b", "3")
    assert store.keys("learned") == ("a", "b")
    store.close()


def test_of_many_who_open_it_one_takes_it_over(tmp_path: Path) -> None:
    url = earlier(tmp_path / "facts.db")
    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(lambda _: open_store(url), range(6)))
    assert {store.get("learned", "a") for store in stores} == {"2"}
    assert all(store.flush() for store in stores)
    for store in stores:
        store.close()


def test_a_file_of_a_later_version_is_used_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "facts.db"
    open_store(f"sqlite:///{file}").close()
    with sqlite3.connect(file) as connection:
        connection.execute("update schema_version set version = 99")
    store = open_store(f"sqlite:///{file}")
    store.put("learned", "a", "1")
    assert store.flush()
    store.close()
    assert sqlite3.connect(file).execute("select version from schema_version").fetchone() == (99,)
