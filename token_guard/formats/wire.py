"""What all formats share: reading wire values without trusting them, and writing edits into copies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, TypeAlias, TypeVar

from token_guard.conversation import Media, Message, Omitted, Opaque, Part, Path, Reasoning, Text, ToolResult
from token_guard.conversation.written import written
from token_guard.formats.blobs import without_blobs
from token_guard.formats.given import given_back

__all__ = [
    "REMOVED",
    "Placed",
    "Unreadable",
    "UnreadableError",
    "apply_edits",
    "as_json",
    "as_opaque",
    "as_reasoning",
    "expect",
    "glimpse",
    "mapping_or_empty",
    "model_of",
    "positive",
    "read",
    "rendered",
    "result_content",
    "same_objects",
    "value_or_empty",
]

T = TypeVar("T")

Placed: TypeAlias = tuple[Part, Path]
"""A part and where it stands in its wire message."""

REMOVED = object()
"""The value that `apply_edit` takes for "take this place out"."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a request cannot be parsed: which place has what wrong; never any content."""

    reason: str


class UnreadableError(Exception):
    """Ends a parse; never leaves the format that raises it."""


def read(reader: Callable[[Mapping[str, Any]], T], request: Mapping[str, Any]) -> T | Unreadable:
    """What a reader makes of a request, or why it cannot be read."""
    try:
        return reader(request)
    except UnreadableError as error:
        return Unreadable(str(error))


def glimpse(reader: Callable[[Mapping[str, Any]], T | None], request: Mapping[str, Any]) -> T | None:
    """What a reader that trusts the shape makes of a request; None where the shape is another."""
    try:
        return reader(request)
    except (KeyError, TypeError, AttributeError, UnreadableError):
        return None


def expect(value: Any, kind: type | tuple[type, ...], place: str) -> Any:
    """The value, when it is of the kind; raises UnreadableError otherwise."""
    if not isinstance(value, kind):
        raise UnreadableError(f"{place} is {type(value).__name__}")
    return value


def value_or_empty(value: Any, kind: type, place: str) -> Any:
    """The value, or an empty one of its kind for None."""
    return kind() if value is None else expect(value, kind, place)


def mapping_or_empty(value: Any) -> Mapping[str, Any]:
    """The value when it is a mapping, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def model_of(request: Mapping[str, Any]) -> str:
    """The model that a request names, or nothing."""
    model = request.get("model")
    return model if isinstance(model, str) else ""


def positive(value: Any) -> int | None:
    """The value when it is a positive number of tokens."""
    return value if isinstance(value, int) and value > 0 else None


def as_opaque(value: Any) -> Opaque:
    """A part that we do not know, as compact JSON, but for the files and the sealed content in it."""
    told, media = without_blobs(value)
    return Opaque(as_json(told), media)


def as_reasoning(value: Any) -> Reasoning:
    """Reasoning in its provider's own form, as compact JSON, but for what is sealed in it."""
    told, media = without_blobs(value)
    return Reasoning(as_json(told), tuple(replace(one, kind="thought") for one in media))


def as_json(value: Any) -> str:
    """A value as compact JSON, whole."""
    return written(value, default=repr, compact=True)


def apply_edits(wire: Any, edits: Iterable[tuple[Path, Any]]) -> Any:
    """A copy of the wire object with values at their paths (or those places taken out); what is beside the paths is shared, and each
    container is copied once. A place that is edited as a whole is taken as that, whatever is edited in it.

    >>> apply_edits({"a": [{"b": 1, "c": 2}, 4]}, [(("a", 0, "b"), 3), (("a", 1), REMOVED)])
    {'a': [{'b': 3, 'c': 2}]}
    """
    inner: dict[str | int, list[tuple[Path, Any]]] = {}
    for path, value in edits:
        if not path:
            return value
        inner.setdefault(path[0], []).append((path[1:], value))
    if not inner:
        return wire
    if isinstance(wire, Mapping):
        changed = {**wire, **{key: apply_edits(wire.get(key), deeper) for key, deeper in inner.items()}}
        return {key: value for key, value in changed.items() if value is not REMOVED}
    items = (apply_edits(item, inner.get(place, ())) for place, item in enumerate(wire))
    return [item for item in items if item is not REMOVED]


def rendered(message: Message, wire_value: Callable[[Part, Part, Any], Any]) -> Mapping[str, Any]:
    """A message's wire object: the very same one, or a copy with what was edited, or a new one for a message of the guard's.

    `wire_value(old, new, there)` writes an edited part in place of `there`, the wire value that `old` was read from.
    """
    origin = message.origin
    if origin is None:
        return {"role": message.role, "content": message.text}
    if origin.parts is message.parts:
        untouched: Mapping[str, Any] = given_back(origin.wire)
        return untouched
    edits: list[tuple[Path, Any]] = []
    for old, new, path in zip(origin.parts, message.parts, origin.paths, strict=False):
        if isinstance(new, Omitted) and old != new:
            edits.append((_item(path), REMOVED))
        elif old != new:
            edits.append((path, wire_value(old, new, _at(origin.wire, path))))
    wire: Any = apply_edits(origin.wire, edits)
    for added in message.parts[len(origin.parts) :]:
        wire = _with_added(wire, origin.paths[-1] if origin.paths else (), added)
    edited: Mapping[str, Any] = given_back(wire)
    return edited


def _with_added(wire: Any, path: Path, added: Part) -> Any:
    """The wire object with words after all that its content holds, where the value at `path` belongs to that content; the path is empty
    where it holds nothing."""
    words = added.text if isinstance(added, Text) else ""
    own: Path = (len(wire) - 1, "content") if isinstance(wire, list) else ("content",)
    place = path[: path.index("content") + 1] if path else own
    content = _at(wire, place)
    if content is None or isinstance(content, str):
        return apply_edits(wire, [(place, f"{content}\n\n{words}" if content else words)])
    # items, and the name of their texts, are those of Responses
    added_part = {"type": "input_text" if isinstance(wire, list) else "text", "text": words}
    return apply_edits(wire, [(place, [*content, added_part])])


def result_content(old: ToolResult, new: ToolResult, content: Any) -> Any:
    """What a tool result's wire `content` becomes: a string, or a list of the parts that stayed and of text parts."""
    if not isinstance(content, list):
        return new.text
    pairs = zip_longest(new.content, old.content, content)
    return [wire if part == before else _with_words(wire, part) for part, before, wire in pairs if part is not None]


def same_objects(wires: Sequence[Any], originals: Sequence[Any]) -> bool:
    """Whether both hold the very same objects in the same order."""
    return len(wires) == len(originals) and all(wire is original for wire, original in zip(wires, originals, strict=True))


def _at(wire: Any, path: Path) -> Any:
    """The value at `path`; None where its last key is missing."""
    for step in path[:-1]:
        wire = wire[step]
    return wire.get(path[-1]) if isinstance(wire, Mapping) else wire[path[-1]]


def _item(path: Path) -> Path:
    """The path of the list item that holds a value, so that it goes as a whole.

    >>> _item(("content", 2, "text"))
    ('content', 2)
    """
    return path if isinstance(path[-1], int) or len(path) == 1 else _item(path[:-1])


def _with_words(wire: Any, part: Text | Media | Opaque) -> dict[str, Any]:
    """A text part of these words; one that was a text part before keeps its other fields, such as `cache_control`."""
    words = "" if isinstance(part, Media) else part.text
    fields = wire if isinstance(wire, dict) and wire.get("type") == "text" else {"type": "text"}
    return {**fields, "text": words}
