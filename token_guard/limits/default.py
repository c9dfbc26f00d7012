"""The window that is assumed for a model that nobody knows."""

from __future__ import annotations

from dataclasses import dataclass

from token_guard.budget import ContextLimit
from token_guard.limits.source import Deployment

__all__ = ["Default"]


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
