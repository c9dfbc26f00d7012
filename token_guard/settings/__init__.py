"""Settings: validated once, here, then handed down as plain values.

They come from the constructor, from `callback_settings.token_guard` of a LiteLLM config, or from the environment
(`TOKEN_GUARD_<SETTING>`, nested ones with two underscores: `TOKEN_GUARD_MASK__EXEMPT_TOOLS='["Read"]'`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from token_guard.errors import ConfigError
from token_guard.settings.counting import CountingSettings
from token_guard.settings.deduplicate import DeduplicateSettings
from token_guard.settings.limits import LimitSettings
from token_guard.settings.mask import MaskSettings
from token_guard.settings.overridable import OVERRIDABLE
from token_guard.settings.reading import DEFAULT_STRATEGY, environment, merged, refused, said_in_the_environment
from token_guard.settings.recall import RecallSettings
from token_guard.settings.renamed import current
from token_guard.settings.retrieval import RetrievalSettings
from token_guard.settings.sessions import SessionSettings
from token_guard.settings.shadow import ShadowSettings
from token_guard.settings.summarize import SummarizeSettings
from token_guard.settings.summarizer import SummarizerSettings
from token_guard.settings.truncate import TruncateSettings
from token_guard.settings.words import OFF, ON, as_meant

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Every option, its default and its meaning.

    >>> Settings(trigger=0.7).trigger
    0.7
    """

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="TOKEN_GUARD_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        use_attribute_docstrings=True,
    )

    mode: Literal["enforce", "observe", "off"] = "enforce"
    """enforce: rewrite what is too long; observe: measure and report only; off: do nothing."""
    strategy: Literal["adaptive", "sliding_window", "summarization", "hybrid"] = "adaptive"
    """adaptive: all four passes; sliding_window: the oldest goes; summarization: what is old becomes a summary; hybrid: both."""
    profile: Literal["auto", "common", "openai", "anthropic", "gemini", "mistral", "deepseek", "strict"] = "auto"
    """What the model demands beyond what all do: auto goes by its name; strict is for chat templates whose roles must alternate."""
    policy: Literal["ahead", "overflow"] = "ahead"
    """ahead: compact ahead of the limit, deep and seldom; overflow: only when a request does not fit."""
    thresholds: Literal["by_shape", "fixed"] = "by_shape"
    """by_shape: tool density and message size move trigger and target; fixed: the two numbers are used as they are."""
    trigger: float = Field(default=0.80, gt=0.0, le=1.0)
    """Share of the budget above which a conversation is compacted."""
    target: float = Field(default=0.40, gt=0.0, le=1.0)
    """Share of the budget that a compaction goes down to (by_shape: its value for few tool calls)."""
    reserve_output: PositiveInt = 4_096
    """Tokens kept free for the reply when the request does not say (at most a quarter of the window)."""
    min_output_tokens: PositiveInt = 256
    """A requested reply length is never clamped below this."""
    exact_seconds: NonNegativeFloat = 3.0
    """Seconds that a count by the model's own vocabulary (an extra brings it) may take before a request is touched; 0 for never."""
    on_overflow: Literal["reject", "forward"] = "reject"
    """What happens to a request that cannot be made to fit: a 400 that names the parts, or forwarded as it is."""
    on_too_long: Literal["truncate", "reject", "pass"] = "pass"
    """What happens to an embeddings input that is longer than the model's window: cut at its end, refused by its number, or passed."""
    on_error: Literal["forward", "reject"] = "forward"
    """What happens when the guard itself fails: the original request is forwarded, or refused."""
    max_overhead_ms: PositiveInt = 30_000
    """The most time that a proxy works on one request: after three fifths the oldest messages just go, after the rest on_error decides."""
    recognise_context_errors: bool = True
    """Teach LiteLLM the refusals of too long requests that it takes for other errors, so that they are tried again compacted."""
    client_overrides: tuple[str, ...] = ()
    """Options that clients may choose by header or in metadata.token_guard: mode, strategy, thresholds, trigger, target and others."""
    headers: bool = True
    """Whether responses carry x-token-guard-* headers."""
    log_level: Literal["debug", "info", "warning", "off"] = "info"
    """Level of the one log line on a request that something was done to; the line on any other is one of debug."""
    store: str = "sqlite:"
    """Where a proxy keeps what it learns and its sessions: sqlite:, sqlite:///path, postgresql+psycopg://, redis://, proxy:, or memory:."""
    encryption_key: str = Field(default="", repr=False)
    """The Fernet key of what is kept of conversations, for the environment: TOKEN_GUARD_ENCRYPTION_KEY. Of several all open."""
    memo_bytes: PositiveInt = 64 * 1024 * 1024
    """Memory for remembered compactions, in bytes; without it the result is the same, only slower."""
    count_cache_bytes: PositiveInt = 32 * 1024 * 1024
    """Memory for remembered token counts, in bytes."""
    limits: LimitSettings = Field(default_factory=LimitSettings)
    """Where context windows come from."""
    counting: CountingSettings = Field(default_factory=CountingSettings)
    """Counting for people: files, pages, requests."""
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
    retrieval: RetrievalSettings = Field(default_factory=RetrievalSettings)
    """Originals of compacted outputs that a model may ask for."""
    sessions: SessionSettings = Field(default_factory=SessionSettings)
    """Records of sessions, and conversations held for clients."""
    shadow: ShadowSettings = Field(default_factory=ShadowSettings)
    """Whether compaction changes what a model does next."""

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
        del env_settings, dotenv_settings, file_secret_settings  # the environment is read with its old names, too, the others never
        strategy = os.environ.get(DEFAULT_STRATEGY, "")
        places = (current(init_settings()), said_in_the_environment(settings_cls), {"strategy": strategy} if strategy else {})
        return tuple(InitSettingsSource(settings_cls, dict(place)) for place in places)

    @model_validator(mode="before")
    @classmethod
    def _words_as_meant(cls, options: Any) -> Any:
        return as_meant(cls.model_fields, options)

    @field_validator("mode", mode="before")
    @classmethod
    def _switched(cls, value: Any) -> Any:
        """`mode: off`, which YAML reads as false, however it is spelled; `mode: on` is what is on when nothing is said."""
        word = str(value).strip().lower()
        return "off" if word in OFF else "enforce" if word in ON else value

    @field_validator("store", mode="before")
    @classmethod
    def _without_a_store(cls, value: Any) -> Any:
        """`store: off` keeps what is learned in memory."""
        return "memory:" if str(value).strip().lower() in OFF else value

    @field_validator("client_overrides")
    @classmethod
    def _known_to_clients(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in OVERRIDABLE]
        if unknown:
            raise ValueError(f"{', '.join(map(repr, unknown))} cannot be chosen for one request; allowed: {', '.join(OVERRIDABLE)}")
        return names

    @model_validator(mode="after")
    def _target_below_trigger(self) -> Self:
        if self.target >= self.trigger:
            raise ValueError(f"target ({self.target}) must be below trigger ({self.trigger})")
        return self

    def with_options(self, options: Mapping[str, Any]) -> Settings:
        """The same with other values of some options; raises ConfigError as `load` does."""
        try:
            return type(self)(**{**self.model_dump(exclude_unset=True), **current(options)})
        except ValidationError as error:
            raise refused(type(self), error) from None

    @classmethod
    def load(cls, options: Mapping[str, Any] | None = None) -> Settings:
        """Settings from a mapping (a section of a config file), with the environment above it.

        Raises ConfigError, in one line that names the key and what is allowed.
        """
        if options is not None and not isinstance(options, Mapping):
            raise ConfigError(f"token_guard settings must be a mapping of options, not {type(options).__name__}")
        try:
            written = {str(key): value for key, value in (options or {}).items()}
            return cls(**merged(current(written), environment(cls)))
        except SettingsError as error:
            raise ConfigError(f"token_guard settings: {error}; lists and mappings are written as JSON") from None
        except ValidationError as error:
            raise refused(cls, error) from None
