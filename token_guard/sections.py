"""The sections of the settings, each with its options, their defaults and their meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveInt, model_validator

__all__ = [
    "DeduplicateSettings",
    "LimitSettings",
    "MaskSettings",
    "ModelLimit",
    "RecallSettings",
    "Section",
    "SummarizeSettings",
    "SummarizerSettings",
    "TruncateSettings",
]


class Section(BaseModel):
    """Options that belong together; an unknown one is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


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
    order: tuple[str, ...] = ("environment", "config_file", "deployment", "learned", "discovery", "litellm_map", "inference", "default")
    """Sources of context windows, the first that knows decides; one left out is not asked, but the default always is, last."""
    learned_ttl_seconds: PositiveInt = 86_400
    """How long a context window counts that a provider named when it refused a request, in seconds."""
    discovery: bool = False
    """Ask the servers at the deployments' own api_base for their context windows, in the background."""


class MaskSettings(Section):
    """Pass 0, observation masking."""

    min_tokens: PositiveInt = 80
    """Tool outputs smaller than this are not worth a placeholder."""
    keep_recent: float = Field(default=0.4, ge=0.0, le=1.0)
    """The newest tool outputs, up to this share of the target, are never masked."""
    placeholder_tokens: PositiveInt = 60
    """Room for the key values (paths, identifiers, error lines) in one placeholder."""
    exempt_tools: tuple[str, ...] = ()
    """Names of tools whose outputs are never masked or deduplicated."""
    argument_tokens: PositiveInt = 200
    """String values in old tool-call arguments longer than this are shortened."""


class DeduplicateSettings(Section):
    """Pass 1, deduplication of tool results."""

    max_distance: int = Field(default=12, ge=0, le=32)
    """Bits of two 64-bit SimHashes that may differ for tool results to be compared line by line; 0 finds exact repeats only."""
    min_tokens: PositiveInt = 80
    """Tool results smaller than this are left alone."""


class SummarizeSettings(Section):
    """Pass 2, structured summary."""

    share: float = Field(default=0.35, gt=0.0, le=0.5)
    """Largest size of all notes together, as a share of the budget."""
    max_directives: PositiveInt = 20
    """Directives (must, never, always, ...) carried verbatim; the newest win."""
    max_decisions: PositiveInt = 30
    """Decision sentences of the assistant carried verbatim; the newest win."""
    complexity: Literal["auto", "low", "medium", "high"] = "auto"
    """How a note is shared among requests, rules, decisions and errors; auto goes by how many messages the session has."""
    weights: Mapping[Literal["task", "related", "structure", "patterns", "general"], NonNegativeFloat] = Field(default_factory=dict)
    """What makes an exchange stay longer, by category: task 1.0, related 0.8, structure 0.6, patterns 0.4, general 0.2."""


class SummarizerSettings(Section):
    """Language-model texts for the notes of pass 2, written in the background."""

    model: str | None = None
    """Model that writes them, by its name in the proxy's router; without one, notes are extracts."""
    timeout_seconds: PositiveInt = 60
    """A call that has not answered by then is given up."""
    max_input_tokens: PositiveInt = 32_000
    """Conversation text sent in one call at most, in tokens, where the model's own window is not smaller."""
    max_output_tokens: PositiveInt = 1_500
    """Length of an answer at most, in tokens; a note uses as much of it as has room."""
    max_calls_per_hour: PositiveInt = 120
    """Calls of one proxy process at most; beyond, extracts stay."""
    ttl_seconds: PositiveInt = 604_800
    """How long texts are kept in the store, in seconds."""


class TruncateSettings(Section):
    """Pass 3, truncation."""

    head_share: float = Field(default=0.6, ge=0.0, le=1.0)
    """Of a message that is cut, the share of the kept lines that comes from its head; the rest is its tail."""
    min_tokens: PositiveInt = 64
    """No message is cut below this size."""


class RecallSettings(Section):
    """What the newest question needs from what was compacted away."""

    enabled: bool = True
    """Quote compacted passages that the newest user message asks for or names, after its own words."""
    share: float = Field(default=0.10, gt=0.0, le=0.5)
    """Largest size of such quotes in a session, as a share of the budget; a transcript without replies gets all the room there is."""
    floor: float = Field(default=0.40, ge=0.0, le=1.0)
    """In talk, how much of what the rarest words of the question weigh a passage has to have for quotes to be added."""
