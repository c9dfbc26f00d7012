"""One entry of a router's list: the provider's model, the deployment that serves it, and what that adds to every request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from token_guard.budget import ContextLimit
from token_guard.limits.source import Deployment

if TYPE_CHECKING:
    from token_guard.limits import LimitChain

__all__ = ["Served"]


@dataclass(frozen=True, slots=True)
class Served:
    """A model at a deployment, with its litellm_params."""

    model: str
    deployment: Deployment
    place: int | None = None
    """Its number in the list of a configuration, from 0; None for what is in no such list."""
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, entry: Mapping[str, Any], *, group: str | None = None, place: int | None = None) -> Served:
        """An entry as it stands in a list; `group` is the name by which it was found, where that is an alias or fits a wildcard."""
        params, info = _mapping(entry.get("litellm_params")), _mapping(entry.get("model_info"))
        name = str(entry.get("model_name") or "") if group is None else group
        said = {"id": info.get("id"), "api_base": params.get("api_base"), "api_key": params.get("api_key")}
        told = {key: str(value or "") for key, value in said.items()}
        return cls(str(params.get("model") or name), Deployment(**told, group=name, model_info=info), place, params)

    def received(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A client's request as it reaches this deployment: the router puts the deployment's parameters below the client's own fields,
        and its tools before the client's.

        >>> Served("ollama/qwen3", Deployment(), params={"num_ctx": 8_192, "max_tokens": 500}).received({"max_tokens": 9, "messages": []})
        {'num_ctx': 8192, 'max_tokens': 9, 'messages': [], 'model': 'ollama/qwen3'}
        """
        own = {name: value for name, value in self.params.items() if value is not None}
        theirs, clients = own.get("tools"), request.get("tools")
        tools = {"tools": [*theirs, *clients]} if isinstance(theirs, list) and isinstance(clients, list) else {}
        return {**own, **request, **tools, "model": self.model}

    def limit(self, chain: LimitChain, request: Mapping[str, Any] | None = None) -> ContextLimit:
        """The limit that holds here for a request, or for one that names no window of its own."""
        return chain.resolve(self.model, self.deployment, self.received(request or {}))

    def shown_limit(self, chain: LimitChain) -> ContextLimit:
        """The same, asked anew and without a warning: for those who say themselves what is wrong."""
        return chain.look_up(self.model, self.deployment, self.received({}))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
