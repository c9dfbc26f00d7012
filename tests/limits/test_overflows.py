"""Every phrase of the table in a provider's whole words, and what is none of them."""

from __future__ import annotations

import pytest

from token_guard.limits.overflows import Overflow, overflow_of, telling

NAMED = [
    (
        "This model's maximum context length is 16385 tokens. However, your messages resulted in 17000 tokens. Please reduce the length.",
        16_385,
        17_000,
    ),
    (
        "This model's maximum context length is 4097 tokens. However, you requested 5123 tokens (4123 in the messages, 1000 in the completion).",
        4_097,
        5_123,
    ),
    (
        "This endpoint's maximum context length is 131,072 tokens. However, you requested about 140,210 tokens (136,114 of text input).",
        131_072,
        140_210,
    ),
    ("Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300123 tokens.", 272_000, 300_123),
    (
        "This model's maximum context length is 4096 tokens. However, you requested 500 output tokens and your prompt contains at least "
        "3700 input tokens, for a total of at least 4200 tokens.",
        4_096,
        4_200,
    ),
    ("The decoder prompt (length 40000) is longer than the maximum model length of 32768. Make sure that", 32_768, 40_000),
    (
        "You passed 5000 input tokens and requested 100 output tokens. However, the model's context length is only 4096 tokens",
        4_096,
        5_100,
    ),
    ("prompt is too long: 215000 tokens > 200000 maximum", 200_000, 215_000),
    ("input length and `max_tokens` exceed context limit: 179413 + 32768 > 200000, decrease input length", 200_000, 212_181),
    ("The input token count (1500000) exceeds the maximum number of tokens allowed (1048576).", 1_048_576, 1_500_000),
    ("The input token count exceeds the maximum number of tokens allowed (1048576).", 1_048_576, None),
    ("The input (40960 tokens) is longer than the model's context length (32768 tokens).", 32_768, 40_960),
    (
        "Requested token count exceeds the model's maximum context length of 8192 tokens. You requested a total of 9000 tokens",
        8_192,
        9_000,
    ),
    (
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens and 100 `max_new_tokens`",
        4_096,
        5_100,
    ),
    ("Input validation error: `inputs` must have less than 4096 tokens. Given: 5000", 4_096, 5_000),
    ("request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it", 4_096, 5_000),
    (
        '{"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_prompt_tokens":5000,"n_ctx":4096}',
        4_096,
        5_000,
    ),
    ("{'message': 'the request exceeds the available context size, try increasing it', 'n_ctx': 4096}", 4_096, None),
    ("Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length", 32_768, 40_000),
    ("Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192", 8_192, 9_000),
    ("Invalid request: Your request exceeded model token limit: 8192 (requested: 9000)", 8_192, 9_000),
    ("maximum input length is 8192 tokens", 8_192, None),
]

UNNAMED = [
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "{'code': 'context_length_exceeded', 'message': 'too much'}",
    "stop_reason: model_context_window_exceeded",
    "the request exceeds the available context size, try increasing the context size or enable context shift",
    "The length of all messages is too long",
    "Too many input tokens. Max input tokens: unknown",
    "Input is too long for requested model.",
    "invalid params, context window exceeds limit",
    '{"code": "1261", "message": "Prompt is too long"}',
    '{"type": "request_too_large", "message": "Request exceeds the maximum size"}',
]

OTHERS = [
    "",
    "The model does not exist.",
    "Invalid 'user': string too long. Expected a string with maximum length 64, but got a string with length 90 instead.",
    "{'code': 'string_above_max_length', 'message': 'maximum context length is 5000 tokens'}",
    "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 45000.",
    "Rate limit reached. Current length is 30000 while limit is 20000",
    "You exceeded your quota: maximum context length is 100000 tokens",
    "An assistant message with 'tool_calls' must be followed by tool messages",
    "max_tokens is too large: 90000. This model supports at most 16384 completion tokens",
]


@pytest.mark.parametrize(("text", "window", "requested"), NAMED)
def test_a_named_window_is_read(text: str, window: int, requested: int | None) -> None:
    overflow = overflow_of(text)
    assert overflow is not None
    assert (overflow.window, overflow.requested) == (window, requested)


