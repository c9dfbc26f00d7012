"""Intervals hold the truth as often as they say, and say nothing of few pairs."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from token_guard.shadow import LEAST_PAIRS, Agreed, Interval, Overlaps

RUNS = 400


def held(found: Callable[[random.Random], Interval | None], truth: float) -> float:
    """How many of many intervals hold the truth, as a share."""
    draw = random.Random(17)
    intervals = [found(draw) for _ in range(RUNS)]
    return sum(one is not None and one.low <= truth <= one.high for one in intervals) / RUNS


def pairs(draw: random.Random, number: int, whole: float, compacted: float) -> Agreed:
    total = Agreed()
    for _ in range(number):
        total = total.plus(Agreed.of(draw.random() >= whole, draw.random() >= compacted))
    return total


@pytest.mark.parametrize("disagrees", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("number", [50, 200])
def test_a_rate_is_within_its_interval_about_95_times_of_100(disagrees: float, number: int) -> None:
    assert held(lambda draw: pairs(draw, number, 0.0, disagrees).over_compaction, disagrees) >= 0.92


@pytest.mark.parametrize(("whole", "compacted"), [(0.1, 0.1), (0.2, 0.5), (0.0, 0.02)])
def test_so_is_what_compaction_adds(whole: float, compacted: float) -> None:
    assert held(lambda draw: pairs(draw, 60, whole, compacted).added, compacted - whole) >= 0.92


def test_so_are_words_in_common() -> None:
    def lost(draw: random.Random) -> Interval | None:
        total = Overlaps()
        for _ in range(60):
            total = total.plus(Overlaps.of(draw.uniform(0.6, 1.0), draw.uniform(0.4, 0.8)))
        return total.lost

    assert held(lost, 0.2) >= 0.92


def test_nothing_is_said_of_fewer_than_fifty_pairs() -> None:
    few, enough = pairs(random.Random(1), LEAST_PAIRS - 1, 0.1, 0.3), pairs(random.Random(1), LEAST_PAIRS, 0.1, 0.3)
    assert (few.by_itself, few.over_compaction, few.added) == (None, None, None)
    assert None not in (enough.by_itself, enough.over_compaction, enough.added)


def test_a_pair_without_something_to_agree_on_is_none() -> None:
    assert Agreed.of(None, None) == Agreed()
    assert Overlaps.of(None, None) == Overlaps()
