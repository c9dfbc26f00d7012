"""Counts of all processes add up, by model, over the days that are asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from token_guard.shadow import Agreement, Records, Tally, read
from token_guard.stores import MemoryStore, open_store

DAY = 86_400.0
SAME, OTHER = Agreement(next=True, overlap=0.9), Agreement(next=False, overlap=0.1)
PAIR = replace(Tally.of(SAME, OTHER), ended={"compared": 1}, spent=0.25)


def test_the_counts_of_all_processes_add_up_by_model() -> None:
    store = MemoryStore()
    one, other = (Records(store, lambda: 0.0) for _ in range(2))
    one.add("a/b", PAIR)
    one.add("a/b", PAIR)
    other.add("a/b", replace(Tally(), ended={"over budget": 1}))
    other.add("c", PAIR)
    found = read(store, date(1970, 1, 1))
    assert list(found) == ["a/b", "c"]
    assert (found["a/b"].next.pairs, found["a/b"].spent) == (2, 0.5)
    assert found["a/b"].ended == {"compared": 2, "over budget": 1}
    assert found["a/b"].overlap.whole == 1.8


def test_only_the_days_that_are_asked_for_count() -> None:
    store, now = MemoryStore(clock=lambda: 0.0), [0.0]
    records = Records(store, lambda: now[0])
    records.add("m", PAIR)
    now[0] = 2 * DAY
    records.add("m", PAIR)
    assert read(store, date(1970, 1, 3), days=2)["m"].next.pairs == 1
    assert read(store, date(1970, 1, 3), days=3)["m"].next.pairs == 2


def test_another_process_reads_them_from_the_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    store = open_store(url)
    Records(store).add("m", PAIR)
    store.close()
    reader = open_store(url)
    day = date.fromisoformat(next(iter(reader.keys("shadow"))).partition("/")[0])
    assert read(reader, day)["m"] == PAIR
    reader.close()
