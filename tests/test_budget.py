from __future__ import annotations

import pytest

from token_guard.budget import ContextLimit, output_room


@pytest.mark.parametrize(("prompt_tokens", "room"), [(1_000, 7_000), (7_744, 256), (7_950, 256), (9_000, 256)])
def test_the_room_for_a_reply_is_what_remains_and_never_below_the_floor(prompt_tokens: int, room: int) -> None:
    assert output_room(ContextLimit(8_000), prompt_tokens, 0, 256) == room


def test_a_reply_with_a_window_of_its_own_has_no_bound() -> None:
    assert output_room(ContextLimit(8_000, separate_output=True), 7_950, 0, 256) is None
