from __future__ import annotations

import socket
from typing import NoReturn

import pytest

from token_guard.counting import TokenCounter, meter_for
from token_guard.counting.families import FAMILIES, MODELS, UNKNOWN, family_of

EXPECTED = {
    "databricks/databricks-claude-opus-4-7": "claude-4.7",
    "databricks/databricks-claude-sonnet-4-5": "claude",
    "databricks/databricks-gemini-2-5-pro": "gemini",
    "databricks/databricks-meta-llama-3-3-70b-instruct": "llama3",
    "openrouter/anthropic/claude-4.8-opus": "claude-4.7",
    "openrouter/anthropic/claude-4.5-sonnet-20250929": "claude",
    "vertex_ai/claude-sonnet-4-9@20270101": "claude-4.7",
    "claude-next": "claude-4.7",
    "bedrock/zai.glm-4.7": "glm",
    "bedrock/mistral.mistral-large-2402-v1:0": "mistral-spm",
    "bedrock/us.amazon.nova-premier-v1:0": "unmeasured",
    "hosted_vllm/medgemma-4b": "gemini",
    "groq/deepseek-r1-distill-llama-70b": "llama3",
    "deepseek-r1-distill-qwen-32b": "qwen",
    "nous-hermes-2-mixtral": "mistral-spm",
    "meta-llama/Llama-2-7b-chat-hf": "llama2",
    "team-gpt-4o": "o200k_base",
    "microsoft/Phi-3-mini-4k-instruct": "llama2",
    "microsoft/Phi-4-mini-instruct": "o200k_base",
    "gpt-4o": "o200k_base",
    "openai/gpt-4o": "o200k_base",
    "openrouter/openai/gpt-4o-mini": "o200k_base",
    "azure/gpt-5": "o200k_base",
    "gpt-4.1-mini-2025-04-14": "o200k_base",
    "o3-mini": "o200k_base",
    "ft:gpt-4o-mini:acme::abc": "o200k_base",
    "groq/openai/gpt-oss-120b": "o200k_base",
    "gpt-4": "cl100k_base",
    "gpt-4-turbo": "cl100k_base",
    "azure/gpt-35-turbo": "cl100k_base",
    "text-embedding-3-small": "cl100k_base",
    "anthropic/claude-opus-4-1": "claude",
    "claude-3-5-sonnet-20241022": "claude",
    "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0": "claude",
    "vertex_ai/claude-opus-4-6@default": "claude",
    "claude-opus-4-8": "claude-4.7",
    "bedrock/eu.anthropic.claude-opus-4-8-v1:0": "claude-4.7",
    "gemini/gemini-2.5-pro": "gemini",
    "vertex_ai/gemini-3-flash": "gemini",
    "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo": "llama3",
    "fireworks_ai/accounts/fireworks/models/llama-v3p1-70b-instruct": "llama3",
    "replicate/meta/meta-llama-3-70b": "llama3",
    "bedrock/meta.llama3-1-8b-instruct-v1:0": "llama3",
    "groq/meta-llama/llama-4-scout-17b-16e-instruct": "llama4",
    "replicate/meta/llama-2-70b-chat": "llama2",
    "deepseek/deepseek-chat": "deepseek",
    "openrouter/deepseek/r1": "deepseek",
    "dashscope/qwen-max": "qwen",
    "ollama/qwen2.5-coder:7b": "qwen",
    "hosted_vllm/Qwen/Qwen3-32B": "qwen",
    "mistral/mistral-large-latest": "tekken",
    "mistral/codestral-latest": "tekken",
    "mistral/open-mixtral-8x22b": "mistral-spm",
    "bedrock/mistral.mistral-7b-instruct-v0:2": "mistral-spm",
    "moonshot/kimi-k2-0711-preview": "kimi",
    "zai/glm-4.6": "glm",
    "xai/grok-4": "unmeasured",
    "cohere/command-r-plus": "unmeasured",
    "bedrock/amazon.nova-pro-v1:0": "unmeasured",
    "my-own-model": "o200k_base",
    "hosted_vllm/acme/tuned-2b": "o200k_base",
    "": "o200k_base",
    "///": "o200k_base",
}


@pytest.mark.parametrize(("model", "family"), EXPECTED.items(), ids=list(EXPECTED))
def test_a_model_name_means_its_family(model: str, family: str) -> None:
    assert meter_for(model).family == family


def test_an_unknown_name_counts_as_plain_o200k_with_a_margin() -> None:
    assert family_of("my-own-model") is UNKNOWN
    assert meter_for("my-own-model").text("hello world") == meter_for("gpt-4o").text("hello world")
    assert meter_for("my-own-model").margin(100_000) > 0


def test_exact_families_need_no_margin() -> None:
    assert meter_for("gpt-4o").margin(128_000) == meter_for("gpt-4").margin(8_192) == 0


def test_a_margin_covers_the_safe_factor() -> None:
    family = FAMILIES["deepseek"]
    window = 64_000
    planned = window - meter_for("deepseek-chat").margin(window)
    assert planned * family.safe_factor <= window


def test_every_named_family_exists() -> None:
    assert set(MODELS.values()) <= set(FAMILIES)


def test_a_provider_prefix_does_not_change_a_count() -> None:
    text = "Größe 你好 def f(x): pass"
    assert TokenCounter("openai/gpt-4o").count_tokens(text) == TokenCounter("gpt-4o").count_tokens(text)


def test_no_name_reaches_for_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for model in (*EXPECTED, *FAMILIES, "text-davinci-003"):
        assert meter_for(model).text("The quick brown fox, 12345, 你好") > 0


def test_estimates_of_digits_and_other_scripts_follow_the_family() -> None:
    qwen, plain = meter_for("qwen-max"), meter_for("gpt-4o")
    digits = "8429175306" * 20
    assert qwen.text(digits) > plain.text(digits) * 1.5
    assert meter_for("claude-2.1").text("你好世界" * 20) > plain.text("你好世界" * 20)
