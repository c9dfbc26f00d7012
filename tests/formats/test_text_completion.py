"""Completions: one prompt is cut where it has to be, several and token ids are only looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_guard import fit
from token_guard.conversation import Conversation
from token_guard.errors import ContextOverflowError
from token_guard.formats import Unreadable, format_for
from token_guard.formats.text_completion import TextCompletion

COMPLETION = TextCompletion()
LONG = "\n".join(f"line {number} of a long text about ledgers" for number in range(4_000))
MODEL = "gpt-3.5-turbo-instruct"

SHAPES = {
    "a string": {"prompt": "Once upon a time"},
    "one string": {"prompt": ["Once upon a time"]},
    "several strings": {"prompt": ["Once", "upon", "a time"]},
    "a suffix": {"prompt": "Once", "suffix": "upon a time"},
    "an empty string": {"prompt": ""},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_an_untouched_request_comes_back_as_the_same_object(shape: dict[str, Any]) -> None:
    request = {"model": MODEL, **shape, "temperature": 0.2}
    parsed = COMPLETION.parse(request)
    assert isinstance(parsed, Conversation)
    assert COMPLETION.render(parsed) is request
    assert fit(request, max_input_tokens=1_000).request is request


@pytest.mark.parametrize("prompt", [LONG, [LONG]], ids=["a string", "one string"])
def test_a_prompt_that_is_too_long_loses_lines_in_its_middle(prompt: Any) -> None:
    request = {"model": MODEL, "prompt": prompt, "logprobs": 3}
    fitted = fit(request, max_input_tokens=2_000)
    assert (fitted.report.action, fitted.report.tokens_after <= 2_000) == ("compacted", True)
    assert {**fitted.request, "prompt": None} == {"model": MODEL, "prompt": None, "logprobs": 3}
    assert type(fitted.request["prompt"]) is type(prompt)
    lines = "".join(fitted.request["prompt"]).split("\n")
    kept = [line for line in lines if line in LONG.split("\n")]
    assert (lines[0], lines[-1]) == (LONG.split("\n")[0], LONG.split("\n")[-1])
    assert len(kept) == len(lines) - 1


def test_a_suffix_counts_and_stays() -> None:
    fitted = fit({"model": MODEL, "prompt": LONG, "suffix": "the end"}, max_input_tokens=2_000)
    assert fitted.request["suffix"] == "the end"


def test_of_several_prompts_each_has_the_window_for_itself() -> None:
    request = {"model": MODEL, "prompt": ["a few words here"] * 1_000}
    assert fit(request, max_input_tokens=500).request is request


def test_of_several_prompts_none_is_cut() -> None:
    with pytest.raises(ContextOverflowError):
        fit({"model": MODEL, "prompt": [LONG, "short"]}, max_input_tokens=500)


@pytest.mark.parametrize("prompt", [[1, 2, 3], [[1, 2, 3], [4], [5], [6]]])
def test_token_ids_pass_and_the_note_says_how_many(prompt: Any) -> None:
    request = {"model": MODEL, "prompt": prompt}
    fitted = fit(request, max_input_tokens=1)
    assert fitted.request is request
    assert fitted.report.note == "prompt is token ids, 3 in the longest"


def test_a_clamped_reply_length_is_written_where_it_was_asked() -> None:
    parsed = COMPLETION.parse({"prompt": "hi", "max_tokens": 5_000})
    assert isinstance(parsed, Conversation)
    assert COMPLETION.render(replace(parsed, max_output_tokens=300))["max_tokens"] == 300


@pytest.mark.parametrize("prompt", [None, 7, {}, [], [None], [{}]])
def test_what_cannot_be_read_is_left_alone(prompt: Any) -> None:
    assert isinstance(COMPLETION.parse({"prompt": prompt}), Unreadable)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=4), max_leaves=8))
def test_no_input_raises_and_what_is_read_renders_as_it_was(prompt: Any) -> None:
    request = {"prompt": prompt}
    parsed = COMPLETION.parse(request)
    assert isinstance(parsed, Unreadable) or COMPLETION.render(parsed) is request


def test_the_format_is_found_by_name_or_by_shape() -> None:
    assert format_for("openai.completions", {}) == format_for(None, {"prompt": "a"}) == COMPLETION
