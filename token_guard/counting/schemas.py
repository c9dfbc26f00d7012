"""JSON schemas as a model is shown them: with every schema that they refer to in the place of the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

__all__ = ["NAMED", "written_out"]

DEPTH = 48
"""Levels that are looked into; what is nested deeper stays as it is."""

REFERENCES = 2_000
"""References of one schema that are written out: schemas that refer to one another may grow without bound."""

NAMED = ("$defs", "definitions")
"""Where a schema keeps the schemas that it refers to by name."""


def written_out(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema with every schema that it refers to in the place of the reference, twice where it is used twice: so is the model shown
    it. What refers to itself, and what comes after `REFERENCES` of them, stays a reference. Named schemas that no reference was found
    to stay where they are: they may be meant by one that only the provider can follow. Errs up.

    >>> written_out({"properties": {"at": {"$ref": "#/$defs/Place"}}, "$defs": {"Place": {"type": "string"}, "Other": {"type": "null"}}})
    {'properties': {'at': {'type': 'string'}}, '$defs': {'Other': {'type': 'null'}}}
    """
    followed: set[str] = set()
    used = 0

    def written(value: Any, inside: tuple[str, ...], depth: int) -> Any:
        nonlocal used
        if isinstance(value, list) and depth <= DEPTH:
            return [written(one, inside, depth + 1) for one in value]
        if not isinstance(value, Mapping) or depth > DEPTH:
            return value
        name = value.get("$ref")
        named = _at(schema, name) if isinstance(name, str) and name not in inside and used < REFERENCES else None
        if named is not None:
            used += 1
            followed.add(str(name))
            beside = {key: one for key, one in value.items() if key != "$ref"}
            return written({**named, **beside}, (*inside, str(name)), depth + 1)
        return {key: written(one, inside, depth + 1) for key, one in value.items()}

    found = written({key: value for key, value in schema.items() if key not in NAMED}, (), 0)
    left = {key: rest for key in NAMED if (rest := _left(schema.get(key), f"#/{key}/", followed))}
    return {**found, **left} if used or any(key in schema for key in NAMED) else schema


def _left(named: Any, start: str, followed: set[str]) -> Mapping[str, Any]:
    """The named schemas that nothing has referred to, be it to a place inside of them."""
    if not isinstance(named, Mapping):
        return {}
    known = {unquote(one.removeprefix(start)).split("/")[0] for one in followed if one.startswith(start)}
    return {name: one for name, one in named.items() if name.replace("~", "~0").replace("/", "~1") not in known}


def _at(schema: Mapping[str, Any], reference: str) -> Mapping[str, Any] | None:
    """The schema inside of another one at a JSON pointer (RFC 6901); None where none is, and for the whole.

    >>> _at({"$defs": {"a/b": {"type": "string"}}}, "#/$defs/a~1b")
    {'type': 'string'}
    """
    there: Any = schema if reference.startswith("#/") else None
    for step in unquote(reference[2:]).split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(there, list):
            there = there[int(key)] if key.isdecimal() and int(key) < len(there) else None
        else:
            there = there.get(key) if isinstance(there, Mapping) else None
    return there if isinstance(there, Mapping) else None
