"""Comparing what a model does next over whole and compacted requests."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from token_guard.settings.section import Section

__all__ = ["ShadowSettings"]


class ShadowSettings(Section):
    """Asking models again, in the background, whether compaction changes what they do next; costs money, so that it is off by default."""

    @model_validator(mode="before")
    @classmethod
    def _switched_off(cls, value: Any) -> Any:
        """`shadow: off` is what is so when nothing is said."""
        return {} if value is False or str(value).strip().lower() == "off" else value

    models: tuple[str, ...] = ()
    """Models whose compacted requests may be asked again, by their names in the proxy's router; none: nothing is asked."""
    share: float = Field(default=0.05, gt=0.0, le=1.0)
    """Share of their compacted requests that is compared; of one compaction at most one."""
    budget_per_day: NonNegativeFloat = 0.0
    """Money for it in a day (UTC), of all processes that share the store, in the currency of LiteLLM's prices; reserved beforehand."""
    max_output_tokens: PositiveInt = 2_048
    """Length of a compared reply at most, in tokens, where the request does not ask for less."""
    timeout_seconds: PositiveInt = 120
    """A call that has not answered by then is given up."""

    @model_validator(mode="after")
    def _with_a_budget(self) -> Self:
        if self.models and not self.budget_per_day:
            raise ValueError("models are named, and budget_per_day says that nothing may be spent on them; name a sum, or no models")
        return self
