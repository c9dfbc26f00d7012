"""The window that is assumed for a model that nobody knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from token_guard.budget import ContextLimit
from token_guard.limits.source import Deployment

__all__ = ["Default", "cuts_in_silence", "unsaid"]

_CUT_IN_SILENCE: Final = ("ollama", "ollama_chat")
"""Providers, as LiteLLM calls them, whose servers drop the head of what is too long and refuse nothing."""


def cuts_in_silence(model: str) -> bool:
    """Whether the server of a model cuts what is too long instead of refusing it, so that nothing would teach its window.

    >>> cuts_in_silence("ollama_chat/qwen3"), cuts_in_silence("openai/ollama")
    (True, False)
    """
    return model.partition("/")[0].lower() in _CUT_IN_SILENCE and "/" in model


_OF_THE_NAME: Final = ("litellm_map", "inference", "default")
"""Sources that know what a model was made for, and not what a server has loaded."""


def unsaid(model: str, limit: ContextLimit) -> str:
    """One line on a model whose server cuts in silence what is longer than the window that it has loaded, where nobody has said which
    that is; empty where somebody has.

    >>> print(unsaid("ollama_chat/qwen3:8b", ContextLimit(40_960, source="inference")))
    Ollama cuts in silence what is longer than the window it has loaded, 4,096 tokens unless OLLAMA_CONTEXT_LENGTH says otherwise, \
and 'ollama_chat/qwen3:8b' is believed to take 40,960 (says inference); add num_ctx: <tokens> to its litellm_params
    >>> unsaid("ollama_chat/qwen3:8b", ContextLimit(16_384, source="request"))
    ''
    """
    if not cuts_in_silence(model) or limit.source not in _OF_THE_NAME:
        return ""
    return (
        "Ollama cuts in silence what is longer than the window it has loaded, 4,096 tokens unless OLLAMA_CONTEXT_LENGTH says otherwise, "
        f"and {model!r} is believed to take {limit.max_input_tokens:,} (says {limit.source}); add num_ctx: <tokens> to its litellm_params"
    )


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
