"""Originals of compacted outputs that a model may ask for again."""

from __future__ import annotations

from pydantic import PositiveInt

from token_guard.settings.section import Section

__all__ = ["RetrievalSettings"]


class RetrievalSettings(Section):
    """A tool by which the model gets the original of a compacted tool output, answered by the proxy. Needs encryption_key."""

    enabled: bool = False
    """Offer the tool where its calls can be answered: chat and Responses, not streamed, and Anthropic's Messages of its own models."""
    ttl_seconds: PositiveInt = 86_400
    """How long the originals of a session are held after the last of them was compacted, in seconds."""
    session_bytes: PositiveInt = 4 * 1024 * 1024
    """The most that is held of one session's originals, in bytes; the oldest go first."""
    answer_tokens: PositiveInt = 8_000
    """The most that one answer holds; less where the window has less room."""
