"""What of a window is left for the prompt, and what for the reply."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_guard.budget import Scale, reply_reserve, wanted_reply


@given(st.integers(0, 2_000_000), st.floats(0.7, 1.8), st.floats(0, 70_000), st.floats(0, 0.3))
def test_what_is_within_a_window_never_counts_more_than_it(real: int, slope: float, offset: float, doubt: float) -> None:
    scale = Scale(slope, offset, doubt)
    within = scale.within(real)
    assert within == 0 or scale.at_most(within) <= real
    assert scale.at_most(within + 2) > real - 2


def test_the_margin_is_of_what_is_estimated_and_not_of_the_window() -> None:
    assert Scale(doubt=0.15).at_most(1_000) == 1_150
    assert Scale(doubt=0.15).within(128_000) + Scale(doubt=0.15).within(0) == Scale(doubt=0.15).within(128_000)


@pytest.mark.parametrize(
    ("window", "wanted", "fixed", "kept"),
    [
        (128_000, 32_000, 24_000, 32_000),  # plenty of room beside both
        (80_000, 32_000, 24_000, 29_334),  # a third of the window is the conversation's
        (48_000, 32_000, 24_000, 8_000),
        (36_000, 32_000, 24_000, 256),  # never less than the least
        (16_000, 4_000, 0, 4_000),
        (16_000, 100, 15_000, 100),  # nor more than was wanted
    ],
)
def test_the_reply_gives_way_until_the_conversation_has_a_third_of_the_window(window: int, wanted: int, fixed: int, kept: int) -> None:
    assert reply_reserve(window, wanted, 256, fixed) == kept


def test_a_reply_that_nobody_asked_for_takes_a_quarter_at_most() -> None:
    assert wanted_reply(8_192, None, 4_096) == 2_048
    assert wanted_reply(128_000, None, 4_096) == 4_096
    assert wanted_reply(8_192, 8_000, 4_096) == 8_000


def test_no_room_is_kept_for_more_than_the_model_ever_replies() -> None:
    assert wanted_reply(16_000, 16_384, 4_096, longest=4_000) == 4_000
    assert wanted_reply(16_000, None, 4_096, longest=1_024) == 1_024
    assert wanted_reply(16_000, 2_000, 4_096, longest=4_000) == 2_000
