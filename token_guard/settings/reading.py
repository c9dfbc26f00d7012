"""How settings are read from the environment and from a mapping, and what is said of wrong ones."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource

from token_guard.errors import ConfigError
from token_guard.settings.renamed import OLD_NAMES, current

__all__ = ["DEFAULT_STRATEGY", "environment", "merged", "refused", "said_in_the_environment"]


DEFAULT_STRATEGY = "DEFAULT_STRATEGY"
"""A variable without our prefix, for all tools that compact: it counts where neither a file nor TOKEN_GUARD_STRATEGY says otherwise."""


_LONGEST_KEY = 200
"""Characters of a key that a complaint names."""

_TRUTH = ", as which YAML reads on, yes and true, off, no and false"


def environment(settings: type[BaseSettings]) -> Mapping[str, Any]:
    """What the environment says of these settings; raises ConfigError for a variable with our prefix that names none of them."""
    prefix = str(settings.model_config["env_prefix"])
    for name in os.environ:
        option = name.removeprefix(prefix).partition("__")[0].lower()
        if name.startswith(prefix) and option not in (*settings.model_fields, *OLD_NAMES):
            raise ConfigError(
                f"token_guard settings: {name} in the environment: {option} is not a setting{_suggestion(settings, (option,))}"
            )
    return said_in_the_environment(settings)


def said_in_the_environment(settings: type[BaseSettings]) -> Mapping[str, Any]:
    """What the environment says of these settings, by their old names, too; what else has our prefix is passed over."""
    prefix = str(settings.model_config["env_prefix"])
    names = {f"{prefix}{old.upper()}": old for old in OLD_NAMES}
    old = {names[name]: value for name, value in os.environ.items() if name in names and value}
    return current({**old, **EnvSettingsSource(settings)()})


def merged(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    """One mapping of options above another, section by section."""
    return {**low, **{key: _merged_value(low.get(key), value) for key, value in high.items()}}


def _merged_value(low: Any, high: Any) -> Any:
    return merged(low, high) if isinstance(low, Mapping) and isinstance(high, Mapping) else high


def refused(settings: type[BaseModel], error: ValidationError) -> ConfigError:
    """What is raised for settings that are not valid."""
    told = tuple(_complaints(settings, error))
    refusal = ConfigError("token_guard settings: " + "; ".join(told))
    refusal.complaints = told
    return refusal


def _complaints(settings: type[BaseModel], error: ValidationError) -> Iterator[str]:
    """What is wrong, a sentence each, with the key and what is allowed."""
    for item in error.errors():
        key = ".".join(map(_in_one_line, item["loc"]))
        if key == "strategy" and item["input"] == os.environ.get(DEFAULT_STRATEGY):
            key = f"{key}, from {DEFAULT_STRATEGY} in the environment"
        if item["type"] == "extra_forbidden":
            yield f"{key} is not a setting{_suggestion(settings, item['loc'])}"
        elif key:
            words = _TRUTH if isinstance(item["input"], bool) else ""
            yield f"{key}: {item['msg'].replace('tuple', 'list')} (got {item['input']!r}{words})"
        else:
            yield item["msg"].removeprefix("Value error, ")


def _in_one_line(key: int | str) -> str:
    r"""A key as a complaint names it: names of models are the operator's, and may be anything.

    >>> _in_one_line("a\nb" + "c" * 200)[:8]
    'a bccccc'
    """
    return " ".join(str(key).split())[:_LONGEST_KEY]


def _suggestion(settings: type[BaseModel], place: tuple[int | str, ...]) -> str:
    known = _fields(settings, place[:-1])
    close = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; allowed: {', '.join(known)}"


def _fields(settings: type[BaseModel], place: tuple[int | str, ...]) -> Mapping[str, FieldInfo]:
    for key in place:
        inner = settings.model_fields[str(key)].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return {}
        settings = inner
    return settings.model_fields
