"""What one replica learned, all use within seconds; of what only one may do, one does it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from stores.test_stores import until

from token_guard.counting import Calibrations
from token_guard.counting.calibration import TRUSTED
from token_guard.history.summaries import Texts
from token_guard.limits import Learned
from token_guard.proxy.allowance import Allowance
from token_guard.stores import Store, open_store

SECONDS = 5


@pytest.fixture
def pair(shared_url: str) -> Iterator[tuple[Store, Store]]:
    stores = open_store(shared_url), open_store(shared_url)
    yield stores
    for store in stores:
        store.close()


def test_a_window_is_learned_corrected_and_forgotten(pair: tuple[Store, Store]) -> None:
    one, other = (Learned(store, 3_600) for store in pair)
    assert other("m", None) is None
    one.learn("m", None, 16_000, named=False)
    assert until(lambda: getattr(other("m", None), "max_input_tokens", 0) == 16_000, SECONDS)
    other.learn("m", None, 12_000, named=False)
    assert until(lambda: getattr(one("m", None), "max_input_tokens", 0) == 12_000, SECONDS)
    one.forget_unnamed("m", None)
    assert until(lambda: other("m", None) is None, SECONDS)


def test_a_calibration_goes_on_elsewhere(pair: tuple[Store, Store]) -> None:
    one, other = map(Calibrations, pair)
    assert not other.get("d1").samples
    for number in range(TRUSTED):
        one.learn("d1", 1_000 + 100 * number, 1_100 + 110 * number)
    assert until(lambda: other.get("d1").trusted, SECONDS)
    assert other.get("d1").slope == one.get("d1").slope
    other.learn("d1", 2_000, 2_200)
    assert len(other.get("d1").samples) == TRUSTED + 1


def test_a_calibration_that_is_known_better_here_stays(pair: tuple[Store, Store]) -> None:
    one, other = map(Calibrations, pair)
    one.learn("d1", 1_000, 1_050)
    assert until(lambda: len(other.get("d1").samples) == 1, SECONDS)
    for number in range(3):
        other.learn("d1", 1_000 + number, 1_100)
    assert pair[1].flush()
    pair[0].put("calibration", "d1", pair[0].get("calibration", "d1") + " ")
    assert until(lambda: pair[1].get("calibration", "d1").endswith(" "), SECONDS)
    assert len(other.get("d1").samples) == 4


def test_one_replica_writes_a_text_and_all_decide_alike(pair: tuple[Store, Store]) -> None:
    texts = [Texts(store, "model/1", 3_600) for store in pair]
    for key in map(str, range(10)):
        with ThreadPoolExecutor(8) as pool:
            leases = list(pool.map(lambda number, key=key: texts[number % 2].lease(key, str(number), 60), range(8)))
            assert sum(leases) == 1
            came = list(pool.map(lambda number, key=key: texts[number % 2].offer(key, f"text {number}"), range(4)))
            decided = {pool.submit(one.settled, key).result() for one in texts}
        assert sum(came) == 1
        assert decided == {f"text {came.index(True)}"}


def test_an_hour_has_as_many_calls_for_all_as_for_one(pair: tuple[Store, Store]) -> None:
    allowances = [Allowance(10, lambda: 0.0, store) for store in pair]
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda number: allowances[number % 2].take(), range(30)))
    assert sum(taken) == 10
