"""Pass 1, deduplication of tool results."""

from __future__ import annotations

from pydantic import Field, PositiveInt

from token_guard.settings.section import Section

__all__ = ["DeduplicateSettings"]


class DeduplicateSettings(Section):
    """Pass 1, deduplication of tool results."""

    max_distance: int = Field(default=12, ge=0, le=32)
    """Bits of two 64-bit SimHashes that may differ for tool results to be compared line by line; 0 finds exact repeats only."""
    min_tokens: PositiveInt = 80
    """Tool results smaller than this are left alone."""
