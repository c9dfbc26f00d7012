from __future__ import annotations

from token_guard.counting.cache import CountCache
from token_guard.counting.families import FAMILIES
from token_guard.counting.large import LARGE, LargeCounts
from token_guard.counting.media import media_price_for
from token_guard.counting.meter import Meter
from token_guard.counting.tools import tool_price_for
from token_guard.stores import MemoryStore

TEXT = "a large text " * (LARGE // 13 + 1)


def meter(store: MemoryStore, family: str = "o200k_base") -> Meter:
    """A meter of a process that has just started, with a store of earlier ones."""
    cache = CountCache()
    cache.large = LargeCounts(store)
    return Meter(FAMILIES[family], media_price_for("gpt-4o"), tool_price_for("gpt-4o"), cache)


def test_the_count_of_a_large_text_survives_a_restart() -> None:
    store = MemoryStore()
    counted = meter(store).text(TEXT)
    (key,) = store.keys("counts")
    store.put("counts", key, str(counted + 1))
    assert meter(store).text(TEXT) == counted + 1


def test_small_texts_are_not_stored() -> None:
    store = MemoryStore()
    meter(store).text("small")
    assert store.keys("counts") == ()


def test_families_are_kept_apart() -> None:
    store = MemoryStore()
    meter(store).text(TEXT)
    meter(store, "claude").text(TEXT)
    assert len(store.keys("counts")) == 2


def test_a_damaged_value_is_counted_anew() -> None:
    store = MemoryStore()
    counted = meter(store).text(TEXT)
    store.put("counts", store.keys("counts")[0], "rubbish")
    assert meter(store).text(TEXT) == counted
