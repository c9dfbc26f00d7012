"""Language-model texts for the notes of pass 2."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt, field_validator

from token_guard.settings.section import Section

__all__ = ["SummarizerSettings"]


class SummarizerSettings(Section):
    """Language-model texts for the notes of pass 2, written in the background."""

    @field_validator("model", mode="before")
    @classmethod
    def _without_a_model(cls, value: Any) -> Any:
        """`model: off` says the same as none."""
        return None if value is False else value

    model: str | None = None
    """Model that writes them, by its name in the proxy's router; without one, notes are extracts."""
    timeout_seconds: PositiveInt = 60
    """A call that has not answered by then is given up."""
    max_input_tokens: PositiveInt = 32_000
    """Conversation text sent in one call at most, in tokens, where the model's own window is not smaller."""
    max_output_tokens: PositiveInt = 1_500
    """Length of an answer at most, in tokens; a note uses as much of it as has room."""
    max_calls_per_hour: PositiveInt = 120
    """Calls of all processes that share the store, at most; beyond, extracts stay."""
    ttl_seconds: PositiveInt = 604_800
    """How long texts are kept in the store, in seconds."""
