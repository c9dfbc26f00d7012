"""A window that the request names."""

from __future__ import annotations

from typing import Any

import pytest

from token_guard import fit
from token_guard.budget import ContextLimit
from token_guard.limits.requested import as_requested

KNOWN = ContextLimit(40_960, None, "inference")


@pytest.mark.parametrize(
    "request_",
    [
        {"num_ctx": 8_192},
        {"options": {"num_ctx": 8_192}},
        {"extra_body": {"num_ctx": 8_192}},
        {"extra_body": {"options": {"num_ctx": 8_192}}},
        {"litellm_params": {"num_ctx": "8192"}},
        {"optional_params": {"num_ctx": 8_192}},
    ],
)
def test_ollamas_num_ctx_is_the_window_wherever_it_stands(request_: dict[str, Any]) -> None:
    found = as_requested(KNOWN, "ollama_chat/qwen3", request_)
    assert (found.max_input_tokens, found.source) == (8_192, "request")


def test_num_ctx_is_a_word_of_ollama_alone() -> None:
    assert as_requested(KNOWN, "gpt-4o", {"num_ctx": 8_192}) is KNOWN


def test_no_request_widens_what_the_operator_wrote() -> None:
    written = ContextLimit(16_000, None, "config_file")
    assert as_requested(written, "ollama/llama3.1", {"num_ctx": 64_000}) is written
    assert as_requested(written, "ollama/llama3.1", {"num_ctx": 8_000}).max_input_tokens == 8_000
    assert as_requested(written, "claude-sonnet-4-5", {"betas": ["context-1m-2025-08-07"]}) is written


@pytest.mark.parametrize(
    "request_",
    [
        {"extra_headers": {"anthropic-beta": "files-api-2025-04-14,context-1m-2025-08-07"}},
        {"proxy_server_request": {"headers": {"Anthropic-Beta": "context-1m-2025-08-07"}}},
        {"extra_headers": {"anthropic-beta": ["files-api-2025-04-14", "context-1m-2025-08-07"]}},
        {"provider_specific_header": {"custom_llm_provider": "anthropic", "extra_headers": {"anthropic-beta": "context-1m-2025-08-07"}}},
        {"anthropic_beta": ["context-1m-2025-08-07"]},
        {"extra_body": {"betas": ["context-1m-2025-08-07"]}},
    ],
)
@pytest.mark.parametrize(
    "model",
    [
        "claude-sonnet-4-5",
        "anthropic/claude-sonnet-4-20250514",
        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "openrouter/anthropic/claude-sonnet-4.5",
    ],
)
def test_the_beta_of_a_million_tokens_widens_the_models_that_have_it(model: str, request_: dict[str, Any]) -> None:
    known = ContextLimit(200_000, 64_000, "litellm_map")
    assert as_requested(known, model, request_).max_input_tokens == 1_000_000
    assert as_requested(known, "claude-haiku-4-5", request_) is known


def test_a_request_is_fitted_to_the_window_that_it_names() -> None:
    talk = [{"role": role, "content": f"{n} and the ledger of the month " * 60} for n in range(40) for role in ("user", "assistant")]
    request = {"model": "ollama_chat/qwen3", "num_ctx": 4_096, "messages": [*talk, {"role": "user", "content": "Which one?"}]}
    report = fit(request).report
    assert (report.limit.max_input_tokens, report.limit.source, report.action) == (4_096, "request", "compacted")
    assert report.tokens_after < 4_096
