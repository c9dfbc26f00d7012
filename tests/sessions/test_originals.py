"""Originals are held per session under their keys, the newest first of all that has room, and go with their session."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from cryptography.fernet import Fernet

from token_guard.formats.retrieval import key_of
from token_guard.sessions import Originals, Sealing
from token_guard.stores import ORIGINALS, MemoryStore


def opened(store: MemoryStore, *, ttl: float = 3_600, most: int = 1_000_000, key: str = "") -> Originals:
    return Originals(store, Sealing(key or Fernet.generate_key().decode()), ttl_seconds=ttl, most_bytes=most)


def test_an_original_is_found_under_its_key_in_its_own_session() -> None:
    found = opened(MemoryStore())
    found.keep("s", {key_of("one"): "one"})
    found.keep("s", {key_of("two"): "two"})
    assert found.find("s", key_of("one")) == "one"
    assert found.find("s", key_of("two")) == "two"
    assert found.find("other", key_of("one")) is None
    assert found.find("s", key_of("three")) is None


def test_of_too_many_bytes_the_oldest_go() -> None:
    found = opened(MemoryStore(), most=10)
    for text in ("aaaa", "bbbb", "cccc"):
        found.keep("s", {key_of(text): text})
    assert [found.find("s", key_of(text)) for text in ("aaaa", "bbbb", "cccc")] == [None, "bbbb", "cccc"]


def test_they_end_with_their_time_and_with_their_session() -> None:
    now = [1_000.0]
    store = MemoryStore(clock=lambda: now[0])
    found = opened(store, ttl=60)
    found.keep("s", {key_of("one"): "one"})
    found.keep("t", {key_of("one"): "one"})
    store.forget("t")
    assert found.find("t", key_of("one")) is None
    now[0] += 59
    assert found.find("s", key_of("one")) == "one"
    now[0] += 2
    assert found.find("s", key_of("one")) is None


def test_nobody_reads_them_in_the_store() -> None:
    store = MemoryStore()
    opened(store).keep("s", {key_of("a secret"): "a secret"})
    held = store.history("s" + ORIGINALS)
    assert held is not None
    assert "secret" not in held.sealed
    assert opened(store).find("s", key_of("a secret")) is None  # another key opens nothing


def test_replicas_that_keep_at_once_lose_nothing() -> None:
    store, key = MemoryStore(), Fernet.generate_key().decode()
    replicas = [opened(store, key=key) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda number: replicas[number].keep("s", {key_of(str(number)): str(number)}), range(3)))
    assert [replicas[0].find("s", key_of(str(number))) for number in range(3)] == ["0", "1", "2"]