REPLY_TOO_LONG = [
    ("input length and `max_tokens` exceed context limit: 19494 + 50000 > 64000, decrease input length", 64_000, 19_494, 50_000),
    (
        "This model's maximum context length is 65536 tokens. However, you requested 50000 output tokens and your prompt contains 19494 "
        "input tokens, for a total of 69494 tokens.",
        65_536,
        19_494,
        50_000,
    ),
    (
        "'max_tokens' or 'max_completion_tokens' is too large: 50000. This model's maximum context length is 64000 tokens and your request "
        "has 19494 input tokens (50000 > 64000 - 19494).",
        64_000,
        19_494,
        50_000,
    ),
    (
        "This model's maximum context length is 4097 tokens. However, you requested 4123 tokens (2123 in the messages, 1000 in the "
        "functions, and 1000 in the completion). Please reduce",
        4_097,
        3_123,
        1_000,
    ),
    (
        "This endpoint's maximum context length is 131072 tokens. However, you requested about 140000 tokens (40000 of text input, 100000 "
        "in the output). Please reduce the length",
        131_072,
        40_000,
        100_000,
    ),
    (
        "Requested token count exceeds the model's maximum context length of 32768 tokens. You requested a total of 33000 tokens: 3000 "
        "tokens from the input messages and 30000 tokens for the completion.",
        32_768,
        3_000,
        30_000,
    ),
    ("`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 3000 `inputs` tokens and 2000 `max_new_tokens`", 4_096, 3_000, 2_000),
    (
        "You passed 3000 input tokens and requested 2000 output tokens. However, the model's context length is only 4096",
        4_096,
        3_000,
        2_000,
    ),
]


@pytest.mark.parametrize(("text", "window", "prompt", "reply"), REPLY_TOO_LONG)
def test_prompt_and_reply_are_kept_apart_and_what_is_left_for_a_reply_is_known(text: str, window: int, prompt: int, reply: int) -> None:
    overflow = overflow_of(text)
    assert overflow is not None
    assert (overflow.window, overflow.prompt, overflow.reply, overflow.room) == (window, prompt, reply, window - prompt)


@pytest.mark.parametrize("text", ["exceed context limit: 70000 + 16 > 64000", "prompt is too long: 70000 tokens > 64000 maximum", *UNNAMED])
def test_where_the_prompt_alone_is_too_long_nothing_is_left_for_a_reply(text: str) -> None:
    overflow = overflow_of(text)
    assert overflow is not None
    assert overflow.room is None


def test_of_several_texts_the_one_that_names_most_counts() -> None:
    texts = ("context_length_exceeded", "maximum context length is 8000 tokens", "prompt is too long: 9000 tokens > 8000 maximum", "boom")
    assert telling(map(overflow_of, texts)) == Overflow(8_000, 9_000)
    assert telling(map(overflow_of, ("boom", ""))) is None


@pytest.mark.parametrize("text", UNNAMED)
def test_an_overflow_without_a_window_is_one(text: str) -> None:
    assert overflow_of(text) == Overflow()


@pytest.mark.parametrize("text", OTHERS)
def test_other_refusals_are_no_overflow(text: str) -> None:
    assert overflow_of(text) is None


@pytest.mark.parametrize("number", [64, 999, 10_000_001, 10**30])
def test_a_number_that_is_no_window_is_not_taken_for_one(number: int) -> None:
    overflow = overflow_of(f"This model's maximum context length is {number} tokens.")
    assert overflow == Overflow()


def test_case_and_surroundings_do_not_matter() -> None:
    wrapped = "litellm.BadRequestError: OpenAIException - {'error': {'message': 'PROMPT IS TOO LONG: 9000 tokens > 8000 maximum'}}"
    assert overflow_of(wrapped) == Overflow(8_000, 9_000)


def test_a_long_text_is_read_at_its_start_only() -> None:
    assert overflow_of("n_ctx " * 1_000_000 + "prompt is too long") is None
