"""How full a model's context window is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from token_guard.counting import TokenCounter

__all__ = ["ContextMonitor", "ContextUsage"]

REPLY_TOKENS = 4_000
"""Kept free for the reply when no limit is given; of a window that is less than twice as large, a quarter."""

THRESHOLD = 0.8
"""Share of the limit at which compressing is due, the base trigger of the guard itself."""


@dataclass(frozen=True, slots=True)
class ContextUsage:
    """What a conversation and the reply kept for it (`completion_tokens`) use of `max_tokens`."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    max_tokens: int
    usage_ratio: float
    should_compress: bool


class ContextMonitor:
    """Watches conversations of one model against `max_tokens`, or against the model's window less a reply when none is given."""

    __slots__ = ("counter", "max_tokens")

    def __init__(self, counter: TokenCounter, max_tokens: int | None = None) -> None:
        self.counter = counter
        self.max_tokens = _room(counter) if max_tokens is None else max_tokens

    def check_usage(self, messages: Sequence[Mapping[str, Any]], system_prompt: str = "") -> ContextUsage:
        """How much of the limit the messages, the system prompt and a reply of 1,000 tokens use."""
        size = self.counter.estimate_context_size(messages, system_prompt)
        total = size["total_tokens"]
        return ContextUsage(
            **size,
            max_tokens=self.max_tokens,
            usage_ratio=total / self.max_tokens if self.max_tokens > 0 else 1.0,
            should_compress=self.counter.should_compress(total, self.max_tokens, THRESHOLD),
        )


def _room(counter: TokenCounter) -> int:
    window = counter.get_model_limits()["context_window"]
    return window - (REPLY_TOKENS if window >= 2 * REPLY_TOKENS else window // 4)
