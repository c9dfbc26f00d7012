"""Hugging Face's Text Generation Inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from token_guard.limits.servers.answers import ANY_MODEL, Windows, limit_of, mapping, smallest
from token_guard.limits.servers.question import Question, root_of

__all__ = ["Tgi"]

# The prompt's limit (max_input_length before version 2), and that of prompt and reply together. Where the first is much smaller, room
# that the reply could have had is left unused: the smaller is safe for both.
_LIMITS: Final = ("max_input_tokens", "max_input_length", "max_total_tokens")


@dataclass(frozen=True, slots=True)
class Tgi:
    """`GET /info` (https://huggingface.github.io/text-generation-inference)."""

    name: str = "tgi"

    def question(self, base: str, _model: str) -> Question:
        """What the server says of itself."""
        return Question(f"{root_of(base)}/info")

    def windows(self, content: object) -> Windows:
        """The smaller of its two limits."""
        limit = limit_of(smallest([mapping(content)], _LIMITS))
        return {ANY_MODEL: limit} if limit else {}
