"""What prompts cost, by LiteLLM's map of prices, and how providers cache them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from token_guard.limits.litellm_map import packaged_entries, packaged_map

__all__ = ["CacheRule", "Prices", "prices_of"]

MANY = 200_000
"""Tokens of a prompt above which some providers charge another price."""


@dataclass(frozen=True, slots=True)
class CacheRule:
    """How a provider caches prompts."""

    min_tokens: int = 1_024
    """Shorter prompts are not cached."""
    step: int = 1
    """What is read is a multiple of so many tokens."""
    ttl_seconds: float = 300.0
    """How long something stays that is not read."""
    keeps_reply: bool = False
    """Whether the reply is cached behind its prompt."""


RULES: Mapping[str, CacheRule] = {
    # https://platform.openai.com/docs/guides/prompt-caching: from 1,024 tokens in steps of 128, gone after 5 to 10 minutes
    "openai": CacheRule(step=128, ttl_seconds=600.0),
    "azure": CacheRule(step=128, ttl_seconds=600.0),
    # https://docs.claude.com/en/docs/build-with-claude/prompt-caching: five minutes, each read starts them again
    "anthropic": CacheRule(),
    "bedrock": CacheRule(),
    # https://api-docs.deepseek.com/guides/kv_cache: blocks of 64 tokens, the reply among them, gone after some hours
    "deepseek": CacheRule(64, 64, 4 * 3_600.0, keeps_reply=True),
    # https://ai.google.dev/gemini-api/docs/caching: implicit caching; no time is promised
    "gemini": CacheRule(2_048, ttl_seconds=300.0),
    "vertex_ai": CacheRule(2_048, ttl_seconds=300.0),
}
"""By the beginning of the provider's name in LiteLLM's map."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars for a token of a prompt: that is neither read nor written, read from the cache, written to it; and the same for long
    prompts. `known` is whether the map has the model."""

    name: str = ""
    plain: float = 0.0
    read: float = 0.0
    write: float = 0.0
    many: tuple[float, float, float] | None = None
    rule: CacheRule = CacheRule()
    known: bool = False

    def cost(self, plain: int, read: int, write: int) -> float:
        """What a prompt costs."""
        rates = self.many if self.many and plain + read + write > MANY else (self.plain, self.read, self.write)
        return plain * rates[0] + read * rates[1] + write * rates[2]


@functools.cache
def _entries() -> Mapping[str, Mapping[str, Any]]:
    return packaged_entries()


@functools.lru_cache(maxsize=1_024)
def prices_of(model: str) -> Prices:
    """The prices of a model; all 0.0 where LiteLLM's map has none.

    >>> prices_of("deepseek/deepseek-chat").rule.step
    64
    """
    found = packaged_map().find(model)
    entry = _entries().get(found[0], {}) if found else {}
    if not found or not entry.get("input_cost_per_token"):
        return Prices(model)
    provider = str(entry.get("litellm_provider", ""))
    rule = next((rule for name, rule in RULES.items() if provider.startswith(name)), CacheRule())
    least = entry.get("prompt_cache_min_tokens")
    if isinstance(least, int):
        rule = CacheRule(least, rule.step, rule.ttl_seconds, rule.keeps_reply)
    has_many = f"input_cost_per_token_above_{MANY // 1000}k_tokens" in entry
    return Prices(found[0], *_rates(entry, ""), _rates(entry, f"_above_{MANY // 1000}k_tokens") if has_many else None, rule, known=True)


def _rates(entry: Mapping[str, Any], suffix: str) -> tuple[float, float, float]:
    """Without a price for reading there is no cache; without one for writing, what is written costs what is not."""
    plain = float(entry[f"input_cost_per_token{suffix}"])
    read = entry.get(f"cache_read_input_token_cost{suffix}")
    write = entry.get(f"cache_creation_input_token_cost{suffix}")
    return plain, float(plain if read is None else read), float(write or plain)
