from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from token_guard.errors import ConfigError
from token_guard.stores import MemoryStore, SQLiteStore, Store, open_store


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store("memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/deep/facts.db")


def test_a_value_is_kept_replaced_and_forgotten(store: Store) -> None:
    assert store.get("limits", "a") is None
    store.put("limits", "a", "1")
    store.put("limits", "a", "2")
    assert store.get("limits", "a") == "2"
    store.delete("limits", "a")
    assert store.get("limits", "a") is None


def test_sections_are_apart(store: Store) -> None:
    store.put("limits", "a", "1")
    assert store.get("counts", "a") is None
    assert store.keys("counts") == ()


def test_keys_come_oldest_first(store: Store) -> None:
    for key in ("a", "b", "c", "a"):
        store.put("limits", key, "x")
    assert store.keys("limits") == ("b", "c", "a")


def test_threads_may_share_it(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: store.put("counts", str(number), str(number)), range(200)))
    assert all(store.get("counts", str(number)) == str(number) for number in range(200))


def test_a_section_is_bounded(tmp_path: Path) -> None:
    memory, file = MemoryStore(capacity=10), SQLiteStore(str(tmp_path / "facts.db"), capacity=10)
    for number in range(512):
        memory.put("counts", str(number), "x")
        file.put("counts", str(number), "x")
    assert memory.keys("counts") == file.keys("counts") == tuple(map(str, range(502, 512)))


def test_a_file_outlives_its_process(tmp_path: Path) -> None:
    first = open_store(f"sqlite:///{tmp_path}/facts.db")
    first.put("counts", "a", "7")
    first.close()
    assert open_store(f"sqlite:///{tmp_path}/facts.db").get("counts", "a") == "7"


@pytest.mark.parametrize("broken", ["directory", "rubbish"])
def test_a_file_that_fails_is_replaced_by_memory(broken: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "facts.db"
    path.mkdir() if broken == "directory" else path.write_bytes(b"this is no database" * 100)
    with caplog.at_level(logging.WARNING, logger="token_guard"):
        store = open_store(f"sqlite:///{path}")
    store.put("counts", "a", "7")
    assert store.get("counts", "a") == "7"
    assert "in memory" in caplog.text


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://host/db"])
def test_another_url_is_refused_with_what_is_allowed(url: str) -> None:
    with pytest.raises(ConfigError, match="sqlite:"):
        open_store(url)


def test_the_first_claim_counts(store: Store) -> None:
    assert store.claim("summaries", "a", "first") == "first"
    assert store.claim("summaries", "a", "second") == store.get("summaries", "a") == "first"


def test_of_many_who_claim_at_once_all_get_the_same(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda number: store.claim("summaries", "a", str(number)), range(64)))
    assert len(found) == 1


def test_claims_are_bounded_too(tmp_path: Path) -> None:
    memory, file = MemoryStore(capacity=10), SQLiteStore(str(tmp_path / "facts.db"), capacity=10)
    for number in range(512):
        memory.claim("summaries", str(number), "x")
        file.claim("summaries", str(number), "x")
    assert memory.keys("summaries") == file.keys("summaries") == tuple(map(str, range(502, 512)))


def test_a_claim_on_a_file_that_fails_counts_in_memory(tmp_path: Path) -> None:
    broken = SQLiteStore(str(tmp_path))
    assert broken.claim("summaries", "a", "first") == broken.claim("summaries", "a", "second") == "first"


def test_a_store_that_does_not_answer_is_one_warning_until_it_answers_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = SQLiteStore(str(tmp_path / "store.db"))
    with caplog.at_level(logging.WARNING, logger="token_guard"):
        store._connection.execute("pragma query_only = on")  # type: ignore[union-attr]  # as a full disk: reads go on
        for number in range(5):
            store.put("section", str(number), "value")
            assert store.get("section", str(number)) == "value"
    assert len(caplog.records) == 1
