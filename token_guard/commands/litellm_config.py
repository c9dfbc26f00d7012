"""A LiteLLM proxy configuration, as far as it concerns the guard: its deployments, its options, what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import yaml

from token_guard.commands.inputs import read_text
from token_guard.errors import ConfigError
from token_guard.guard import Guard
from token_guard.limits import Deployment
from token_guard.settings import Settings

__all__ = ["CALLBACK", "Finding", "Served", "findings", "load", "options", "served"]

CALLBACK = "token_guard.callback"
"""What `litellm_settings.callbacks` has to name."""

REFERENCE = "os.environ/"
"""LiteLLM replaces a value that starts so by the environment variable of that name."""

UNREAD_PLACES = ("litellm_settings", "general_settings")
"""Sections where options look plausible but are not read."""

PER_MODEL = ("max_input_tokens", "max_output_tokens")
"""What `model_info.token_guard` of one deployment may override."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at one key, in one line that says what is allowed."""

    key: str
    message: str


@dataclass(frozen=True, slots=True)
class Served:
    """One entry of the model list: the provider's model, and the deployment that serves it."""

    model: str
    deployment: Deployment


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
    return _section(config, "callback_settings").get("token_guard")


def served(config: Mapping[str, Any]) -> Iterator[Served]:
    """Every readable entry of `model_list`."""
    for entry in _entries(config):
        params, info = _section(entry, "litellm_params"), _section(entry, "model_info")
        if isinstance(params.get("model"), str):
            yield Served(params["model"], _deployment(entry, params, info))


def _deployment(entry: Mapping[str, Any], params: Mapping[str, Any], info: Mapping[str, Any]) -> Deployment:
    values = {"id": info.get("id"), "group": entry.get("model_name"), "api_base": params.get("api_base"), "api_key": params.get("api_key")}
    return Deployment(**{name: str(value or "") for name, value in values.items()}, model_info=info)


def findings(config: Mapping[str, Any]) -> tuple[Finding, ...]:
    """All that keeps the guard from working as this configuration means it to."""
    return tuple(finding for rule in RULES for finding in rule(config))


def _callbacks_name_the_guard(config: Mapping[str, Any]) -> Iterator[Finding]:
    key, named = "litellm_settings.callbacks", _section(config, "litellm_settings").get("callbacks")
    names = named if isinstance(named, list) else [named]
    wrong = [name for name in names if isinstance(name, str) and name.split(".")[0] == "token_guard" and name != CALLBACK]
    if wrong:
        yield Finding(key, f"{wrong[0]} is not the callback; the only name is {CALLBACK}")
    elif CALLBACK not in names:
        yield Finding(key, f'the guard is not switched on; add callbacks: ["{CALLBACK}"]')
    elif isinstance(named, str):
        yield Finding(key, f'a single name replaces every other callback; write a list: ["{CALLBACK}"]')


def _options_are_valid(config: Mapping[str, Any]) -> Iterator[Finding]:
    """Making a guard of them also reads the limit files that they name."""
    try:
        Guard(Settings.load(options(config)))
    except ConfigError as error:
        yield Finding("callback_settings.token_guard", str(error).removeprefix("token_guard settings: "))


def _options_are_where_they_are_read(config: Mapping[str, Any]) -> Iterator[Finding]:
    unread = [f"{section}.token_guard" for section in UNREAD_PLACES if "token_guard" in _section(config, section)]
    for key in [*unread, *({"token_guard"} & config.keys())]:
        yield Finding(key, "is not read; options belong under callback_settings.token_guard")


def _nothing_leaks_to_the_provider(config: Mapping[str, Any]) -> Iterator[Finding]:
    """LiteLLM sends parameters that it does not know to the provider, in the request's body."""
    for place, entry in enumerate(_entries(config)):
        if "token_guard" in _section(entry, "litellm_params"):
            yield Finding(f"model_list[{place}].litellm_params.token_guard", "would be sent to the provider; remove it")


def _models_override_nothing_but_limits(config: Mapping[str, Any]) -> Iterator[Finding]:
    for place, entry in enumerate(_entries(config)):
        for key in sorted(_section(_section(entry, "model_info"), "token_guard").keys() - set(PER_MODEL)):
            yield Finding(f"model_list[{place}].model_info.token_guard.{key}", f"is not read; allowed: {', '.join(PER_MODEL)}")


def _the_summariser_is_served(config: Mapping[str, Any]) -> Iterator[Finding]:
    try:
        model = Settings.load(options(config)).summarizer.model
    except ConfigError:  # another rule says so
        return
    aliases = _section(_section(config, "router_settings"), "model_group_alias")
    names = [*(str(entry.get("model_name")) for entry in _entries(config)), *map(str, aliases)]
    if model and not any(fnmatchcase(model, name) for name in names):
        yield Finding(
            "callback_settings.token_guard.proxy.summarizer.model", f"{model} is no model_name of model_list: nothing would be summarised"
        )


RULES: tuple[Callable[[Mapping[str, Any]], Iterator[Finding]], ...] = (
    _callbacks_name_the_guard,
    _options_are_valid,
    _options_are_where_they_are_read,
    _nothing_leaks_to_the_provider,
    _models_override_nothing_but_limits,
    _the_summariser_is_served,
)


def _section(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    section = config.get(key)
    return section if isinstance(section, Mapping) else {}


def _entries(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    entries = config.get("model_list")
    return (entry for entry in (entries if isinstance(entries, list) else ()) if isinstance(entry, Mapping))
