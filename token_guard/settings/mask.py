"""Pass 0, observation masking."""

from __future__ import annotations

from pydantic import Field, PositiveInt

from token_guard.settings.section import Section

__all__ = ["MaskSettings"]


class MaskSettings(Section):
    """Pass 0, observation masking."""

    min_tokens: PositiveInt = 80
    """Tool outputs smaller than this are not worth a placeholder."""
    keep_recent: float = Field(default=0.4, ge=0.0, le=1.0)
    """The newest tool outputs, up to this share of the target, are never masked."""
    placeholder_tokens: PositiveInt = 60
    """Least room for the quoted lines of one placeholder."""
    exempt_tools: tuple[str, ...] = ()
    """Names of tools whose outputs are never masked or deduplicated."""
    argument_tokens: PositiveInt = 200
    """String values in old tool-call arguments longer than this are shortened."""
