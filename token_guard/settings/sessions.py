"""Records of sessions."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt, model_validator

from token_guard.settings.section import Section

__all__ = ["SessionSettings"]


class SessionSettings(Section):
    """Records of sessions: who uses how much of which window, and what was cut when; never what was said."""

    @model_validator(mode="before")
    @classmethod
    def _from_switch(cls, value: Any) -> Any:
        """`sessions: off` says the same as `enabled: off` in it."""
        return {"enabled": value} if isinstance(value, bool | str) else value

    enabled: bool = True
    """Keep records of sessions in the store, and serve them under /token-guard/sessions."""
    retention_seconds: PositiveInt = 2_592_000
    """How long the record of a session stays after its last request, in seconds."""
