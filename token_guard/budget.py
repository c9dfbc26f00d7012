"""How many tokens a request may have: the limit of its model, and what is left of it for the prompt."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Budget", "ContextLimit", "output_room", "prompt_budget"]

RESERVED_PART = 4
"""A reply length that the client did not ask for takes at most this part of the window: a quarter."""

CLAMPED_PART = 2
"""A reply length that the client did ask for takes at most half of the window from the prompt; it is clamped rather than
the prompt destroyed."""


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
    """What one request may use, in tokens.

    `allowed` is the hard cap of the prompt; above `trigger` it is compacted, down to `target`;
    `reserved_output` was set aside for the reply.
    """

    allowed: int
    trigger: int
    target: int
    reserved_output: int


def prompt_budget(limit: ContextLimit, requested_output: int | None, reserve_output: int, margin: int) -> tuple[int, int]:
    """Tokens allowed for the prompt, and tokens reserved for the reply.

    >>> prompt_budget(ContextLimit(16_000), 1_000, 4_096, margin=0)
    (15000, 1000)
    >>> prompt_budget(ContextLimit(8_192), None, 4_096, margin=92)
    (6052, 2048)
    """
    window = limit.max_input_tokens
    if limit.separate_output:
        return max(0, window - margin), 0
    reserved = min(requested_output, window // CLAMPED_PART) if requested_output else min(reserve_output, window // RESERVED_PART)
    return max(0, window - reserved - margin), reserved


def output_room(limit: ContextLimit, prompt_tokens: int, margin: int, floor: int) -> int | None:
    """The longest reply that still fits beside the prompt, at least `floor`; None when the reply has a window of its own."""
    return None if limit.separate_output else max(floor, limit.max_input_tokens - prompt_tokens - margin)
