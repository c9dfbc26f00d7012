"""How many tokens a request may have: the limit of its model, and what is left of it for the prompt."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Budget", "ContextLimit"]


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
