"""OpenAI embeddings (`/v1/embeddings`): inputs without turns; litellm takes the same for all providers.

Shape: https://platform.openai.com/docs/api-reference/embeddings/create.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

__all__ = ["Input", "inputs_of", "with_inputs"]

Input: TypeAlias = str | Sequence[int] | None
"""A text, or the ids of its tokens; None for what is neither, such as an image."""


def inputs_of(request: Mapping[str, Any]) -> tuple[Input, ...]:
    """What is to be embedded, one vector for each.

    >>> inputs_of({"input": ["a", [1, 2], {"image": "..."}]}), inputs_of({"input": [1, 2]}), inputs_of({})
    (('a', [1, 2], None), ([1, 2],), ())
    """
    value = request.get("input")
    if _is_one(value):
        return (_input(value),)
    return tuple(map(_input, value)) if isinstance(value, list) else ()


def with_inputs(request: Mapping[str, Any], inputs: Sequence[Input]) -> Mapping[str, Any]:
    """A copy of the request with other inputs, each in the form it had; what was no text stays."""
    value = request["input"]
    if _is_one(value):
        return {**request, "input": inputs[0]}
    return {**request, "input": [old if new is None else new for old, new in zip(value, inputs, strict=True)]}


def _is_one(value: Any) -> bool:
    return isinstance(value, str) or _are_ids(value)


def _are_ids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(token) is int for token in value)


def _input(value: Any) -> Input:
    if isinstance(value, str):
        return None if value.startswith("data:") else value
    return value if _are_ids(value) else None
