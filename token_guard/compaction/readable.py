"""JSON texts read decoded: what a tool returns or a call carries, as lines with the escapes undone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from token_guard.compaction.remembered import remembered
from token_guard.conversation.written import is_deep

__all__ = ["fields", "is_decoded", "is_frame", "lines", "values"]

INLINE = 480
"""An object or list that takes no more characters than this stays on one line: a row of a result, with its columns."""

DEEPEST = 6
"""Levels of objects in objects; what lies deeper stays as it stands in the JSON."""

TOO_DEEP = 200
"""Levels of a text that is read as it stands: no program writes it, and what reads values level by level would not come to its end."""

LARGEST = 2_000_000
"""Characters above which a text is read as it stands."""

SHORT_CALL = 2_000
"""Characters of a call's arguments that are remembered decoded: nine of ten calls have fewer, and each pass reads all of them."""

FRAME = re.compile(r"\s*(?:</?[\w-]+>\s?)+\s*")

FIELD = re.compile(r"[A-Za-z]+(?:[_ -][A-Za-z]+)*")
"""A key that names a field, as every record of its kind has it; one with a digit, a dot or a slash is data."""

PLAIN = {"parse_int": str, "parse_float": str, "parse_constant": str}
"""Numbers are read to the letter: 1.50 stays 1.50."""


@remembered
def lines(text: str) -> tuple[str, ...]:
    r"""The lines of a text; of a JSON text, those of its values.

    >>> lines('{"returncode": 1, "output": "a.py:3: x\\nb.py:4: y"}')
    ('returncode: 1', 'output:', 'a.py:3: x', 'b.py:4: y')
    >>> lines("as it\nstands")
    ('as it', 'stands')
    """
    value = _decoded(text)
    return tuple(text.splitlines() if value is None else (line for piece in _lines(value, 0) for line in piece.splitlines()))


@remembered
def values(text: str) -> tuple[str, ...]:
    """What a JSON text says without the names of its fields: its values and those keys that are data; else its lines.

    >>> values('{"total_amount": 250, "methods": {"card_58": {"brand": "visa"}}}')
    ('250', 'card_58', 'visa')
    """
    value = _decoded(text)
    return tuple(text.splitlines() if value is None else (line for piece in _values(value, 0) for line in piece.splitlines()))


def is_frame(line: str) -> bool:
    """Whether a line is nothing but tags around an output: it says nothing by itself.

    >>> is_frame("</warning><output_head>"), is_frame("<b>3</b>")
    (True, False)
    """
    return FRAME.fullmatch(line) is not None


@remembered
def is_decoded(text: str) -> bool:
    """Whether the lines of a text are those of the values of its JSON."""
    return _decoded(text) is not None


def fields(arguments: str) -> Mapping[str, Any]:
    """The arguments of a call by name; free text has none."""
    return _short_fields(arguments) if len(arguments) <= SHORT_CALL else _fields(arguments)


def _fields(arguments: str) -> Mapping[str, Any]:
    value = _decoded(arguments)
    return value if isinstance(value, dict) else {}


_short_fields = remembered(_fields)


def _decoded(text: str) -> Any:
    """The object or list that a text is, or nothing."""
    head = text[:200].lstrip()[:1]
    if head not in ("{", "[") or len(text) > LARGEST:
        return None
    try:
        value = json.loads(text, strict=False, **PLAIN)  # type: ignore[arg-type]
    except (ValueError, RecursionError):
        return None
    nested = text.count("{") + text.count("[") > TOO_DEEP and is_deep(value, TOO_DEEP)
    return value if isinstance(value, (dict, list)) and not nested else None


def _values(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield from values(value) if depth < DEEPEST else (value,)
    elif not isinstance(value, (dict, list)) or depth >= DEEPEST:
        yield json.dumps(value, ensure_ascii=False)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from () if FIELD.fullmatch(key) else (key,)
            yield from _values(inner, depth + 1)
    else:
        for inner in value:
            yield from _values(inner, depth + 1)


def _lines(value: Any, depth: int) -> Iterator[str]:
    inline = _inline(value, 0)
    if inline is not None and (depth or not isinstance(value, list)):
        yield inline
    elif isinstance(value, str) or depth >= DEEPEST:
        yield from lines(value) if isinstance(value, str) else (json.dumps(value, ensure_ascii=False),)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _entry(key, inner, depth)
    else:
        for inner in value:
            yield from _lines(inner, depth + 1)


def _entry(key: str, value: Any, depth: int) -> Iterator[str]:
    inline = _inline(value, 1)
    if inline is not None:
        yield f"{key}: {inline}"
        return
    yield f"{key}:"
    yield from _lines(value, depth + 1)


def _inline(value: Any, depth: int) -> str | None:
    """A value on one line, where it is short and has no line breaks."""
    if isinstance(value, str):
        return value if len(value) <= INLINE and "\n" not in value and not _opens_json(value) else None
    if not isinstance(value, (dict, list)):
        return json.dumps(value)
    if len(value) > INLINE // 4 or depth > DEEPEST:
        return None
    inner = [_inline(one, depth + 1) for one in (value.values() if isinstance(value, dict) else value)]
    known = [piece for piece in inner if piece is not None]
    if len(known) < len(inner) or sum(map(len, known)) > INLINE:
        return None
    joined = ", ".join(f"{key}: {piece}" for key, piece in zip(value, known, strict=True)) if isinstance(value, dict) else ", ".join(known)
    return None if len(joined) > INLINE else f"{{{joined}}}" if depth and isinstance(value, dict) else joined


def _opens_json(text: str) -> bool:
    return text[:1] in ("{", "[") and len(text) > INLINE // 4
