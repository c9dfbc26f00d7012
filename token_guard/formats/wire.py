"""What all formats share: reading wire values without trusting them, and writing edits into copies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from token_guard.conversation import Opaque, Path

__all__ = ["REMOVED", "Unreadable", "UnreadableError", "apply_edit", "as_opaque", "expect", "value_or_empty"]

REMOVED = object()
"""The value that `apply_edit` takes for "take this place out"."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a request cannot be parsed: which place has what wrong; never any content."""

    reason: str


class UnreadableError(Exception):
    """Ends a parse; never leaves the format that raises it."""


def expect(value: Any, kind: type | tuple[type, ...], place: str) -> Any:
    """The value, when it is of the kind; raises UnreadableError otherwise."""
    if not isinstance(value, kind):
        raise UnreadableError(f"{place} is {type(value).__name__}")
    return value


def value_or_empty(value: Any, kind: type, place: str) -> Any:
    """The value, or an empty one of its kind for None."""
    return kind() if value is None else expect(value, kind, place)


def as_opaque(value: Any) -> Opaque:
    """A part that we do not know, as compact JSON."""
    return Opaque(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=repr))


def apply_edit(wire: Any, path: Path, value: Any) -> Any:
    """A copy of the wire object with `value` at `path` (or the place taken out); what is beside the path is shared.

    >>> apply_edit({"a": [{"b": 1, "c": 2}]}, ("a", 0, "b"), 3)
    {'a': [{'b': 3, 'c': 2}]}
    >>> apply_edit({"a": [1, 2]}, ("a", 0), REMOVED)
    {'a': [2]}
    """
    key, rest = path[0], path[1:]
    inner = apply_edit(wire[key], rest, value) if rest else value
    if isinstance(wire, Mapping):
        return {k: v for k, v in {**wire, key: inner}.items() if v is not REMOVED}
    return _with_item(wire, int(key), inner)


def _with_item(items: Sequence[Any], place: int, item: Any) -> list[Any]:
    return [*items[:place], *([] if item is REMOVED else [item]), *items[place + 1 :]]
