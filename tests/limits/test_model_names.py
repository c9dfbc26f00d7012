"""The table of model names: each resolves to the right number, from the right source.

What litellm's map lists is compared with the installed map under the named key, since its numbers change between releases; what the map
no longer lists is compared with the numbers that the vendors published.
"""

import functools
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from token_guard.limits import Deployment, LimitChain

CHAIN = LimitChain(environ={})

# model as a proxy's config spells it -> key of litellm's map
MAPPED = {
    # OpenAI and Azure
    "gpt-4o": "gpt-4o",
    "openai/gpt-4o": "gpt-4o",
    "GPT-4o": "gpt-4o",
    "litellm_proxy/gpt-4o": "gpt-4o",
    "gpt-4o-2024-05-13": "gpt-4o-2024-05-13",
    "openai/gpt-4o-2024-08-06": "gpt-4o-2024-08-06",
    "gpt-4o-2031-12-31": "gpt-4o",
    "gpt-4o-mini": "gpt-4o-mini",
    "openai/gpt-4.1": "gpt-4.1",
    "gpt-4.1-nano": "gpt-4.1-nano",
    "gpt-4": "gpt-4",
    "gpt-4-turbo": "gpt-4-turbo",
    "gpt-3.5-turbo": "gpt-3.5-turbo",
    "gpt-3.5-turbo-0125": "gpt-3.5-turbo-0125",
    "gpt-3.5-turbo-16k-0613": "gpt-3.5-turbo-16k",
    "gpt-5": "gpt-5",
    "openai/gpt-5-mini": "gpt-5-mini",
    "gpt-5-pro": "gpt-5-pro",
    "gpt-5.1-codex": "gpt-5.1-codex",
    "gpt-5-chat-latest": "gpt-5-chat-latest",
    "o1": "o1",
    "openai/o3-mini": "o3-mini",
    "o4-mini-2025-04-16": "o4-mini-2025-04-16",
    "ft:gpt-4o-2024-08-06:acme::A1b2": "ft:gpt-4o-2024-08-06",
    "openai/ft:gpt-4o-mini-2024-07-18:acme:support:A1b2": "ft:gpt-4o-mini-2024-07-18",
    "ft:gpt-4o:acme::A1b2": "gpt-4o",
    "ft:gpt-3.5-turbo-0125:acme::A1b2:ckpt-step-90": "ft:gpt-3.5-turbo-0125",
    "azure/gpt-4o": "azure/gpt-4o",
    "azure/eu/gpt-4o": "azure/eu/gpt-4o",
    "azure/gpt-4o-2031-12-31": "azure/gpt-4o",
    "azure/gpt-4.1-mini": "azure/gpt-4.1-mini",
    "azure/gpt-35-turbo": "azure/gpt-35-turbo",
    "azure/gpt-5-chat": "azure/gpt-5-chat",
    "azure_ai/deepseek-v3": "azure_ai/deepseek-v3",
    "text-embedding-3-small": "text-embedding-3-small",
    "github_copilot/gpt-4o": "github_copilot/gpt-4o",
    # Anthropic, Bedrock, Vertex
    "claude-sonnet-4-5": "claude-sonnet-4-5",
    "anthropic/claude-sonnet-4-5-20250929": "claude-sonnet-4-5-20250929",
    "anthropic/claude-haiku-4-5": "claude-haiku-4-5",
    "claude-opus-4-6": "claude-opus-4-6",
    "openrouter/anthropic/claude-sonnet-4.5": "claude-sonnet-4-5",
    "openrouter/anthropic/claude-opus-4.5:beta": "claude-opus-4-5",
    "bedrock/anthropic.claude-haiku-4-5-20251001-v1:0": "anthropic.claude-haiku-4-5-20251001-v1:0",
    "bedrock/us.anthropic.claude-opus-4-6-v1": "us.anthropic.claude-opus-4-6-v1",
    "bedrock/converse/global.anthropic.claude-opus-4-7": "global.anthropic.claude-opus-4-7",
    "bedrock/us-east-2/anthropic.claude-opus-4-7": "anthropic.claude-opus-4-7",
    "bedrock/arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-opus-4-8": "eu.anthropic.claude-opus-4-8",
    "bedrock/amazon.nova-pro-v1:0": "amazon.nova-pro-v1:0",
    "bedrock/apac.amazon.nova-lite-v1:0": "apac.amazon.nova-lite-v1:0",
    "bedrock/sa.amazon.nova-micro-v1:0": "amazon.nova-micro-v1:0",
    "bedrock/meta.llama3-1-70b-instruct-v1:0": "meta.llama3-1-70b-instruct-v1:0",
    "bedrock/mistral.mistral-large-2402-v1:0": "mistral.mistral-large-2402-v1:0",
    "bedrock/openai.gpt-oss-120b-1:0": "openai.gpt-oss-120b-1:0",
    "vertex_ai/claude-sonnet-4-5@20250929": "vertex_ai/claude-sonnet-4-5@20250929",
    "vertex_ai/claude-opus-4-6@20310101": "vertex_ai/claude-opus-4-6",
    "vertex_ai/gemini-2.5-pro": "gemini-2.5-pro",
    "vertex_ai/meta/llama-4-scout-17b-16e-instruct-maas": "vertex_ai/meta/llama-4-scout-17b-16e-instruct-maas",
    "vertex_ai/codestral-2501": "vertex_ai/codestral-2501",
    # Google
    "gemini/gemini-2.5-pro": "gemini/gemini-2.5-pro",
    "gemini/gemini-2.5-flash": "gemini/gemini-2.5-flash",
    "gemini-2.5-flash-lite": "gemini-2.5-flash-lite",
    "openrouter/google/gemini-2.5-pro": "gemini-2.5-pro",
    "gemini/gemma-3-27b-it": "gemini/gemma-3-27b-it",
    # the other vendors' own APIs, with and without their prefix
    "mistral/mistral-large-latest": "mistral/mistral-large-latest",
    "mistral-large-latest": "mistral/mistral-large-latest",
    "mistral/codestral-latest": "mistral/codestral-latest",
    "mistral/open-mistral-nemo": "mistral/open-mistral-nemo",
    "deepseek/deepseek-chat": "deepseek/deepseek-chat",
    "deepseek/deepseek-reasoner": "deepseek/deepseek-reasoner",
    "xai/grok-4.3": "xai/grok-4.3",
    "openrouter/x-ai/grok-4.3": "xai/grok-4.3",
    "moonshot/kimi-k2.5": "moonshot/kimi-k2.5",
    "openrouter/moonshotai/kimi-k2.5": "moonshot/kimi-k2.5",
    "moonshot/moonshot-v1-32k": "moonshot/moonshot-v1-32k",
    "zai/glm-4.6": "zai/glm-4.6",
    "openrouter/z-ai/glm-4.5": "zai/glm-4.5",
    "dashscope/qwen-max": "dashscope/qwen-max",
    "dashscope/qwen3-coder-plus": "dashscope/qwen3-coder-plus",
    "minimax/MiniMax-M2": "minimax/MiniMax-M2",
    "perplexity/sonar-pro": "perplexity/sonar-pro",
    "cohere/command-r-08-2024": "command-r-08-2024",
    "command-a-03-2025": "command-a-03-2025",
    "ai21/jamba-1.5-large": "jamba-1.5-large",
    # hosts
    "groq/openai/gpt-oss-120b": "groq/openai/gpt-oss-120b",
    "cerebras/llama-3.3-70b": "cerebras/llama-3.3-70b",
    "together_ai/deepseek-ai/DeepSeek-V3": "together_ai/deepseek-ai/DeepSeek-V3",
    "fireworks_ai/accounts/fireworks/models/llama-v3p1-405b-instruct": "fireworks_ai/accounts/fireworks/models/llama-v3p1-405b-instruct",
    "deepinfra/Qwen/Qwen3-32B": "deepinfra/Qwen/Qwen3-32B",
    "deepinfra/qwen/qwen3-32b": "deepinfra/Qwen/Qwen3-32B",
    "novita/moonshotai/kimi-k2-instruct": "novita/moonshotai/kimi-k2-instruct",
    "nebius/deepseek-ai/DeepSeek-R1": "nebius/deepseek-ai/DeepSeek-R1",
    "hyperbolic/meta-llama/Llama-3.3-70B-Instruct": "hyperbolic/meta-llama/Llama-3.3-70B-Instruct",
    "sambanova/DeepSeek-R1": "sambanova/DeepSeek-R1",
    "replicate/deepseek-ai/deepseek-r1": "replicate/deepseek-ai/deepseek-r1",
    "databricks/databricks-gemini-2-5-pro": "databricks/databricks-gemini-2-5-pro",
    "snowflake/claude-3-5-sonnet": "snowflake/claude-3-5-sonnet",
    "vercel_ai_gateway/anthropic/claude-3.5-sonnet": "vercel_ai_gateway/anthropic/claude-3.5-sonnet",
    "cloudflare/@cf/openai/gpt-oss-20b": "cloudflare/@cf/openai/gpt-oss-20b",
    "oci/meta.llama-4-scout-17b-16e-instruct": "oci/meta.llama-4-scout-17b-16e-instruct",
    "wandb/meta-llama/Llama-3.3-70B-Instruct": "wandb/meta-llama/Llama-3.3-70B-Instruct",
    "scaleway/meta/llama-3.3-70b-instruct": "scaleway/meta/llama-3.3-70b-instruct",
    "ollama/llama3:8b": "ollama/llama3:8b",
    "ollama/llama3.1:8b": "ollama/llama3.1",
    "meta_llama/Llama-3.3-70B-Instruct": "meta_llama/Llama-3.3-70B-Instruct",
}

