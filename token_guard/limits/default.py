"""The window that is assumed for a model that nobody knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from token_guard.budget import ContextLimit
from token_guard.limits.source import Deployment

__all__ = ["Default", "cuts_in_silence"]

_CUT_IN_SILENCE: Final = ("ollama", "ollama_chat")
"""Providers, as LiteLLM calls them, whose servers drop the head of what is too long and refuse nothing."""


def cuts_in_silence(model: str) -> bool:
    """Whether the server of a model cuts what is too long instead of refusing it, so that nothing would teach its window.

    >>> cuts_in_silence("ollama_chat/qwen3"), cuts_in_silence("openai/ollama")
    (True, False)
    """
    return model.partition("/")[0].lower() in _CUT_IN_SILENCE and "/" in model


@dataclass(frozen=True, slots=True)
class Default:
    """The same small window for every model."""

    max_input_tokens: int
    name: str = "default"

    def __call__(self, _model: str, _deployment: Deployment | None) -> ContextLimit:
        """The assumed window."""
        return ContextLimit(self.max_input_tokens, source=self.name)

    def why(self, _model: str, _deployment: Deployment | None) -> str:
        """What this window is."""
        return "assumed for a model that nothing else knows"
