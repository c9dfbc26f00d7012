"""Records of sessions, and conversations held for clients."""

from __future__ import annotations

from typing import Any, Self

from pydantic import PositiveInt, model_validator

from token_guard.settings.section import Section

__all__ = ["SessionSettings"]


class SessionSettings(Section):
    """Records of sessions: who uses how much of which window, and what was cut when; and, where that is wanted, what was said."""

    @model_validator(mode="before")
    @classmethod
    def _from_switch(cls, value: Any) -> Any:
        """`sessions: off` says the same as `enabled: off` in it."""
        return {"enabled": value} if isinstance(value, bool | str) else value

    enabled: bool = True
    """Keep records of sessions in the store, and serve them under /token-guard/sessions."""
    retention_seconds: PositiveInt = 2_592_000
    """How long the record of a session stays after its last request, in seconds."""
    history: bool = False
    """Hold the conversation of a client that names its session, encrypted, so that it may send only what is new. Needs encryption_key."""
    history_ttl_seconds: PositiveInt = 604_800
    """How long a held conversation stays after its last request, in seconds; never longer than the record of its session."""
    history_bytes: PositiveInt = 4 * 1024 * 1024
    """The most that is held of one session, compressed and encrypted, in bytes; one that grows beyond it is held no more."""

    @model_validator(mode="after")
    def _history_needs_records(self) -> Self:
        if self.history and not self.enabled:
            raise ValueError("sessions.history needs sessions.enabled: what is held is listed and deleted with the records of sessions")
        return self
