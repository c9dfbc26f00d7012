"""What the newest question needs from what was compacted away."""

from __future__ import annotations

from pydantic import Field

from token_guard.settings.section import Section

__all__ = ["RecallSettings"]


class RecallSettings(Section):
    """What the newest question needs from what was compacted away."""

    enabled: bool = True
    """Quote compacted passages that the newest user message asks for or names, after its own words."""
    share: float = Field(default=0.10, gt=0.0, le=0.5)
    """Largest size of such quotes in a session, as a share of the budget; a transcript without replies gets all the room there is."""
    floor: float = Field(default=0.40, ge=0.0, le=1.0)
    """In talk, how much of what the rarest words of the question weigh a passage has to have for quotes to be added."""
