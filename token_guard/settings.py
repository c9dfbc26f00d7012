"""Settings: validated once, here, then handed down as plain values.

They come from the constructor, from `callback_settings.token_guard` of a LiteLLM config, or from the environment
(`TOKEN_GUARD_<SETTING>`, nested ones with two underscores: `TOKEN_GUARD_MASK__EXEMPT_TOOLS='["Read"]'`).
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveInt, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from token_guard.errors import ConfigError

__all__ = [
    "DeduplicateSettings",
    "LimitSettings",
    "MaskSettings",
    "ModelLimit",
    "RecallSettings",
    "Settings",
    "SummarizeSettings",
    "SummarizerSettings",
    "TruncateSettings",
]


DEFAULT_STRATEGY = "DEFAULT_STRATEGY"
"""A variable without our prefix, for all tools that compact: it counts where neither a file nor TOKEN_GUARD_STRATEGY says otherwise."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ModelLimit(_Section):
    """What one model takes."""

    max_input_tokens: PositiveInt
    """Its context window, in tokens."""
    max_output_tokens: PositiveInt | None = None
    """Its longest reply, in tokens."""

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: Any) -> Any:
        return value if isinstance(value, (Mapping, ModelLimit)) else {"max_input_tokens": value}


class LimitSettings(_Section):
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


class MaskSettings(_Section):
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


class DeduplicateSettings(_Section):
    """Pass 1, deduplication of tool results."""

    max_distance: int = Field(default=12, ge=0, le=32)
    """Bits of two 64-bit SimHashes that may differ for tool results to be compared line by line; 0 finds exact repeats only."""
    min_tokens: PositiveInt = 80
    """Tool results smaller than this are left alone."""


class SummarizeSettings(_Section):
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


class SummarizerSettings(_Section):
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


class TruncateSettings(_Section):
    """Pass 3, truncation."""

    head_share: float = Field(default=0.6, ge=0.0, le=1.0)
    """Of a message that is cut, the share of the kept lines that comes from its head; the rest is its tail."""
    min_tokens: PositiveInt = 64
    """No message is cut below this size."""


class RecallSettings(_Section):
    """What the newest question needs from what was compacted away."""

    enabled: bool = True
    """Quote compacted passages that the newest user message asks for or names, after its own words."""
    share: float = Field(default=0.10, gt=0.0, le=0.5)
    """Largest size of such quotes in a session, as a share of the budget; a transcript without replies gets all the room there is."""
    floor: float = Field(default=0.40, ge=0.0, le=1.0)
    """In talk, how much of what the rarest words of the question weigh a passage has to have for quotes to be added."""


