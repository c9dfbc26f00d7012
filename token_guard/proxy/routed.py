"""The ids that LiteLLM's router gives to deployments: what is learned of one is kept under its id."""

from __future__ import annotations

from dataclasses import replace

from token_guard.limits import Served

__all__ = ["as_routed"]


def as_routed(one: Served) -> Served:
    """An entry of the router's list with the id that the router gives its deployment where it has none; without one in a LiteLLM that keeps
    it to itself."""
    if one.deployment.id or one.place is None:
        return one
    from litellm.router import Router  # takes seconds

    make = getattr(Router, "generate_model_id", None)
    return replace(one, deployment=replace(one.deployment, id=make(one.deployment.group, dict(one.params)))) if make else one
