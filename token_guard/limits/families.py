"""Context windows by family of models: the table that `inference` reads, one line per family.

A key is the beginning of a name in the spelling of `names.family_forms` (lower case, dashes, without provider), up to a dash; the
longest key wins. A window is what the vendor's model card or documentation states (the group's comment names it), for open weights the
native one (`max_position_embeddings`), without extensions that a server must be told to use. Where sources differ, the smaller.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

__all__ = ["FAMILIES", "Family"]


class Family(NamedTuple):
    """Window and longest reply in tokens; `separate_output` as in ContextLimit."""

    max_input_tokens: int
    max_output_tokens: int | None = None
    separate_output: bool = False


# platform.openai.com/docs/models and its deprecations page; o-series and gpt-5 replies include reasoning.
_OPENAI: Final = {
    "gpt-3-5-turbo": Family(16_385, 4_096),
    "gpt-3-5-turbo-0301": Family(4_096, 4_096),
    "gpt-3-5-turbo-0613": Family(4_096, 4_096),
    "gpt-3-5-turbo-instruct": Family(4_096, 4_096),
    "gpt-35-turbo": Family(16_385, 4_096),  # Azure's spelling
    "gpt-35-turbo-0301": Family(4_096, 4_096),
    "gpt-35-turbo-0613": Family(4_096, 4_096),
    "gpt-4": Family(8_192, 4_096),
    "gpt-4-32k": Family(32_768, 4_096),
    "gpt-4-0125": Family(128_000, 4_096),
    "gpt-4-1106": Family(128_000, 4_096),
    "gpt-4-turbo": Family(128_000, 4_096),
    "gpt-4-vision": Family(128_000, 4_096),
    "gpt-4o": Family(128_000, 16_384),
    "gpt-4o-2024-05-13": Family(128_000, 4_096),
    "gpt-4-1": Family(1_047_576, 32_768),
    "gpt-4-5": Family(128_000, 16_384),
    "chatgpt-4o": Family(128_000, 16_384),
    "o1": Family(200_000, 100_000),
    "o1-mini": Family(128_000, 65_536),
    "o1-preview": Family(128_000, 32_768),
    "o3": Family(200_000, 100_000),
    "o4": Family(200_000, 100_000),
    "codex-mini": Family(200_000, 100_000),
    "gpt-5": Family(272_000, 128_000, separate_output=True),
    "gpt-5-chat": Family(128_000, 16_384),
    "gpt-oss": Family(131_072),
    "text-davinci": Family(4_096, 4_096),
    "gpt-2": Family(1_024),
}

# docs.anthropic.com, models overview and deprecations; the 1M beta needs a header, so it is not assumed.
_ANTHROPIC: Final = {
    "claude": Family(200_000, 4_096),  # every model since 2.1
    "claude-instant": Family(100_000, 4_096),
    "claude-v1": Family(100_000, 4_096),
    "claude-1": Family(100_000, 4_096),
    "claude-v2": Family(100_000, 4_096),
    "claude-2": Family(100_000, 4_096),
    "claude-v2-1": Family(200_000, 4_096),
    "claude-2-1": Family(200_000, 4_096),
    "claude-3": Family(200_000, 4_096),
    "claude-3-5": Family(200_000, 8_192),
    "claude-3-7": Family(200_000, 64_000),
    "claude-opus-4": Family(200_000, 32_000),
    "claude-sonnet-4": Family(200_000, 64_000),
    "claude-haiku-4": Family(200_000, 64_000),
    "claude-opus-4-5": Family(200_000, 64_000),
    "claude-4-opus": Family(200_000, 32_000),
    "claude-4-sonnet": Family(200_000, 64_000),
}

# ai.google.dev/gemini-api/docs/models (input and output limits are listed apart) and Vertex AI model pages; gemma: model cards.
_GOOGLE: Final = {
    "gemini-pro": Family(32_760, 8_192),
    "gemini-1-0": Family(32_760, 8_192),
    "gemini-pro-vision": Family(16_384, 2_048),
    "gemini-1-0-pro-vision": Family(16_384, 2_048),
    "gemini-1-5-pro": Family(2_097_152, 8_192, separate_output=True),
    "gemini-1-5-flash": Family(1_048_576, 8_192, separate_output=True),
    "gemini-2-0-flash": Family(1_048_576, 8_192, separate_output=True),
    "gemini-2-0-pro": Family(2_097_152, 8_192, separate_output=True),
    "gemini-2-0-flash-thinking": Family(1_048_576, 65_536, separate_output=True),
    "gemini-2-5-pro": Family(1_048_576, 65_536, separate_output=True),
    "gemini-2-5-flash": Family(1_048_576, 65_536, separate_output=True),
    "gemini-2-5-flash-image": Family(32_768, 32_768),
    "gemini-3-pro": Family(1_048_576, 65_536, separate_output=True),
    "gemini-3-flash": Family(1_048_576, 65_536, separate_output=True),
    "gemini-3-pro-image": Family(65_536, 32_768),
    "text-bison": Family(8_192, 1_024),
    "chat-bison": Family(8_192, 1_024),
    "codechat-bison": Family(6_144, 1_024),
    "gemma": Family(8_192),
    "gemma-2": Family(8_192),
    "gemma-3": Family(131_072, 8_192),
    "gemma-3-1b": Family(32_768, 8_192),
    "gemma-3-270m": Family(32_768, 8_192),
    "gemma-3n": Family(32_768),
    "codegemma": Family(8_192),
}

# Meta's model cards (llama.com, huggingface.co/meta-llama) and those of its derivatives.
_META: Final = {
    "llama-7b": Family(2_048),
    "llama-13b": Family(2_048),
    "llama-30b": Family(2_048),
    "llama-65b": Family(2_048),
    "llama-2": Family(4_096),
    "llama-3": Family(8_192),
    "llama-3-1": Family(131_072),
    "llama-3-2": Family(131_072),
    "llama-3-3": Family(131_072),
    "llama-4-scout": Family(10_000_000),
    "llama-4-maverick": Family(1_000_000),
    "llama-guard-3": Family(131_072),
    "code-llama": Family(16_384),
    "codellama": Family(16_384),
    "codellama-70b": Family(4_096),
    "tinyllama": Family(2_048),
    "vicuna": Family(2_048),  # v1.5 has 4,096
    "hermes-3-llama-3-1": Family(131_072),
    "hermes-4": Family(40_960),  # the 14B's; the larger ones have 131,072
    "nous-hermes-2-mixtral": Family(32_768),
    "orca-2": Family(4_096),
    "wizardlm-2-8x22b": Family(65_536),
}

# docs.mistral.ai/getting-started/models and model cards at huggingface.co/mistralai.
_MISTRAL: Final = {
    "mistral-7b": Family(32_768),
    "mistral-7b-v0-1": Family(8_192),
    "mistral-7b-instruct-v0-1": Family(8_192),
    "mixtral": Family(32_768),
    "mixtral-8x7b": Family(32_768),
    "mixtral-8x22b": Family(65_536),
    "mistral-tiny": Family(32_768),
    "mistral-small": Family(32_768),
    "mistral-small-2503": Family(131_072),
    "mistral-small-2506": Family(131_072),
    "mistral-small-3-1": Family(131_072),
    "mistral-small-3-2": Family(131_072),
    "mistral-medium": Family(32_768),
    "mistral-medium-3": Family(131_072),
    "mistral-medium-2505": Family(131_072),
    "mistral-medium-2508": Family(131_072),
    "mistral-large": Family(131_072),
    "mistral-large-2402": Family(32_768),
    "mistral-nemo": Family(128_000),
    "codestral": Family(32_768),
    "codestral-2501": Family(256_000),
    "codestral-mamba": Family(256_000),
    "devstral": Family(131_072),
    "magistral": Family(40_960),
    "mathstral": Family(32_768),
    "ministral": Family(131_072),
    "pixtral": Family(128_000),
    "voxtral": Family(32_768),
    "zephyr-7b": Family(32_768),
}

# Model cards and config.json at huggingface.co/Qwen; YaRN extensions are not assumed.
_QWEN: Final = {
    "qwen-7b": Family(8_192),
    "qwen-14b": Family(8_192),
    "qwen-72b": Family(32_768),
    "qwen-1-5": Family(32_768),
    "qwen-2": Family(32_768),
    "qwen-2-5": Family(32_768),
    "qwen-2-5-vl": Family(128_000),
    "qwen-3": Family(40_960),
    "qwen-3-4b-instruct-2507": Family(262_144),
    "qwen-3-4b-thinking-2507": Family(262_144),
    "qwen-3-30b-a3b-instruct-2507": Family(262_144),
    "qwen-3-30b-a3b-thinking-2507": Family(262_144),
    "qwen-3-235b-a22b-instruct-2507": Family(262_144),
    "qwen-3-235b-a22b-thinking-2507": Family(262_144),
    "qwen-3-coder": Family(262_144),
    "qwen-3-next": Family(262_144),
    "qwen-3-vl": Family(262_144),
    "qwen-3-max": Family(258_048),
    "qwq": Family(40_960),
    "qwq-32b-preview": Family(32_768),
    "codeqwen-1-5": Family(65_536),
}

# api-docs.deepseek.com and model cards at huggingface.co/deepseek-ai.
_DEEPSEEK: Final = {
    "deepseek-chat": Family(65_536, 8_192),
    "deepseek-reasoner": Family(65_536, 8_192),
    "deepseek-v2": Family(131_072),
    "deepseek-v3": Family(131_072),
    "deepseek-r1": Family(131_072),
    "deepseek-r1-distill": Family(131_072),
    "deepseek-coder": Family(16_384),
    "deepseek-coder-v2": Family(131_072),
    "deepseek-llm": Family(4_096),
    "deepseek-math": Family(4_096),
}

# Model cards at huggingface.co/microsoft.
_MICROSOFT: Final = {
    "phi-1": Family(2_048),
    "phi-1-5": Family(2_048),
    "phi-2": Family(2_048),
    "phi-3": Family(4_096),
    "phi-3-small": Family(8_192),
    "phi-3-5": Family(131_072),
    "phi-4": Family(16_384),
    "phi-4-mini": Family(131_072),
    "phi-4-multimodal": Family(131_072),
    "phi-4-reasoning": Family(32_768),
    "phi-4-mini-reasoning": Family(131_072),
}

# docs.cohere.com/docs/models and model cards at huggingface.co/CohereLabs.
_COHERE: Final = {
    "command-light": Family(4_096, 4_096),
    "command-r": Family(128_000, 4_096),
    "command-r7b": Family(128_000, 4_096),
    "command-a": Family(256_000, 8_192),
    "command-a-vision": Family(128_000, 8_192),
    "command-a-reasoning": Family(256_000, 32_768),
    "aya-23": Family(8_192),
    "aya-expanse-8b": Family(8_192),
    "aya-expanse-32b": Family(128_000),
}

# docs.x.ai/docs/models, with its retired models.
_XAI: Final = {
    "grok-1": Family(8_192),
    "grok-2": Family(131_072),
    "grok-2-vision": Family(32_768),
    "grok-3": Family(131_072),
    "grok-4": Family(256_000),
    "grok-4-fast": Family(2_000_000),
    "grok-4-1-fast": Family(2_000_000),
    "grok-beta": Family(131_072),
    "grok-code-fast": Family(256_000),
    "grok-vision-beta": Family(8_192),
}

# platform.moonshot.ai/docs and model cards at huggingface.co/moonshotai.
_MOONSHOT: Final = {
    "kimi-dev": Family(131_072),
    "kimi-k2": Family(131_072),
    "kimi-k2-0905": Family(262_144),
    "kimi-k2-instruct-0905": Family(262_144),
    "kimi-k2-thinking": Family(262_144),
    "kimi-k2-turbo": Family(262_144),
    "kimi-latest": Family(131_072),
    "kimi-vl": Family(131_072),
}

# docs.z.ai, open.bigmodel.cn and model cards at huggingface.co/zai-org (formerly THUDM).
_ZHIPU: Final = {
    "chatglm-2": Family(8_192),
    "chatglm-3": Family(8_192),
    "glm-4": Family(128_000, 4_096),
    "glm-4-32b": Family(32_768),
    "glm-4-5": Family(128_000, 96_000),
    "glm-4-5v": Family(65_536, 16_384),
    "glm-4-6": Family(200_000, 128_000),
    "glm-4-7": Family(200_000, 128_000),
    "glm-4-long": Family(1_000_000, 4_096),
    "glm-4v": Family(8_192),
    "glm-z1": Family(32_768),
}

# platform.lingyiwanwu.com (hosted) and model cards at huggingface.co/01-ai.
_YI: Final = {
    "yi-6b": Family(4_096),
    "yi-9b": Family(4_096),
    "yi-34b": Family(4_096),
    "yi-1-5": Family(4_096),
    "yi-large": Family(32_768),
    "yi-lightning": Family(16_384),
    "yi-medium": Family(16_384),
    "yi-spark": Family(16_384),
    "yi-vision": Family(16_384),
}

# docs.ai21.com; docs.aws.amazon.com/nova and Titan model pages; ibm.com/granite model cards.
_ENTERPRISE: Final = {
    "j2": Family(8_191, 8_191),
    "jamba": Family(256_000, 4_096),
    "nova-micro": Family(128_000, 10_000),
    "nova-lite": Family(300_000, 10_000),
    "nova-pro": Family(300_000, 10_000),
    "nova-premier": Family(1_000_000, 10_000),
    "titan-text-express": Family(8_192, 8_192),
    "titan-text-lite": Family(4_096, 4_096),
    "titan-text-premier": Family(32_000, 3_072),
    "granite-13b": Family(8_192),
    "granite-20b": Family(8_192),
    "granite-34b": Family(8_192),
    "granite-3": Family(131_072),
    "granite-3-0": Family(4_096),
    "granite-4": Family(131_072),
    "dbrx": Family(32_768),
    "snowflake-arctic": Family(4_096),
    "palmyra-x4": Family(128_000, 8_192),
    "palmyra-x5": Family(1_000_000, 8_192),
}

# Model cards of the respective publishers at huggingface.co, or their API documentation.
_OTHERS: Final = {
    "baichuan-2": Family(4_096),
    "bloom": Family(2_048),
    "exaone-3": Family(4_096),
    "exaone-3-5": Family(32_768),
    "falcon-7b": Family(2_048),
    "falcon-40b": Family(2_048),
    "falcon-180b": Family(2_048),
    "falcon-3": Family(32_768),
    "gpt-j": Family(2_048),
    "gpt-neox": Family(2_048),
    "internlm-2": Family(32_768),
    "internlm-3": Family(32_768),
    "minimax-m1": Family(1_000_000, 40_000),
    "minimax-m2": Family(196_608),
    "minimax-text-01": Family(1_000_192),
    "mpt-7b": Family(2_048),
    "mpt-7b-storywriter": Family(65_536),
    "mpt-30b": Family(8_192),
    "olmo-2": Family(4_096),
    "olmo-3": Family(65_536),
    "openchat-3-5": Family(8_192),
    "reka-core": Family(128_000),
    "reka-flash": Family(128_000),
    "smollm": Family(2_048),
    "smollm-2": Family(8_192),
    "smollm-3": Family(65_536),
    "solar-10-7b": Family(4_096),
    "sonar": Family(127_072),
    "stablelm-2": Family(4_096),
    "starcoder": Family(8_192),
    "starcoder-2": Family(16_384),
    "starling-lm": Family(8_192),
}

FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    _OPENAI
    | _ANTHROPIC
    | _GOOGLE
    | _META
    | _MISTRAL
    | _QWEN
    | _DEEPSEEK
    | _MICROSOFT
    | _COHERE
    | _XAI
    | _MOONSHOT
    | _ZHIPU
    | _YI
    | _ENTERPRISE
    | _OTHERS
)
