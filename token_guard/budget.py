"""How many tokens a request may have: the limit of its model, and what is left of it for the prompt."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Budget", "ContextLimit", "Scale", "reply_reserve", "thinking_budget", "wanted_reply"]

RESERVED_PART = 4
"""A reply length that the client did not ask for takes at most this part of the window: a quarter."""

CONVERSATION_PART = 3
"""Beside instructions and tools the conversation gets at least this part of the window, a third, before the reply gets more."""


@dataclass(frozen=True, slots=True)
class ContextLimit:
    """A model's context window in tokens, and the name of the source that gave it.

    `separate_output` says that the reply has a window of its own, so that nothing is reserved for it.
    """

    max_input_tokens: int
    max_output_tokens: int | None = None
    source: str = "default"
    separate_output: bool = False


@dataclass(frozen=True, slots=True)
class Budget:
    """What one request may use, in tokens as the guard counts them.

    `allowed` is the cap of the prompt while the reply keeps what is reserved for it; above `trigger` it is compacted, down to
    `target`; `reserved_output` was set aside for the reply.
    """

    allowed: int
    trigger: int
    target: int
    reserved_output: int


@dataclass(frozen=True, slots=True)
class Scale:
    """From tokens as the guard counts them to tokens as the provider does: real = offset + slope x estimate, and up to a share
    `doubt` more. What is left free for doubt belongs to what was estimated, not to the window.

    >>> scale = Scale(doubt=0.15)
    >>> scale.at_most(24_000), scale.within(64_000 - 32_000)
    (27600, 27826)
    """

    slope: float = 1.0
    offset: float = 0.0
    doubt: float = 0.0

    def at_most(self, estimate: int) -> int:
        """The most that the provider will count for an estimate."""
        return max(0, math.ceil((self.offset + self.slope * estimate) * (1.0 + self.doubt) - _ROUNDING))

    def within(self, real: int) -> int:
        """The largest estimate for which the provider certainly counts no more than this."""
        return max(0, math.floor((real / (1.0 + self.doubt) - self.offset) / self.slope + _ROUNDING))

    @property
    def undoubted(self) -> Scale:
        """The same where estimates are taken at their word."""
        return replace(self, doubt=0.0)


_ROUNDING = 1e-6
"""Errors of floating point must not move a count by one."""


def thinking_budget(request: Mapping[str, Any]) -> int | None:
    """The tokens of thinking that a request asks for, in Anthropic's form; None where it names no number.

    >>> thinking_budget({"thinking": {"type": "enabled", "budget_tokens": 4_000}}), thinking_budget({"thinking": {"type": "adaptive"}})
    (4000, None)
    """
    thinking = request.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, Mapping) else None
    return budget if isinstance(budget, int) and not isinstance(budget, bool) else None


def wanted_reply(window: int, requested: int | None, default: int, longest: int | None = None) -> int:
    """The reply that room is kept for: as the client asks, else a default of at most a quarter of the window; never more than the
    model's `longest`, which no reply will pass.

    >>> wanted_reply(16_000, 16_384, 4_096), wanted_reply(16_000, 16_384, 4_096, longest=4_000)
    (16384, 4000)
    """
    wanted = requested or min(default, window // RESERVED_PART)
    return min(wanted, longest) if longest else wanted


def reply_reserve(window: int, wanted: int, least: int, fixed: int) -> int:
    """What of the window is kept for the reply: what is wanted, less where `fixed` parts (instructions, tools, in the provider's
    tokens) would leave the conversation less than a third, but at least `least`.

    >>> reply_reserve(128_000, 32_000, 256, fixed=24_000)
    32000
    >>> reply_reserve(80_000, 32_000, 256, fixed=24_000)
    29334
    >>> reply_reserve(32_000, 32_000, 256, fixed=24_000)
    256
    """
    return max(min(wanted, window - window // CONVERSATION_PART - fixed), min(wanted, least))
