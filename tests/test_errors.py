"""The error of a request that cannot fit: one sum, in one unit, that begins with the model's window."""

from __future__ import annotations

import re

import pytest
from build import say

from token_guard import Guard, Settings
from token_guard.errors import ContextOverflowError
from token_guard.limits import Deployment
from token_guard.limits.overflows import overflow_of
from token_guard.proxy.refusals import WORDINGS

WINDOW = 32_768
PLACE = Deployment(id="d1", model_info={"max_input_tokens": WINDOW})
RULES = say("system", "the rule of the house is this one " * 9_000)


def overflow(**more: object) -> ContextOverflowError:
    request = {"model": "hosted_vllm/a-model", "messages": [RULES, say("user", "Hello")], **more}
    with pytest.raises(ContextOverflowError) as caught:
        Guard(Settings()).process(request, api="openai.chat", deployment=PLACE)
    return caught.value


@pytest.mark.parametrize("more", [{}, {"max_tokens": 1_000}, {"max_tokens": 8_000}])
def test_the_numbers_add_up(more: dict[str, int]) -> None:
    error = overflow(**more)
    assert error.window - error.reserved - error.margin == error.allowed
    assert sum(error.parts.values()) == error.tokens > error.allowed
    assert (error.window, error.limit_source, error.largest_part) == (WINDOW, "deployment", "system")
    numbers = {int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", str(error))}
    assert {error.window, error.reserved, error.margin, error.allowed, error.tokens, *error.parts.values()} - {0} <= numbers


def test_clients_read_the_window_from_it_in_every_wording() -> None:
    error = overflow()
    assert str(error).startswith(f"This model's maximum context length is {WINDOW:,} tokens (from model_info).")
    for wording in WORDINGS.values():
        found = overflow_of(wording.say(error))
        assert found is not None
        assert found.window == WINDOW


def test_in_anthropics_words_the_first_number_is_larger_than_the_second() -> None:
    error = overflow()
    assert (
        WORDINGS["anthropic.messages"].say(error).startswith(f"prompt is too long: {error.tokens} tokens > {error.allowed} maximum. This")
    )
