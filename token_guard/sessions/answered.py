"""What answers said of the last hour's prompts: how much of them came from the providers' caches, and what compaction saved in money."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Answer", "Prompts", "prompts"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered request: when (seconds since 1970), whose key sent it, and its prompt in its provider's tokens."""

    at: float
    owner: str
    model: str
    prompt: int
    read: int
    """Of these, what the provider read from its cache."""
    wrote: int
    """And what it wrote into it."""
    saved: int = 0
    """Prompt tokens that compaction saved at their full price: cached ones at a tenth, what was rewritten and bought for it paid off."""
    price: float = 0.0
    """Of such a token; 0 where nobody knows it."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """What answers add up to; None where nothing is known."""

    tokens: int
    read: int
    cache_share: float | None
    """Of the prompts' tokens those that were read from a cache; None where no provider has spoken of one."""
    saved: int
    money: float | None
    """What the saved tokens would have cost, in the currency of LiteLLM's prices; None where they have no price."""
    unpriced: int
    """Saved tokens that have none."""

    def as_json(self) -> dict[str, Any]:
        """The figures by their names on the page."""
        return {
            "prompt_tokens": self.tokens,
            "cache_read_tokens": self.read,
            "cache_share": self.cache_share,
            "tokens_saved_net": self.saved,
            "tokens_saved_unpriced": self.unpriced,
            "money_saved": self.money,
        }


def prompts(answers: Iterable[Answer]) -> Prompts:
    """What answers add up to.

    >>> prompts([Answer(0.0, "", "m", 1_000, 800, 0, saved=500, price=2e-6), Answer(0.0, "", "m", 1_000, 0, 200)])
    Prompts(tokens=2000, read=800, cache_share=0.4, saved=500, money=0.001, unpriced=0)
    """
    told = tuple(answers)
    tokens, read = sum(one.prompt for one in told), sum(one.read for one in told)
    saved, unpriced = sum(one.saved for one in told), sum(one.saved for one in told if not one.price)
    return Prompts(
        tokens=tokens,
        read=read,
        cache_share=read / tokens if tokens and any(one.read or one.wrote for one in told) else None,
        saved=saved,
        money=sum(one.saved * one.price for one in told) if told and (saved > unpriced or not saved) else None,
        unpriced=unpriced,
    )
