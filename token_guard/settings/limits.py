"""Where context windows come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, PositiveInt, model_validator

from token_guard.settings.section import Section

__all__ = ["LimitSettings", "ModelLimit"]


class ModelLimit(Section):
    """What one model takes."""

    max_input_tokens: PositiveInt
    """Its context window, in tokens."""
    max_output_tokens: PositiveInt | None = None
    """Its longest reply, in tokens."""

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: Any) -> Any:
        return value if isinstance(value, (Mapping, ModelLimit)) else {"max_input_tokens": value}


class LimitSettings(Section):
    """Where context windows come from."""

    files: tuple[str, ...] = ()
    """Limit files (JSON or YAML) to read before the usual places."""
    models: Mapping[str, ModelLimit] = Field(default_factory=dict)
    """Context windows by model name, as in a limit file: a number of tokens, or max_input_tokens and max_output_tokens."""
    default: PositiveInt = 8_192
    """Window of a model that no source knows, in tokens."""
    unknown: Literal["learn", "default"] = "learn"
    """A model that no source knows. learn: nothing is cut on a guess, a refusal teaches its window; default: limits.default holds."""
    order: tuple[str, ...] = ("environment", "config_file", "deployment", "learned", "discovery", "litellm_map", "inference", "default")
    """Sources of context windows, the first that knows decides; one left out is not asked, but the default always is, last."""
    learned_ttl_seconds: PositiveInt = 86_400
    """How long a context window counts that a provider named when it refused a request, in seconds."""
    discovery: bool = False
    """Ask the servers at the deployments' own api_base for their context windows, in the background."""

    @property
    def of_the_chain(self) -> dict[str, Any]:
        """What the chain of sources is built from."""
        return self.model_dump(include={"files", "models", "default", "order"}, exclude_none=True)
