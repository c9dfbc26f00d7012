"""A LiteLLM proxy configuration, as far as it concerns the guard: its deployments and its options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from token_guard.commands.inputs import read_text
from token_guard.errors import ConfigError
from token_guard.limits import Served

__all__ = ["CALLBACK", "entries", "load", "options", "section", "served"]

CALLBACK = "token_guard.callback"
"""What `litellm_settings.callbacks` has to name."""

REFERENCE = "os.environ/"
"""LiteLLM replaces a value that starts so by the environment variable of that name."""


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
        if isinstance(section(entry, "litellm_params").get("model"), str):
            yield Served.read(entry, place=place)


def section(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The mapping under a key; an empty one where there is none."""
    value = config.get(key)
    return value if isinstance(value, Mapping) else {}


def entries(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The entries of `model_list`, as they are written."""
    models = config.get("model_list")
    return (entry for entry in (models if isinstance(models, list) else ()) if isinstance(entry, Mapping))
