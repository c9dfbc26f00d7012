"""OpenAI-style lists of models that say more than OpenAI's own: vLLM, SGLang, OpenRouter, Groq, Together, Mistral."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from token_guard.budget import ContextLimit
from token_guard.limits.servers.answers import Windows, limit_of, listed, mapping, smallest, table_of
from token_guard.limits.servers.question import Question

__all__ = ["OpenaiModels"]

# vLLM and SGLang; OpenRouter and Together; Groq; Mistral.
_WINDOWS: Final = ("max_model_len", "context_length", "context_window", "max_context_length")
_REPLIES: Final = ("max_completion_tokens", "max_output_tokens")


@dataclass(frozen=True, slots=True)
class OpenaiModels:
    """`GET {base}/models`."""

    name: str = "openai_models"

    def question(self, base: str, _model: str) -> Question:
        """The list of all models."""
        return Question(f"{base.rstrip('/')}/models")

    def windows(self, content: object) -> Windows:
        """The smallest window that an entry names, be it the model's or that of the provider whom OpenRouter prefers."""
        return table_of((model, _limit(entry)) for model, entry in listed(content))


def _limit(entry: Mapping[str, Any]) -> ContextLimit | None:
    parts = (entry, mapping(entry.get("top_provider")))
    return limit_of(smallest(parts, _WINDOWS), smallest(parts, _REPLIES))
