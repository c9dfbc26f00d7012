"""Wire values as JSON text, however deep they are nested: what the usual encoder gives up, a model stuck in a loop has written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["is_deep", "written"]


def written(value: Any, *, default: Any = str, compact: bool = False) -> str:
    """A value as JSON text, with spaces behind commas and colons or without; what JSON does not know becomes `default` of it.

    >>> written({"a": [1, "é"]}), written({"a": [1, "é"]}, compact=True)
    ('{"a": [1, "é"]}', '{"a":[1,"é"]}')
    """
    comma, colon = (",", ":") if compact else (", ", ": ")
    try:
        return json.dumps(value, ensure_ascii=False, separators=(comma, colon), default=default)
    except RecursionError:
        return _step_by_step(value, default, comma, colon)


def _step_by_step(value: Any, default: Any, comma: str, colon: str) -> str:
    """The same without recursion."""
    pieces: list[str] = []
    waiting: list[tuple[Any, bool]] = [(value, False)]
    while waiting:
        one, is_text = waiting.pop()
        if is_text:
            pieces.append(one)
        elif isinstance(one, Mapping):
            inner = [entry for key, held in one.items() for entry in ((comma, True), (_key(key) + colon, True), (held, False))][1:]
            waiting += [("}", True), *reversed(inner), ("{", True)]
        elif isinstance(one, (list, tuple)):
            inner = [entry for held in one for entry in ((comma, True), (held, False))][1:]
            waiting += [("]", True), *reversed(inner), ("[", True)]
        else:
            pieces.append(json.dumps(one, ensure_ascii=False, default=default))
    return "".join(pieces)


def _key(key: Any) -> str:
    return json.dumps(key if isinstance(key, str) else str(key), ensure_ascii=False)


def is_deep(value: Any, levels: int) -> bool:
    """Whether a value has more levels of lists and mappings in each other than that.

    >>> is_deep({"a": [1]}, 2), is_deep({"a": [1]}, 1)
    (False, True)
    """
    level = [value]
    for _ in range(levels):
        level = [inner for one in level if isinstance(one, (dict, list)) for inner in (one.values() if isinstance(one, dict) else one)]
        if not any(isinstance(one, (dict, list)) for one in level):
            return False
    return True