# model -> window and longest reply, as published; retired names, variants, weights that someone serves themselves
INFERRED: dict[str, tuple[int, int | None]] = {
    "claude-3-5-sonnet": (200_000, 8_192),
    "claude-3-5-sonnet-20241022": (200_000, 8_192),
    "anthropic/claude-3-5-sonnet-20240620": (200_000, 8_192),
    "openrouter/anthropic/claude-3.5-sonnet": (200_000, 8_192),
    "claude-3-opus-20240229": (200_000, 4_096),
    "claude-3-7-sonnet-latest": (200_000, 64_000),
    "anthropic/claude-2": (100_000, 4_096),
    "claude-2.1": (200_000, 4_096),
    "claude-instant-1.2": (100_000, 4_096),
    "claude-sonnet-4-20250514": (200_000, 64_000),
    "claude-opus-4-1-20250805": (200_000, 32_000),
    "gemini-1.5-pro": (2_097_152, 8_192),
    "gemini/gemini-1.5-pro-002": (2_097_152, 8_192),
    "vertex_ai/gemini-1.5-flash-001": (1_048_576, 8_192),
    "gemini-pro": (32_760, 8_192),
    "vertex_ai/gemini-1.0-pro": (32_760, 8_192),
    "gemini/gemini-2.0-flash-exp": (1_048_576, 8_192),
    "chat-bison@001": (8_192, 1_024),
    "gpt-4-32k": (32_768, 4_096),
    "openai/gpt-4-32k-0613": (32_768, 4_096),
    "gpt-4-vision-preview": (128_000, 4_096),
    "gpt-4.5-preview-2025-02-27": (128_000, 16_384),
    "chatgpt-4o-latest": (128_000, 16_384),
    "o1-preview": (128_000, 32_768),
    "o1-preview-2024-09-12": (128_000, 32_768),
    "o1-mini": (128_000, 65_536),
    "azure/gpt-4o-production": (128_000, 16_384),
    "gpt-4o-2024-08-06.ft-0e208cf33a6a466994aff31a08aba678": (128_000, 16_384),
    "text-davinci-003": (4_096, 4_096),
    "meta-llama/Llama-2-70b-chat-hf": (4_096, None),
    "hosted_vllm/meta-llama/Meta-Llama-3-8B-Instruct": (8_192, None),
    "hosted_vllm/meta-llama/Llama-3.1-8B-Instruct": (131_072, None),
    "groq/llama-3.3-70b-versatile": (131_072, None),
    "lm_studio/llama-3.2-3b-instruct": (131_072, None),
    "hosted_vllm/codellama/CodeLlama-13b-hf": (16_384, None),
    "hosted_vllm/Qwen/Qwen2.5-72B-Instruct-AWQ": (32_768, None),
    "hosted_vllm/Qwen/Qwen2.5-7B-Instruct-1M": (1_000_000, None),
    "hosted_vllm/Qwen/Qwen3-8B-FP8": (40_960, None),
    "hosted_vllm/Qwen/Qwen3-30B-A3B-Instruct-2507-FP8": (262_144, None),
    "ollama_chat/qwen2.5-coder:7b": (32_768, None),
    "huggingface/mistralai/Mistral-7B-Instruct-v0.1": (8_192, None),
    "huggingface/mistralai/Mistral-7B-Instruct-v0.3": (32_768, None),
    "hosted_vllm/mistralai/Mixtral-8x22B-Instruct-v0.1-AWQ": (65_536, None),
    "mistral/mistral-large-2407": (131_072, None),
    "deepseek-coder-6.7b-instruct": (16_384, None),
    "hosted_vllm/deepseek-ai/DeepSeek-R1-Distill-Qwen-7B": (131_072, None),
    "google/gemma-2-9b-it": (8_192, None),
    "hosted_vllm/google/gemma-3-12b-it-qat": (131_072, 8_192),
    "microsoft/Phi-3-mini-4k-instruct": (4_096, None),
    "microsoft/Phi-3-mini-128k-instruct": (128_000, None),
    "ollama_chat/phi4": (16_384, None),
    "cohere/command-r": (128_000, 4_096),
    "CohereForAI/c4ai-command-r-v01": (128_000, 4_096),
    "xai/grok-beta": (131_072, None),
    "xai/grok-4": (256_000, None),
    "xai/grok-2-vision-1212": (32_768, None),
    "moonshotai/Kimi-K2-Instruct-0905": (262_144, None),
    "moonshot/kimi-k2-0711-preview": (131_072, None),
    "zhipu/glm-4-plus": (128_000, 4_096),
    "THUDM/glm-4-9b-chat-1m": (1_000_000, 4_096),
    "01-ai/Yi-34B-Chat": (4_096, None),
    "01-ai/Yi-34B-200K": (200_000, None),
    "NousResearch/Yarn-Mistral-7b-128k": (128_000, None),
    "databricks/dbrx-base": (32_768, None),
    "tiiuae/falcon-40b-instruct": (2_048, None),
    "bigcode/starcoder2-15b": (16_384, None),
}

