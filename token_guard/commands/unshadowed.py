"""What a configuration names for shadow comparisons that would never be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from token_guard.commands.litellm_config import section, served
from token_guard.limits import Served
from token_guard.limits.litellm_map import packaged_entries
from token_guard.settings.shadow import ShadowSettings
from token_guard.shadow import names_of, rates_in

__all__ = ["unshadowed"]

MODES: Final = ("", "chat", "responses")
"""What a deployment that is asked in a format that can be compared may have as `model_info.mode`."""

PRICED: Final = "set input_cost_per_token and output_cost_per_token in its litellm_params, 0 where it is free"


def unshadowed(options: ShadowSettings, config: Mapping[str, Any]) -> Iterator[str]:
    """A line on each model that is named and no comparison would come of."""
    aliases = section(section(config, "router_settings"), "model_group_alias")
    everyone = list(served(config)) if options.models else []
    prices = packaged_entries() if options.models else {}
    for name in options.models:
        behind = [one for one in everyone if fnmatchcase(name, one.deployment.group)]
        if not behind and name not in aliases:
            yield f"{name} is no model_name of model_list: nothing of it would be compared; name one of {_groups(everyone)}"
        for one in behind:
            yield from _against(one, prices)


def _against(one: Served, prices: Mapping[str, Any]) -> Iterator[str]:
    info = one.deployment.model_info
    mode = str(info.get("mode") or "")
    if mode not in MODES:
        yield f"{one.deployment.group} is of mode {mode}; only chat completions, Messages and Responses are compared"
    elif "*" not in one.model and rates_in([one.params, info, *map(prices.get, names_of(one.model, info))]) is None:
        yield f"nobody says what {one.model} costs, so that {one.deployment.group} would never be compared; {PRICED}"


def _groups(everyone: Sequence[Served]) -> str:
    return ", ".join(dict.fromkeys(one.deployment.group for one in everyone)) or "those of model_list, which is empty"
