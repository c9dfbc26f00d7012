"""What of a message counts: texts to tokenise, and a fixed number of tokens around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, assert_never

from token_guard.conversation import Media, Message, Omitted, Opaque, Part, Reasoning, Text, ToolCall, ToolResult

__all__ = ["MediaPricing", "dissect"]

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
        if type(part) is Text:
            texts.append(part.text)
        else:
            fixed += _dissect_part(part, per_call, price, texts)
    return fixed


def _dissect_part(part: Part, per_call: int, price: MediaPricing, texts: list[str]) -> int:
    match part:
        case ToolResult():
            fixed = sum(_dissect_part(inner, per_call, price, texts) for inner in part.content)
            return fixed + PER_PART * max(0, len(part.content) - 1)
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
