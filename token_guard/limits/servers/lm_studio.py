"""LM Studio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from token_guard.budget import ContextLimit
from token_guard.limits.servers.answers import Windows, limit_of, listed, table_of
from token_guard.limits.servers.question import Question, root_of

__all__ = ["LmStudio"]


@dataclass(frozen=True, slots=True)
class LmStudio:
    """`GET /api/v0/models` (https://lmstudio.ai/docs/developer/rest/endpoints)."""

    name: str = "lm_studio"

    def question(self, base: str, _model: str) -> Question:
        """The list of all models."""
        return Question(f"{root_of(base)}/api/v0/models")

    def windows(self, content: object) -> Windows:
        """The window with which a model is loaded; of one that is not, the largest it can be loaded with."""
        return table_of((model, _limit(entry)) for model, entry in listed(content))


def _limit(entry: Mapping[str, Any]) -> ContextLimit | None:
    return limit_of(entry.get("loaded_context_length")) or limit_of(entry.get("max_context_length"))
