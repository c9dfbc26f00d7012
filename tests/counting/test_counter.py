from __future__ import annotations

from typing import Any

import pytest
from counting_texts import generated, reference

import token_guard
from token_guard import errors
from token_guard.counting import TokenCounter
from token_guard.errors import ModelNotSupportedError, TokenCountError

COUNTER = TokenCounter("gpt-4o")
MESSAGES = [
    {"role": "system", "content": "You are a helpful, pattern-following assistant."},
    {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
    {"role": "user", "content": "This late pivot means we don't have time to boil the ocean."},
]


def cookbook(messages: list[dict[str, str]]) -> int:
    """OpenAI's published formula, word for word."""
    count = reference("o200k_base")
    return 3 + sum(3 + sum(count(value) + (key == "name") for key, value in message.items()) for message in messages)


def test_no_text_and_no_messages() -> None:
    assert COUNTER.count_tokens("") == 0
    assert COUNTER.count_tokens_messages([]) == 3


def test_messages_count_by_the_cookbook() -> None:
    assert COUNTER.count_tokens_messages(MESSAGES) == cookbook(MESSAGES)
    made_up = [{"role": "user", "content": text} for text in generated(500, seed=7)]
    assert COUNTER.count_tokens_messages(made_up) == cookbook(made_up)


def test_content_may_be_null_or_parts() -> None:
    text = [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]
    assert COUNTER.count_tokens_messages(text) == COUNTER.count_tokens_messages([{"role": "user", "content": "hello"}])
    assert COUNTER.count_tokens_messages([{"role": "assistant", "content": None}]) == 3 + 3 + 1


def test_images_calls_and_unknown_fields_count() -> None:
    bare = COUNTER.count_tokens_messages([{"role": "user", "content": []}])
    for extra in (
        {"content": [{"type": "image_url", "image_url": {"url": "https://x/a.png", "detail": "low"}}]},
        {"content": [], "tool_calls": [{"id": "1", "function": {"name": "ls", "arguments": "{}"}}]},
        {"content": [{"type": "new_kind", "value": 1}]},
        {"content": [], "metadata": {"key": "value"}},
    ):
        assert COUNTER.count_tokens_messages([{"role": "user", **extra}]) > bare


@pytest.mark.parametrize("text", [None, 3, b"bytes", ["list"]])
def test_text_that_is_no_string_is_refused(text: Any) -> None:
    with pytest.raises(TokenCountError, match=type(text).__name__):
        COUNTER.count_tokens(text)


@pytest.mark.parametrize(
    ("messages", "where"),
    [
        (None, "messages"),
        ("hello", "messages"),
        ({"role": "user"}, "messages"),
        ([None], r"messages\[0\]"),
        ([{"role": "user", "content": "x"}, "hi"], r"messages\[1\]"),
        ([{"role": "user", "content": 3}], r"messages\[0\]\.content"),
        ([{"role": 1, "content": "x"}], r"messages\[0\]\.role"),
        ([{"role": "user", "content": [7]}], r"messages\[0\]\.content\[0\]"),
    ],
)
def test_what_are_no_messages_is_refused_with_its_place(messages: Any, where: str) -> None:
    with pytest.raises(TokenCountError, match=where):
        COUNTER.count_tokens_messages(messages)


@pytest.mark.parametrize("model", ["", "  ", None, 4])
def test_a_model_name_is_a_word(model: Any) -> None:
    with pytest.raises(ModelNotSupportedError):
        TokenCounter(model)


def test_the_context_is_messages_system_prompt_and_reply() -> None:
    plain = COUNTER.count_tokens_messages(MESSAGES)
    assert COUNTER.estimate_context_size(MESSAGES) == {
        "prompt_tokens": plain,
        "completion_tokens": 1_000,
        "total_tokens": plain + 1_000,
    }
    assert COUNTER.estimate_context_size(MESSAGES, max_tokens=0)["total_tokens"] == plain
    prompted = COUNTER.estimate_context_size(MESSAGES, system_prompt="Be brief.", max_tokens=0)["prompt_tokens"]
    assert prompted == COUNTER.count_tokens_messages([{"role": "system", "content": "Be brief."}, *MESSAGES])


def test_a_context_without_messages_is_refused_as_such() -> None:
    with pytest.raises(TokenCountError, match="messages are a list"):
        COUNTER.estimate_context_size("hello", system_prompt="Be brief.")  # type: ignore[arg-type]
    with pytest.raises(TokenCountError, match="a system prompt is a string"):
        COUNTER.estimate_context_size(MESSAGES, system_prompt=["Be brief."])  # type: ignore[arg-type]


def test_without_a_model_it_is_gpt_4o_mini() -> None:
    assert TokenCounter().model == "gpt-4o-mini"


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_can_be_imported_from_the_package(name: str) -> None:
    if isinstance(getattr(errors, name), type):
        assert getattr(token_guard, name) is getattr(errors, name)
        assert name in token_guard.__all__


def test_what_counting_raises_can_be_caught_by_one_name() -> None:
    for wrong in (lambda: TokenCounter(""), lambda: COUNTER.count_tokens(None)):  # type: ignore[arg-type]
        with pytest.raises(token_guard.CompressionError):
            wrong()
    assert issubclass(token_guard.CompressionError, token_guard.TokenGuardError)


def test_compressing_is_due_at_exactly_the_threshold() -> None:
    assert not COUNTER.should_compress(79, 100)
    assert COUNTER.should_compress(80, 100)
    assert COUNTER.should_compress(50, 100, threshold=0.5)


@pytest.mark.parametrize(
    ("model", "window", "completion"),
    [
        ("gpt-4o", 128_000, 16_384),
        ("claude-3-5-sonnet", 200_000, 8_192),
        ("gemini-1.5-pro", 2_097_152, 8_192),
        ("nobody-knows-this", 8_192, 4_096),
    ],
)
def test_the_limits_of_a_model(model: str, window: int, completion: int) -> None:
    assert COUNTER.get_model_limits(model) == {"context_window": window, "max_completion": completion}
