from __future__ import annotations

import pytest

from token_guard.simulation.bill import Bill, Piece, PromptCache
from token_guard.simulation.prices import CacheRule, Prices, prices_of

PRICES = Prices("m", plain=1.0, read=0.1, write=1.0, rule=CacheRule(min_tokens=100, step=10, ttl_seconds=60.0))
HEAD, ASK, MORE = Piece(0, 205), Piece(1, 50), Piece(2, 30)


def test_what_was_sent_before_is_read_in_whole_steps() -> None:
    cache = PromptCache(PRICES)
    assert cache.send([HEAD, ASK], 0.0) == Bill(plain=255, cost=255.0)
    bill = cache.send([HEAD, ASK, MORE], 1.0)
    assert (bill.plain, bill.read) == (35, 250)
    assert bill.cost == pytest.approx(35 + 25)


def test_what_nobody_read_for_its_time_to_live_is_gone_and_a_read_starts_it_again() -> None:
    cache = PromptCache(PRICES)
    for at, read in ((0.0, 0), (50.0, 250), (100.0, 250), (161.0, 0)):
        assert cache.send([HEAD, ASK], at).read == read


def test_another_beginning_reads_nothing() -> None:
    cache = PromptCache(PRICES)
    cache.send([HEAD, ASK], 0.0)
    assert cache.send([Piece(9, 205), ASK], 1.0).read == 0
    assert cache.send([HEAD, MORE], 2.0).read == 200


def test_short_prompts_are_not_cached() -> None:
    cache = PromptCache(PRICES)
    cache.send([ASK, MORE], 0.0)
    assert cache.send([ASK, MORE], 1.0) == Bill(plain=80, cost=80.0)


def test_where_writing_has_a_price_all_that_is_not_read_is_written() -> None:
    cache = PromptCache(Prices("m", 1.0, 0.1, 1.25, rule=CacheRule(min_tokens=100)))
    assert cache.send([HEAD], 0.0) == Bill(write=205, cost=205 * 1.25)
    assert cache.send([ASK], 1.0) == Bill(plain=50, cost=50.0)


def test_a_reply_is_cached_where_a_provider_keeps_replies() -> None:
    reply = Piece(5, 100)
    for keeps, read in ((True, 355), (False, 255)):
        cache = PromptCache(Prices("m", 1.0, 0.1, 1.0, rule=CacheRule(min_tokens=100, keeps_reply=keeps)))
        cache.send([HEAD, ASK], 0.0, reply)
        assert cache.send([HEAD, ASK, reply, MORE], 1.0).read == read


def test_prices_come_from_litellms_map() -> None:
    prices = prices_of("claude-sonnet-4-5")
    assert (prices.plain, prices.read, prices.write) == (3e-06, 3e-07, 3.75e-06)
    assert prices_of("openai/gpt-4o").rule.step == 128
    assert not prices_of("zzz-unheard-of").known


def test_long_prompts_cost_more_where_the_map_says_so() -> None:
    prices = prices_of("gemini/gemini-2.5-pro")
    assert prices.cost(200_001, 0, 0) > 1.9 * prices.cost(200_000, 0, 0)