class Settings(BaseSettings):
    """Every option, its default and its meaning.

    >>> Settings(trigger=0.7).trigger
    0.7
    """

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="TOKEN_GUARD_", env_nested_delimiter="__", use_attribute_docstrings=True
    )

    mode: Literal["enforce", "observe", "off"] = "enforce"
    """enforce: rewrite what is too long; observe: measure and report only; off: do nothing."""
    strategy: Literal["adaptive", "sliding_window", "summarization", "hybrid"] = "adaptive"
    """adaptive: all four passes; sliding_window: the oldest goes; summarization: what is old becomes a summary; hybrid: both."""
    profile: Literal["auto", "common", "openai", "anthropic", "gemini", "mistral", "deepseek", "strict"] = "auto"
    """What the model demands beyond what all do: auto goes by its name; strict is for chat templates whose roles must alternate."""
    policy: Literal["adaptive", "overflow"] = "adaptive"
    """adaptive: compact ahead of the limit, deep and seldom; overflow: only when a request does not fit."""
    adaptive: bool = True
    """Let tool density and message size move trigger and target; false: use the two numbers as they are."""
    trigger: float = Field(default=0.80, gt=0.0, le=1.0)
    """Share of the budget above which a conversation is compacted."""
    target: float = Field(default=0.30, gt=0.0, le=1.0)
    """Share of the budget that a compaction goes down to (adaptive: its value for few tool calls)."""
    reserve_output: PositiveInt = 4_096
    """Tokens kept free for the reply when the request does not say (at most a quarter of the window)."""
    min_output_tokens: PositiveInt = 256
    """A requested reply length is never clamped below this."""
    on_overflow: Literal["reject", "forward"] = "reject"
    """What happens to a request that cannot be made to fit: a 400 that names the parts, or forwarded as it is."""
    on_too_long: Literal["truncate", "reject", "pass"] = "pass"
    """What happens to an embeddings input that is longer than the model's window: cut at its end, refused by its number, or passed."""
    on_error: Literal["forward", "reject"] = "forward"
    """What happens when the guard itself fails: the original request is forwarded, or refused."""
    recognise_context_errors: bool = True
    """Teach LiteLLM the refusals of too long requests that it takes for other errors, so that they are tried again compacted."""
    allow_request_mode: bool = False
    """Whether clients may choose a mode with the header x-token-guard-mode."""
    headers: bool = True
    """Whether responses carry x-token-guard-* headers."""
    store: str = "sqlite:///~/.cache/token_guard/store.db"
    """Where a proxy keeps what it learns (how providers count, counts of very large texts): sqlite:///path, or memory:."""
    memo_bytes: PositiveInt = 64 * 1024 * 1024
    """Memory for remembered compactions, in bytes; without it the result is the same, only slower."""
    count_cache_bytes: PositiveInt = 32 * 1024 * 1024
    """Memory for remembered token counts, in bytes."""
    limits: LimitSettings = Field(default_factory=LimitSettings)
    """Where context windows come from."""
    mask: MaskSettings = Field(default_factory=MaskSettings)
    """Pass 0, observation masking."""
    deduplicate: DeduplicateSettings = Field(default_factory=DeduplicateSettings)
    """Pass 1, deduplication of tool results."""
    summarize: SummarizeSettings = Field(default_factory=SummarizeSettings)
    """Pass 2, structured summary."""
    summarizer: SummarizerSettings = Field(default_factory=SummarizerSettings)
    """Language-model texts for the notes of pass 2, written in the background."""
    truncate: TruncateSettings = Field(default_factory=TruncateSettings)
    """Pass 3, truncation."""
    recall: RecallSettings = Field(default_factory=RecallSettings)
    """What the newest question needs from what was compacted away."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, the environment, and below both what other tools may have set there for all of them."""
        del dotenv_settings, file_secret_settings  # token_guard reads neither
        strategy = os.environ.get(DEFAULT_STRATEGY, "")
        return init_settings, env_settings, InitSettingsSource(settings_cls, {"strategy": strategy} if strategy else {})

    @model_validator(mode="after")
    def _target_below_trigger(self) -> Self:
        if self.target >= self.trigger:
            raise ValueError(f"target ({self.target}) must be below trigger ({self.trigger})")
        return self

    @classmethod
    def load(cls, options: Mapping[str, Any] | None = None) -> Settings:
        """Settings from a mapping (a section of a config file), with the environment above it.

        Raises ConfigError, in one line that names the key and what is allowed.
        """
        if options is not None and not isinstance(options, Mapping):
            raise ConfigError(f"token_guard settings must be a mapping of options, not {type(options).__name__}")
        try:
            written = {str(key): value for key, value in (options or {}).items()}
            return cls(**_merged(written, _environment(cls)))
        except SettingsError as error:
            raise ConfigError(f"token_guard settings: {error}; lists and mappings are written as JSON") from None
        except ValidationError as error:
            raise ConfigError("token_guard settings: " + "; ".join(_complaints(cls, error))) from None


def _environment(settings: type[Settings]) -> Mapping[str, Any]:
    prefix = str(settings.model_config["env_prefix"])
    for name in os.environ:
        option = name.removeprefix(prefix).partition("__")[0].lower()
        if name.startswith(prefix) and option not in settings.model_fields:
            raise ConfigError(
                f"token_guard settings: {name} in the environment: {option} is not a setting{_suggestion(settings, (option,))}"
            )
    return EnvSettingsSource(settings)()


def _merged(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    return {**low, **{key: _merged_value(low.get(key), value) for key, value in high.items()}}


def _merged_value(low: Any, high: Any) -> Any:
    return _merged(low, high) if isinstance(low, Mapping) and isinstance(high, Mapping) else high


def _complaints(settings: type[BaseModel], error: ValidationError) -> Iterator[str]:
    for item in error.errors():
        key = ".".join(map(str, item["loc"]))
        if key == "strategy" and item["input"] == os.environ.get(DEFAULT_STRATEGY):
            key = f"{key}, from {DEFAULT_STRATEGY} in the environment"
        if item["type"] == "extra_forbidden":
            yield f"{key} is not a setting{_suggestion(settings, item['loc'])}"
        elif key:
            yield f"{key}: {item['msg'].replace('tuple', 'list')} (got {item['input']!r})"
        else:
            yield item["msg"].removeprefix("Value error, ")


def _suggestion(settings: type[BaseModel], place: tuple[int | str, ...]) -> str:
    known = _fields(settings, place[:-1])
    close = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; allowed: {', '.join(known)}"


def _fields(settings: type[BaseModel], place: tuple[int | str, ...]) -> Mapping[str, FieldInfo]:
    for key in place:
        inner = settings.model_fields[str(key)].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return {}
        settings = inner
    return settings.model_fields
