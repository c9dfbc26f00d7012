"""Messages that are objects (pydantic models, dataclasses, LiteLLM's own): read like dictionaries, given back as they came."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Opened", "given_back", "opened"]

PLAIN = (str, int, float, bool, bytes, type(None))

DEPTH = 32
"""Levels that are opened: messages have six."""


class Opened(dict[str, Any]):
    """What an object says, as a dictionary that remembers the object."""

    __slots__ = ("given",)

    def __init__(self, fields: Mapping[str, Any], given: Any) -> None:
        super().__init__(fields)
        self.given = given


def opened(wire: Any, place: str) -> Any:
    """A wire message as a dictionary, the very same one where it and what it holds are plain already.

    Raises TypeError, which says how to convert it, for an object that cannot be read.

    >>> opened(dataclasses.make_dataclass("M", ["role", "content"])("user", "hi"), "messages[0]")
    {'role': 'user', 'content': 'hi'}
    """
    if type(wire) is dict and not (
        _holds_objects(wire.get("content")) or _holds_objects(wire.get("tool_calls")) or _holds_objects(wire.get("function_call"))
    ):
        return wire
    if isinstance(wire, (*PLAIN, list)) or type(wire) is tuple:
        return wire
    if isinstance(wire, tuple):  # with names: what it means is not to be guessed
        raise _strange(wire, place)
    return Opened(_plain(wire, place, 0), wire)


def given_back(wire: Any) -> Any:
    """The object that a dictionary was read from, or the dictionary itself."""
    return wire.given if isinstance(wire, Opened) else wire


def _holds_objects(value: Any, depth: int = 0) -> bool:
    if value is None or type(value) is str or depth > DEPTH:
        return False
    if type(value) is dict or type(value) is list:
        for inner in value.values() if type(value) is dict else value:
            if type(inner) is not str and _holds_objects(inner, depth + 1):
                return True
        return False
    return not isinstance(value, (*PLAIN, tuple))


def _plain(value: Any, place: str, depth: int) -> Any:
    if isinstance(value, PLAIN) or depth > DEPTH:
        return value
    if isinstance(value, Mapping):
        return {key: _plain(one, place, depth + 1) for key, one in value.items()}
    if isinstance(value, Sequence):
        return [_plain(one, place, depth + 1) for one in value]
    return _plain(_fields(value, place), place, depth + 1)


def _fields(value: Any, place: str) -> Mapping[str, Any]:
    """What a pydantic model or a dataclass holds; of fields without a value, none."""
    dump = getattr(value, "model_dump", None) or getattr(value, "dict", None)
    if callable(dump) and not isinstance(value, type):
        found = dump()
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    else:
        raise _strange(value, place)
    return {key: one for key, one in found.items() if one is not None or key == "content"}


def _strange(value: Any, place: str) -> TypeError:
    return TypeError(
        f"{place} is or holds a {type(value).__name__}, which cannot be read as a message: hand over dictionaries "
        "(message.model_dump(exclude_none=True), dataclasses.asdict(message))"
    )
