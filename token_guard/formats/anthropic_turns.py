"""Turns as Anthropic wants them: all calls in one message, all their results in the next one, before any words.

The API itself joins messages of one role, other hosts of the models do not, and none moves results before words. A client
that sent them otherwise is put in order where its request is rewritten anyway; nothing is lost by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

__all__ = ["joined"]

Wire = Mapping[str, Any]


def joined(wires: Sequence[Wire]) -> list[Wire]:
    """The messages with the calls and the results of each turn together; the same objects where they are.

    >>> result = {"type": "tool_result", "tool_use_id": "1"}
    >>> joined([{"role": "user", "content": "look"}, {"role": "user", "content": [result]}])[0]["content"]
    [{'type': 'tool_result', 'tool_use_id': '1'}, {'type': 'text', 'text': 'look'}]
    """
    turns = ((role, list(turn)) for role, turn in groupby(wires, key=lambda wire: wire["role"]))
    return [wire for role, turn in turns for wire in (_answered(turn) if role == "user" else _called(turn))]


def _answered(turn: list[Wire]) -> list[Wire]:
    last = max((place for place, wire in enumerate(turn) if _has(wire, "tool_result")), default=-1)
    first = turn[: last + 1]
    if not first or (len(first) == 1 and not _speaks_first(first[0])):
        return turn
    blocks = sorted(_blocks(first), key=lambda block: block.get("type") != "tool_result")
    return [{**first[0], "content": blocks}, *turn[last + 1 :]]


def _called(turn: list[Wire]) -> list[Wire]:
    start = next((place for place, wire in enumerate(turn) if _has(wire, "tool_use")), len(turn))
    if start >= len(turn) - 1:
        return turn
    return [*turn[:start], {**turn[start], "content": _blocks(turn[start:])}]


def _blocks(wires: Sequence[Wire]) -> list[Any]:
    contents = (wire.get("content") for wire in wires)
    return [block for content in contents for block in ([{"type": "text", "text": content}] if isinstance(content, str) else content or ())]


def _has(wire: Wire, kind: str) -> bool:
    return any(block.get("type") == kind for block in _blocks([wire]))


def _speaks_first(wire: Wire) -> bool:
    results = [block.get("type") == "tool_result" for block in _blocks([wire])]
    return results != sorted(results, reverse=True)
