"""Where LiteLLM writes one deployment's model_info over what it knows of other deployments.

The guard asks each deployment's own model_info and the packaged map, so its limits stay right. LiteLLM's do not: its own check of
context windows, its prices and what it tells clients of a model come from a map that each model_info is merged into, by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from token_guard.limits import Served
from token_guard.limits.litellm_map import packaged_map
from token_guard.limits.names import canonical

__all__ = ["merges"]


def merges(everyone: Sequence[Served]) -> Iterator[str]:
    """One line for each model whose deployments overwrite each other, and for each id that overwrites a model."""
    by_model = sorted(everyone, key=lambda served: served.model)
    for model, same in groupby(by_model, key=lambda served: served.model):
        yield from _overwritten(model, list(same))
    models = {served.model for served in everyone}
    for served in everyone:
        if served.deployment.id in models or _is_listed(served.deployment.id):
            yield (
                f"{_shown(served)}: its id {served.deployment.id!r} is the name of a model; "
                "LiteLLM writes its model_info over that model's: give it another id"
            )


def _overwritten(model: str, same: Sequence[Served]) -> Iterator[str]:
    claims = [(_shown(served), served.deployment.model_info.get("max_input_tokens")) for served in same]
    if len({str(claim) for _, claim in claims}) == 1:
        return
    said = ", ".join(f"{name} {'says nothing' if claim is None else f'says {claim}'}" for name, claim in claims)
    yield (
        f"{model}: LiteLLM merges the model_info of these deployments, the last max_input_tokens counts for all: {said}; "
        "write model_info.token_guard.max_input_tokens instead, which it leaves alone"
    )


def _shown(served: Served) -> str:
    deployment = served.deployment
    return " ".join(filter(None, (deployment.group, f"({deployment.id or deployment.api_base or 'no id'})")))


def _is_listed(name: str) -> bool:
    entry = packaged_map().limits.get(canonical(name))
    return entry is not None and entry[0] == name
