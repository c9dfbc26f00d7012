"""Pass 2, structured summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from token_guard.settings.renamed import without_gone
from token_guard.settings.section import Section

__all__ = ["SummarizeSettings"]


Category: TypeAlias = Literal["task", "editing", "related", "structure", "patterns", "general"]


class SummarizeSettings(Section):
    """Pass 2, structured summary."""

    share: float = Field(default=0.45, gt=0.0, le=0.5)
    """Largest size of all notes together, as a share of the budget."""
    max_directives: PositiveInt = 64
    """Directives (must, never, always, ...) carried verbatim; the newest win."""
    complexity: Literal["auto", "low", "medium", "high"] = "auto"
    """How a note is shared among requests, rules, decisions and errors; auto goes by how many messages the session has."""
    weights: Mapping[Literal["task", "editing", "related", "structure", "patterns", "general"], NonNegativeFloat] = Field(
        default_factory=dict
    )
    """What makes an exchange stay longer, by category: task 1.0, editing 12.0, related 0.8, structure 0.6, patterns 0.4, general 0.2."""

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_gone(cls, options: Any) -> Any:
        return without_gone("summarize", options)