INVENTED = (
    "acme",
    "my-deployment",
    "azure/my-deployment",
    "openai/default",
    "gpt-99-ultra",
    "gpt",
    "openai/frobnicate-7b",
    "llama",
    "llama-foo-9",
    "chat",
    "hosted_vllm/our-own-model",
    "custom/bert-large",
    "assistant-v2",
    "prod",
    "model-2031-01-01",
    "ft:acme:org::id",
    "x/y/z",
    "claudia-3-5",
    "geminiish",
    "o99",
    "us.acme.model-v1:0",
    "4o",
)


@functools.cache
def installed_map() -> dict[str, dict[str, Any]]:
    package = importlib.util.find_spec("litellm")
    assert package
    assert package.origin
    entries = json.loads(Path(package.origin).with_name("model_prices_and_context_window_backup.json").read_text())
    assert isinstance(entries, dict)
    return entries


@pytest.mark.parametrize(("model", "key"), MAPPED.items(), ids=list(MAPPED))
def test_a_name_that_the_map_lists_has_the_numbers_of_its_entry(model: str, key: str) -> None:
    if key not in installed_map():
        pytest.skip(f"the installed litellm lists {key} no more")
    entry, limit = installed_map()[key], CHAIN.resolve(model)
    assert (limit.max_input_tokens, limit.source) == (entry["max_input_tokens"], "litellm_map")
    assert limit.max_output_tokens == entry.get("max_output_tokens")


