"""What the newest question needs from what was compacted away."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from token_guard.settings.section import Section

__all__ = ["RecallSettings"]


class RecallSettings(Section):
    """What the newest question needs from what was compacted away."""

    @model_validator(mode="before")
    @classmethod
    def _from_switch(cls, value: Any) -> Any:
        """`recall: off` says the same as `enabled: off` in it."""
        return {"enabled": value} if isinstance(value, bool | str) else value

    enabled: bool = True
    """Quote compacted passages that the newest user message asks for or names, after its own words."""
    share: float = Field(default=0.50, gt=0.0, le=0.5)
    """Largest size of what is quoted for a question in talk, as a share of the budget; what only says something gets a tenth of it."""
    floor: float = Field(default=0.20, ge=0.0, le=1.0)
    """In talk, how much of what the rarest words of the question weigh a passage has to have for quotes to be added."""
