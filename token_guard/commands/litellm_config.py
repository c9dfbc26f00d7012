"""A LiteLLM proxy configuration, as far as it concerns the guard: its deployments and its options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from token_guard.budget import ContextLimit
from token_guard.commands.inputs import read_text
from token_guard.errors import ConfigError
from token_guard.limits import Deployment, LimitChain, as_requested

__all__ = ["CALLBACK", "Served", "entries", "load", "options", "section", "served"]

CALLBACK = "token_guard.callback"
"""What `litellm_settings.callbacks` has to name."""

REFERENCE = "os.environ/"
"""LiteLLM replaces a value that starts so by the environment variable of that name."""


@dataclass(frozen=True, slots=True)
class Served:
    """One entry of the model list: the provider's model, and the deployment that serves it."""

    model: str
    deployment: Deployment
    place: int | None = None
    """Its number in the list, from 0; None for a model that is in no list."""
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Its litellm_params."""

    def limit(self, chain: LimitChain) -> ContextLimit:
        """What the chain says of it, unless its own parameters name a window, as `num_ctx` does for Ollama."""
        return as_requested(chain.look_up(self.model, self.deployment), self.model, {"litellm_params": self.params})


def load(name: str, environ: Mapping[str, str]) -> Mapping[str, Any]:
    """The configuration in the file `name`, references to the environment resolved as LiteLLM does; raises ConfigError or InputError."""
    try:
        document = yaml.safe_load(read_text(name))
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, Mapping):
        raise ConfigError(f"{name}: not a LiteLLM configuration (a mapping with model_list, litellm_settings, ...)")
    resolved: Mapping[str, Any] = _resolved(document, environ)
    return resolved


def _resolved(value: Any, environ: Mapping[str, str]) -> Any:
    """An unset variable leaves its reference in place, so that a complaint about the value names it."""
    if isinstance(value, Mapping):
        return {key: _resolved(item, environ) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, environ) for item in value]
    if isinstance(value, str) and value.startswith(REFERENCE):
        return environ.get(value.removeprefix(REFERENCE), value)
    return value


def options(config: Mapping[str, Any]) -> Any:
    """What stands under `callback_settings.token_guard`; None when nothing does."""
    return section(config, "callback_settings").get("token_guard")


def served(config: Mapping[str, Any]) -> Iterator[Served]:
    """Every readable entry of `model_list`."""
    for place, entry in enumerate(entries(config)):
        params, info = section(entry, "litellm_params"), section(entry, "model_info")
        if isinstance(params.get("model"), str):
            yield Served(params["model"], _deployment(entry, params, info), place, params)


def _deployment(entry: Mapping[str, Any], params: Mapping[str, Any], info: Mapping[str, Any]) -> Deployment:
    values = {"id": info.get("id"), "group": entry.get("model_name"), "api_base": params.get("api_base"), "api_key": params.get("api_key")}
    return Deployment(**{name: str(value or "") for name, value in values.items()}, model_info=info)


def section(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The mapping under a key; an empty one where there is none."""
    value = config.get(key)
    return value if isinstance(value, Mapping) else {}


def entries(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The entries of `model_list`, as they are written."""
    models = config.get("model_list")
    return (entry for entry in (models if isinstance(models, list) else ()) if isinstance(entry, Mapping))
