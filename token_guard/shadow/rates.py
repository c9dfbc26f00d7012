"""What a call costs at most, by the prices that an entry of LiteLLM's map has."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Rates", "names_of", "rates_in"]

_INPUT: Final = ("input_cost_per_token", "cache_creation_input_token_cost")
_OUTPUT: Final = ("output_cost_per_token", "output_cost_per_reasoning_token")
_CHEAPER: Final = ("_batches", "_flex")


@dataclass(frozen=True, slots=True)
class Rates:
    """The highest prices of a deployment for a token of prompts and of replies, so that what they give is no less than what is charged."""

    prompt: float
    reply: float

    def cost(self, prompt_tokens: float, reply_tokens: float) -> float:
        """What so many tokens cost at most."""
        return math.ceil(prompt_tokens) * self.prompt + math.ceil(reply_tokens) * self.reply


def names_of(model: str, model_info: Mapping[str, Any]) -> tuple[str, ...]:
    """The names under which a map may have the prices of a model, the nearest first.

    >>> names_of("azure/prod", {"base_model": "azure/gpt-4o"})
    ('azure/gpt-4o', 'azure/prod', 'prod')
    """
    return tuple(filter(None, (str(model_info.get("base_model") or ""), model, model.partition("/")[2])))


def rates_in(entries: Iterable[Any]) -> Rates | None:
    """The prices of the first entry that has both; None where nobody has said what a model costs.

    >>> rates_in([{}, {"input_cost_per_token": 1, "cache_creation_input_token_cost": 1.25, "output_cost_per_token": 4}])
    Rates(prompt=1.25, reply=4.0)
    """
    for entry in entries:
        prompt, reply = (_highest(entry, names) for names in (_INPUT, _OUTPUT))
        if prompt is not None and reply is not None:
            return Rates(prompt, reply)
    return None


def _highest(entry: Any, names: tuple[str, ...]) -> float | None:
    """The highest of the prices that begin with these names; None where the plain one is not known."""
    if not isinstance(entry, Mapping) or entry.get(names[0]) is None:
        return None
    known = (price for name, price in entry.items() if name.startswith(names) and not name.endswith(_CHEAPER))
    return max(float(price) for price in known if isinstance(price, int | float))