@pytest.mark.parametrize("model", INFERRED)
def test_a_name_that_the_map_lacks_has_the_published_numbers(model: str) -> None:
    limit = CHAIN.resolve(model)
    assert (limit.max_input_tokens, limit.max_output_tokens, limit.source) == (*INFERRED[model], "inference")


@pytest.mark.parametrize("model", INVENTED)
def test_an_invented_name_gets_the_default(model: str) -> None:
    limit = CHAIN.resolve(model)
    assert (limit.max_input_tokens, limit.max_output_tokens, limit.source) == (8_192, None, "default")


@pytest.mark.parametrize(
    "model", ["gpt-5", "openai/gpt-5-mini", "gemini/gemini-2.5-pro", "gemini-1.5-pro", "vertex_ai/gemini-1.5-flash-002"]
)
def test_input_limits_beside_an_output_limit_are_told_apart(model: str) -> None:
    assert CHAIN.resolve(model).separate_output


@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4-5", "gpt-5.1-codex", "xai/grok-4.3", "gpt-4-32k", "acme"])
def test_total_context_windows_hold_the_reply_too(model: str) -> None:
    assert not CHAIN.resolve(model).separate_output


def test_the_numbers_that_clients_rely_on() -> None:
    limits = [CHAIN.resolve(model) for model in ("gpt-4o", "claude-3-5-sonnet", "gemini-1.5-pro", "gpt-5")]
    assert [(limit.max_input_tokens, limit.max_output_tokens) for limit in limits] == [
        (128_000, 16_384),
        (200_000, 8_192),
        (2_097_152, 8_192),
        (272_000, 128_000),
    ]


def test_a_prefix_makes_no_difference_and_a_base_model_stands_in() -> None:
    azure = Deployment(model_info={"base_model": "azure/gpt-4o"})
    assert CHAIN.resolve("openai/gpt-4o") == CHAIN.resolve("gpt-4o")
    assert CHAIN.resolve("azure/my-deployment", azure).max_input_tokens == CHAIN.resolve("azure/gpt-4o").max_input_tokens


def test_the_table_covers_at_least_120_names_and_20_invented_ones() -> None:
    assert len(MAPPED) + len(INFERRED) + len(INVENTED) >= 120
    assert len(INVENTED) >= 20
