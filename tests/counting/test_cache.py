from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

from token_guard.counting import cache as cache_module
from token_guard.counting.cache import ENTRY_BYTES, CountCache


def test_a_count_is_remembered() -> None:
    cache = CountCache()
    cache.put(1, 10)
    assert (cache.get(1), cache.get(2)) == (10, None)


def test_the_number_of_entries_is_bounded() -> None:
    cache = CountCache(max_bytes=100 * ENTRY_BYTES)
    for key in range(10_000):
        cache.put(key, key)
    assert len(cache) <= 100


def test_what_is_used_survives() -> None:
    cache = CountCache(max_bytes=100 * ENTRY_BYTES)
    for key in range(1_000):
        cache.put(key, key)
        assert cache.get(0) == 0


def test_an_entry_costs_at_most_what_the_bound_assumes() -> None:
    cache = CountCache(max_bytes=50_000 * ENTRY_BYTES)
    tracemalloc.start()
    for number in range(200_000):
        cache.put(hash(str(number)) ^ (number << 64), 1_000 + number)
    # other threads of the test run allocate too
    here = [tracemalloc.Filter(inclusive=True, filename_pattern=file) for file in (__file__, str(cache_module.__file__))]
    taken = sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(here).traces)
    tracemalloc.stop()
    assert 0 < taken <= 50_000 * ENTRY_BYTES


def test_threads_may_share_it() -> None:
    cache = CountCache(max_bytes=1_000 * ENTRY_BYTES)

    def use(start: int) -> bool:
        for key in range(start, start + 20_000):
            cache.put(key, key)
            if cache.get(key) not in (key, None):
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(use, range(0, 40_000, 10_000)))
    assert len(cache) <= 1_100
