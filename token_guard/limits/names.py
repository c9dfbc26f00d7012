"""One model, many spellings: the names under which configuration, cost maps and families may know it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["PROVIDERS", "canonical", "family_forms", "folded", "path_tails", "spellings", "without_provider"]

# The providers of litellm.provider_list that serve chat models, folded: a written name may carry one of them that a request's
# name lacks (MODEL_LIMIT_OPENAI_GPT_4 for gpt-4).
# fmt: off
PROVIDERS: Final = (
    "ai21", "aiml", "anthropic", "azure", "azureai", "baseten", "bedrock", "bedrockconverse", "cerebras", "chatgpt", "cloudflare",
    "codestral", "cohere", "coherechat", "dashscope", "databricks", "deepinfra", "deepseek", "fireworksai", "friendliai", "gemini",
    "githubcopilot", "gradientai", "groq", "hostedvllm", "huggingface", "hyperbolic", "lambdaai", "litellmproxy", "llamafile",
    "lmstudio", "metallama", "minimax", "mistral", "moonshot", "nebius", "novita", "nscale", "nvidianim", "oci", "ollama",
    "ollamachat", "openai", "openrouter", "ovhcloud", "perplexity", "replicate", "sagemaker", "sambanova", "scaleway", "snowflake",
    "togetherai", "vercelaigateway", "vertexai", "vllm", "volcengine", "wandb", "watsonx", "xai", "xinference", "zai",
)
# fmt: on

# Paths of real names have at most five parts (fireworks_ai/accounts/fireworks/models/x); the bound keeps garbage cheap.
_MAX_PARTS: Final = 8

# https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
_REGION: Final = (re.compile(r"^(?:us-gov|us|eu|apac|ap|jp|au|ca|sa|global)\.(?=.)"), "")
# Bedrock names its models <vendor>.<model>.
_VENDOR: Final = (
    re.compile(
        r"^(?:ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|moonshotai|nvidia|openai|qwen|writer|xai|zai|zhipu)\.(?=.)"
    ),
    "",
)
# OpenAI fine-tunes: ft:<base>:<organisation>:<suffix>:<id>[:ckpt-step-n].
_TUNED: Final = (re.compile(r"^(ft:[^:]+):.*$", re.DOTALL), r"\1")
_BASE: Final = (re.compile(r"^ft:(?=.)"), "")

# Weakest change first, so that the most exact entry of a map wins.
_REDUCTIONS: Final = (
    _TUNED,
    _BASE,
    _REGION,
    _VENDOR,
    (re.compile(r"(?<=.)-v\d+(?::\d+)?$"), ""),  # Bedrock versions: -v1:0, -v2:0
    (re.compile(r"(?<=.)[:@][^/]*$"), ""),  # OpenRouter :free, Ollama :8b, Vertex @20241022, @001
    (re.compile(r"(?<=.)-v\d+$"), ""),  # Vertex -v2@20241022
    (re.compile(r"(?<=.)-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{3,4}|latest)$"), ""),  # dated and numbered snapshots
)

# Publishers that some hosts write in front of the model with a dash: meta-llama-3.1, open-mistral-7b, c4ai-command-r, databricks-claude-3.
_BRAND: Final = re.compile(
    r"^(?:ai21|alibaba|amazon|anthropic|c4ai|cohere|databricks|fw|google|ibm|meta|microsoft|mistralai|nvidia|open|openai|unsloth)-(?=.)"
)
# Fireworks writes points as p (llama-v3p1, qwen2p5), Ollama and Bedrock leave the dash before a number out (llama3, qwen2.5).
_FAMILY_REWRITES: Final = (
    (re.compile(r"[^a-z0-9]+"), "-"),
    (re.compile(r"(?<=\d)p(?=\d)"), "-"),
    (re.compile(r"(?<![a-z0-9])llama-v(?=\d)"), "llama-"),
    (re.compile(r"(?<![a-z0-9])([a-z]{3,})(?=\d)"), r"\1-"),
)


def folded(name: str) -> str:
    """A name without case and without anything but letters and digits.

    >>> folded("OpenAI/GPT-4.1_mini")
    'openaigpt41mini'
    """
    return "".join(filter(str.isalnum, name.lower()))


def canonical(name: str) -> str:
    """A name with the differences taken out that no provider means: case, and point, colon, underscore or space for dash.

    >>> canonical("anthropic/Claude-3.5_Sonnet")
    'anthropic/claude-3-5-sonnet'
    """
    return re.sub(r"[._: ]", "-", name.lower())


def path_tails(name: str) -> tuple[str, ...]:
    """A name, then the same without its first path part, and so on.

    >>> path_tails("openrouter/anthropic/claude-opus-4")
    ('openrouter/anthropic/claude-opus-4', 'anthropic/claude-opus-4', 'claude-opus-4')
    """
    parts = [part for part in name.split("/") if part.strip()][-_MAX_PARTS:]
    return tuple("/".join(parts[start:]) for start in range(len(parts)))


def without_provider(name: str) -> str:
    """The name of a model as its server knows it.

    >>> without_provider("ollama_chat/hf.co/acme/one:8b"), without_provider("acme/one")
    ('hf.co/acme/one:8b', 'acme/one')
    """
    provider, _, rest = name.partition("/")
    return rest if rest and folded(provider) in PROVIDERS else name


def spellings(name: str) -> tuple[str, ...]:
    """The names under which a cost map may list a model, the most exact first.

    >>> spellings("bedrock/us.anthropic.claude-3-haiku-20240307-v1:0")[-1]
    'claude-3-haiku'
    >>> spellings("ft:gpt-4o-2024-08-06:acme::7p4l")[1:]
    ('ft:gpt-4o-2024-08-06', 'gpt-4o-2024-08-06', 'gpt-4o')
    """
    return tuple(dict.fromkeys(_reduced(path_tails(name.strip()))))


def _reduced(forms: tuple[str, ...]) -> Iterator[str]:
    yield from forms
    for pattern, replacement in _REDUCTIONS:
        forms = tuple(pattern.sub(replacement, form) for form in forms)
        yield from forms


def family_forms(name: str) -> tuple[str, ...]:
    """The last path part in the spelling of the family table, with and without its publisher.

    >>> family_forms("fireworks_ai/accounts/fireworks/models/llama-v3p1-70b-instruct")
    ('llama-3-1-70b-instruct',)
    >>> family_forms("us.meta.llama3-1-8b-instruct-v1:0")
    ('llama-3-1-8b-instruct-v1-0',)
    >>> family_forms("hosted_vllm/meta-llama/Meta-Llama-3-8B")
    ('meta-llama-3-8b', 'llama-3-8b')
    """
    form = (path_tails(name.strip().lower()) or ("",))[-1]
    for pattern, replacement in (_TUNED, _BASE, _REGION, _VENDOR, *_FAMILY_REWRITES):
        form = pattern.sub(replacement, form)
    form = form.strip("-")
    return tuple(dict.fromkeys((form, _BRAND.sub("", form))))
