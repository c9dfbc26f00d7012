"""What every store does, whatever is behind it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from token_guard.errors import ConfigError
from token_guard.stores import MemoryStore, Page, SessionChange, SessionRecord, Store, open_store, trouble_with
from token_guard.stores.records import EVENTS, Batch, Fact
from token_guard.stores.redis import RedisStore, connected
from token_guard.stores.sql import SQLStore
from token_guard.stores.worker import LOADED, Backend

DAY = 86_400.0


def until(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether something comes true in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def change(id_: str = "s", at: float | None = None, ttl: float = DAY, **counts: int) -> SessionChange:
    labels = {"session": "chat", "owner": f"key-{id_[0]}", "key_alias": "mine", "team": "t", "model": "gpt-4o"}
    return SessionChange(id_, time.time() if at is None else at, ttl, labels, counts or {"requests": 1}, 0.25, 1)


# -- facts -----------------------------------------------------------------------------------------------------------------


def test_a_value_is_kept_replaced_and_forgotten(store: Store) -> None:
    assert store.get("limits", "a") is None
    store.put("limits", "a", "1")
    store.put("limits", "a", "2")
    assert store.get("limits", "a") == "2"
    assert store.keys("limits") == ("a",)
    store.delete("limits", "a")
    assert store.get("limits", "a") is None
    assert store.keys("limits") == ()


def test_many_values_are_had_at_once(store: Store) -> None:
    names = {f"folder {number}": str(number) for number in range(30)} | {"long" * 200: "long", "no\nline": "none"}
    for name, value in names.items():
        store.put("folders", name, value)
    assert store.get_many("folders", [*names, "unknown"]) == names
    assert store.get_many("folders", []) == {}


def test_sections_are_apart(store: Store) -> None:
    store.put("limits", "a", "1")
    assert store.get("counts", "a") is None
    assert store.keys("counts") == ()


def test_keys_come_oldest_first(store: Store) -> None:
    for key in ("a", "b", "c", "a"):
        store.put("limits", key, "x")
    assert store.keys("limits") == ("b", "c", "a")


def test_a_value_is_gone_when_its_time_is_over(store: Store) -> None:
    store.put("limits", "a", "1", ttl_seconds=0.3)
    store.put("limits", "b", "1", ttl_seconds=DAY)
    store.flush()
    assert until(lambda: store.get("limits", "a") is None)
    assert until(lambda: store.keys("limits") == ("b",))
    assert store.claim("limits", "a", "2") == "2"


def test_threads_may_share_it(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: store.put("counts", str(number), str(number)), range(200)))
    assert all(store.get("counts", str(number)) == str(number) for number in range(200))
    assert len(store.keys("counts")) == 200


@pytest.mark.parametrize("text", ["", "nul \0 inside", "half \ud83d of a pair", "🙂" * 3_000, "k" * 5_000])
def test_any_text_is_a_value_and_a_key(store: Store, text: str) -> None:
    store.put("limits", text, text)
    found = store.get("limits", text)
    assert found is not None
    assert len(found) == len(text)
    assert store.flush()


def test_the_first_claim_counts(store: Store) -> None:
    assert store.claim("summaries", "a", "first") == "first"
    assert store.claim("summaries", "a", "second") == store.get("summaries", "a") == "first"


def test_of_many_who_claim_at_once_all_get_the_same(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda number: store.claim("summaries", "a", str(number)), range(64)))
    assert len(found) == 1


def test_sections_of_a_memory_are_bounded() -> None:
    memory = MemoryStore(capacity=10)
    for number in range(512):
        memory.put("counts", str(number), "x")
        memory.claim("summaries", str(number), "x")
        memory.note(change(str(number)))
    newest = tuple(map(str, range(502, 512)))
    assert memory.keys("counts") == memory.keys("summaries") == newest
    assert {record.id for record in memory.sessions(Page(limit=99))} == set(newest)


def test_what_is_too_much_or_over_is_cleaned_up(shared_url: str) -> None:
    backend = backend_of(shared_url, capacity=10)
    backend.open()
    now = time.time()
    facts = tuple(Fact("counts", str(number), "x") for number in range(25))
    changes = tuple(change(f"s{number}", at=now - 100 + number) for number in range(15))
    backend.write(Batch("1", facts, (*changes, change("over", at=now - 200, ttl=1))))
    backend.prune()
    assert backend.keys("counts") == tuple(str(number) for number in range(15, 25))
    assert [record.id for record in backend.sessions(Page())] == [f"s{number}" for number in range(14, 4, -1)]
    backend.close()


def test_a_batch_that_may_have_been_written_is_not_written_twice(shared_url: str) -> None:
    backend = backend_of(shared_url)
    backend.open()
    batch = Batch("1", (Fact("counts", "a", "1"),), (change(requests=2),))
    backend.write(batch)
    backend.write(replace(batch, uncertain=True))
    backend.write(replace(batch, id="2", uncertain=True))
    assert backend.session("s").counts["requests"] == 4
    backend.close()


def backend_of(url: str, **options: int) -> Backend:
    if url.startswith("redis"):
        return RedisStore(lambda: connected(url), **options)
    return SQLStore(url, **options)


# -- several processes -----------------------------------------------------------------------------------------------------


def test_it_outlives_its_process(shared_url: str) -> None:
    first = open_store(shared_url)
    first.put("counts", "a", "7")
    first.note(change(requests=3))
    first.close()
    second = open_store(shared_url)
    assert second.get("counts", "a") == "7"
    assert second.session("s").counts["requests"] == 3
    second.close()


def test_what_a_process_did_not_begin_with_is_waited_for(shared_url: str) -> None:
    names = [f"folder {number}" for number in range(LOADED + 500)]
    writer = open_store(shared_url)
    for name in names:
        writer.put("folders", name, name)
    assert writer.flush()
    writer.close()
    reader = open_store(shared_url)
    assert reader.get_many("folders", names) == {name: name for name in names}
    reader.close()


def test_what_one_writes_changes_or_forgets_others_know_within_five_seconds(shared_url: str) -> None:
    one, other = open_store(shared_url), open_store(shared_url)
    one.put("limits", "a", "1")
    assert until(lambda: other.get("limits", "a") == "1", 5)
    other.put("limits", "a", "2")
    assert until(lambda: one.get("limits", "a") == "2", 5)
    one.delete("limits", "a")
    assert until(lambda: other.get("limits", "a") is None, 5)
    one.close()
    other.close()


WORK = """
import sys
from token_guard.stores import SessionChange, open_store
url, name = sys.argv[1:]
store = open_store(url)
claims = [store.claim("texts", str(number), name) for number in range(50)]
for number in range(300):
    store.put("limits", f"{name}-{number}", str(number))
    store.note(SessionChange("s", 1e9 + number, 1e10, {"owner": "o"}, {"requests": 1, "tokens_in": number}, asked={("read", "Read"): 1}))
    if number % 50 == 0:
        assert store.flush()
