"""What of a message counts: texts to tokenise, and a fixed number of tokens around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, assert_never

from token_guard.conversation import Media, Message, Omitted, Opaque, Part, Reasoning, Text, ToolCall, ToolResult

__all__ = ["PER_MESSAGE", "PER_PART", "MediaPricing", "dissect"]

MediaPricing: TypeAlias = Callable[[Media], int]
"""Tokens of an image, a sound or a file."""

PER_MESSAGE = 4
"""3 for a message's frame and 1 for its role (OpenAI cookbook, How_to_count_tokens_with_tiktoken)."""

PER_NAME = 1
"""Same source."""

PER_PART = 1
"""The line break between two parts of a message; errs up."""


def dissect(message: Message, per_call: int, price: MediaPricing, texts: list[str]) -> int:
    """Appends a message's texts to `texts` and returns the tokens that its frame, its part boundaries, calls and media add."""
    parts = message.parts
    fixed = PER_MESSAGE
    if message.name:
        texts.append(message.name)
        fixed += PER_NAME
    if len(parts) > 1:
        fixed += PER_PART * (len(parts) - 1)
    for part in parts:
        # by far the most parts: a class pattern costs as much as a lookup of the count
        if type(part) is Text:
            texts.append(part.text)
        else:
            fixed += _dissect_part(part, per_call, price, texts)
    return fixed


def _dissect_part(part: Part, per_call: int, price: MediaPricing, texts: list[str]) -> int:
    match part:
        case ToolResult():
            return _dissect_result(part, price, texts)
        case ToolCall():
            texts += (part.name, part.arguments)
            return per_call
        case Text() | Reasoning() | Opaque():
            texts.append(part.text)
            return 0
        case Media():
            return price(part)
        case Omitted():
            return 0
        case _:
            assert_never(part)


def _dissect_result(result: ToolResult, price: MediaPricing, texts: list[str]) -> int:
    fixed = PER_PART * max(0, len(result.content) - 1)
    for part in result.content:
        if isinstance(part, Media):
            fixed += price(part)
        else:
            texts.append(part.text)
    return fixed
