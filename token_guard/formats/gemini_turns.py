"""Turns as Gemini wants them: all calls of a turn in one content, all their results in the next one, before any words.

"Function call turn comes immediately after a user turn or after a function response turn", says its API. A client that sent them
otherwise is put in order where its request is rewritten anyway; nothing is lost by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from token_guard.formats.gemini_parts import RESULT

__all__ = ["joined"]

Wire = Mapping[str, Any]


def joined(contents: Sequence[Wire]) -> list[Wire]:
    """The contents with those of one side that follow each other as one; the same objects where that changes nothing.

    >>> joined([{"role": "user", "parts": [{"text": "look"}]}, {"role": "user", "parts": [{"functionResponse": {}}]}])
    [{'role': 'user', 'parts': [{'functionResponse': {}}, {'text': 'look'}]}]
    """
    turns = ((side, list(turn)) for side, turn in groupby(contents, key=lambda wire: wire.get("role") == "model"))
    return [wire for is_models, turn in turns for wire in (_one(turn) if is_models or any(map(_answers, turn)) else turn)]


def _one(turn: list[Wire]) -> list[Wire]:
    if len(turn) == 1:
        return turn
    parts = [part for wire in turn for part in wire.get("parts") or ()]
    return [{**turn[-1], "parts": sorted(parts, key=lambda part: not _is_result(part))}]


def _answers(wire: Wire) -> bool:
    return any(map(_is_result, wire.get("parts") or ()))


def _is_result(part: Any) -> bool:
    return isinstance(part, Mapping) and any(key in part for key in RESULT)