store.close()
print(*claims)
"""


def test_two_processes_at_once_lose_nothing_and_agree(shared_url: str) -> None:
    command = [sys.executable, "-c", WORK, shared_url]
    working = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in ("one", "two")]
    said = [process.communicate(timeout=120)[0].split() for process in working]
    assert [process.returncode for process in working] == [0, 0]
    assert said[0] == said[1]
    store = open_store(shared_url)
    record = store.session("s")
    assert record.counts["requests"] == 600
    assert record.counts["tokens_in"] == 2 * sum(range(300))
    assert record.asked == {("read", "Read"): 600}
    assert len(store.keys("limits")) == 600
    store.close()


def test_a_process_that_is_killed_loses_the_last_batch_at_most(shared_url: str) -> None:
    script = """
import os, signal, sys, time
from token_guard.stores import SessionChange, open_store
store = open_store(sys.argv[1])
note = lambda: store.note(SessionChange("s", time.time(), 1e6, {}, {"requests": 1}))
for _ in range(100):
    note()
time.sleep(1.5)
for _ in range(10):
    note()
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script, shared_url], check=False, timeout=120)
    store = open_store(shared_url)
    assert 100 <= store.session("s").counts["requests"] <= 110
    store.put("limits", "a", "1")
    assert store.flush()
    store.close()


# -- sessions --------------------------------------------------------------------------------------------------------------


