"""What YAML and the environment make of words: `off` is false there, a number may be text, and nothing is null."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

__all__ = ["OFF", "ON", "as_meant"]

OFF: Final = ("off", "no", "false")
ON: Final = ("on", "yes", "true")
"""The words that YAML 1.1 reads as false and as true, in any case."""


def as_meant(fields: Mapping[str, FieldInfo], options: Any) -> Any:
    """The options of one section with their words put back, each as its field can mean it; null leaves an option at its default.

    What no field can mean stays, to be complained about.
    """
    if not isinstance(options, Mapping):
        return options
    given = {key: value for key, value in options.items() if value is not None or key not in fields}
    return {key: _meant(fields[key].annotation, value) if key in fields else value for key, value in given.items()}


def _meant(annotation: Any, value: Any) -> Any:
    if get_origin(annotation) is Literal:
        return _choice(get_args(annotation), value)
    if annotation in (str, str | None):
        return _name(value)
    if annotation in (int, float) and isinstance(value, bool):
        return (ON if value else OFF)[0]  # a truth value is no number, though Python counts with it
    if get_origin(annotation) is tuple and isinstance(value, list | tuple):
        return tuple(name for item in value for name in _names(item))
    if get_origin(annotation) is Mapping and isinstance(value, Mapping):
        return {_name(key): item for key, item in value.items()}
    return value


def _choice(choices: tuple[str, ...], value: Any) -> Any:
    """One of the choices, in any case, and where YAML made a truth value of it."""
    words = (ON if value else OFF) if isinstance(value, bool) else (value.strip().lower() if isinstance(value, str) else value,)
    return next((word for word in words if word in choices), value)


def _name(value: Any) -> Any:
    """A name that YAML took for a number or a date."""
    return str(value) if isinstance(value, int | float | date) and not isinstance(value, bool) else value


def _names(item: Any) -> tuple[Any, ...]:
    """A name in a list; of a truth value all the names that it may have been: a tool that is called off is no other one's name."""
    if isinstance(item, bool):
        return tuple(spelled for word in (ON if item else OFF) for spelled in (word, word.capitalize(), word.upper()))
    return (_name(item),)
