"""Pass 3, truncation."""

from __future__ import annotations

from pydantic import Field, PositiveInt

from token_guard.settings.section import Section

__all__ = ["TruncateSettings"]


class TruncateSettings(Section):
    """Pass 3, truncation."""

    head_share: float = Field(default=0.6, ge=0.0, le=1.0)
    """Of a message that is cut, the share of the kept lines that comes from its head; the rest is its tail."""
    min_tokens: PositiveInt = 64
    """No message is cut below this size."""