def test_a_record_adds_up_and_says_what_was_last(store: Store) -> None:
    store.note(SessionChange("s", 1e9 + 7, 1e10, {"owner": "k", "model": "a"}, {"requests": 1, "tokens_in": 9}, 0.5, 1, {("read", "R"): 1}))
    store.flush()
    store.note(SessionChange("s", 1e9 + 9, 1e10, {"model": "b", "team": ""}, {"requests": 1, "errors": 1}, asked={("read", "R"): 2}))
    store.note(SessionChange("s", 1e9 + 8, 1e10, {}, {"tokens_saved": 2**40}, 0.75, 2, {("search", "G"): 1}))
    counts = {"requests": 2, "tokens_in": 9, "tokens_forwarded": 0, "tokens_saved": 2**40, "compactions": 0, "errors": 1}
    labels, asked = {"owner": "k", "model": "b"}, {("read", "R"): 3, ("search", "G"): 1}
    found = store.session("s")
    assert {name: value for name, value in found.labels.items() if value} == labels
    assert found == SessionRecord("s", found.labels, counts, 0.75, 2, 1e9 + 7, 1e9 + 9, asked)


def test_an_unknown_session_is_none(store: Store) -> None:
    assert store.session("never") is None
    assert not store.forget("never")
    assert store.sessions(Page()) == ()
    assert store.totals({}).sessions == 0


def test_the_last_events_are_kept(store: Store) -> None:
    for number in range(EVENTS + 7):
        store.note(SessionChange("s", time.time(), DAY, events=(str(number),)))
        if number % 9 == 0:
            store.flush()
    assert store.session("s").events == tuple(map(str, range(7, EVENTS + 7)))


def test_sessions_come_in_pages_newest_first(store: Store) -> None:
    now = time.time()
    for number in range(7):
        store.note(change(f"{'ab'[number % 2]}{number}", at=now - 10 + number // 2))
    ids, after = [], None
    while page := store.sessions(Page(limit=3, after=after)):
        ids += [record.id for record in page]
        after = page[-1].last_seen, page[-1].id
    assert ids == ["a6", "b5", "a4", "b3", "a2", "b1", "a0"]


def test_sessions_are_found_and_summed_by_their_labels(store: Store) -> None:
    for id_ in ("a1", "a2", "b1"):
        store.note(change(id_, requests=2))
    assert {record.id for record in store.sessions(Page({"owner": "key-a"}))} == {"a1", "a2"}
    assert {record.id for record in store.sessions(Page({"team": "t", "model": "gpt-4o"}))} == {"a1", "a2", "b1"}
    assert store.sessions(Page({"team": "other"})) == ()
    assert (store.totals({"owner": "key-a"}).sessions, store.totals({"owner": "key-a"}).counts["requests"]) == (2, 4)
    assert store.totals({}).counts["requests"] == 6


def test_a_session_is_forgotten_with_all_that_belongs_to_it(store: Store) -> None:
    store.note(SessionChange("s", time.time(), DAY, {"owner": "k"}, {"requests": 4}, asked={("read", "R"): 1}, events=("e",)))
    assert store.forget("s")
    assert store.session("s") is None
    assert store.sessions(Page({"owner": "k"})) == ()
    store.note(SessionChange("s", time.time(), DAY, {"owner": "k"}, {"requests": 1}))
    assert (store.session("s").counts["requests"], store.session("s").events, store.session("s").asked) == (1, (), {})


def test_a_session_ends_when_nothing_came_for_its_time(store: Store) -> None:
    store.note(change("a1", ttl=0.5))
    store.note(change("b1", ttl=DAY))
    assert until(lambda: store.session("a1") is None)
    assert [record.id for record in store.sessions(Page())] == ["b1"]
    assert store.totals({}).sessions == 1


# -- URLs ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://host/db", "proxy:"])
def test_another_url_is_refused_with_what_is_allowed(url: str) -> None:
    with pytest.raises(ConfigError, match="redis://host"):
        open_store(url)


def test_no_secret_of_a_url_is_told() -> None:
    assert "secret" not in trouble_with("mysql://me:secret@host/db?password=secret")


def test_without_a_path_the_file_is_in_the_users_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    store = open_store("sqlite:")
    store.put("limits", "a", "1")
    store.close()
    assert (tmp_path / "state" / "token_guard" / "store.db").exists()
