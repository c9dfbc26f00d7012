"""What of a message counts: texts to tokenise, and a fixed number of tokens around them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeAlias, assert_never

from token_guard.conversation import Media, Message, Omitted, Opaque, Part, Reasoning, Text, ToolCall, ToolResult
from token_guard.conversation.written import written
from token_guard.counting.families import Frames

__all__ = ["PER_MESSAGE", "PER_NAME", "PER_PART", "Arguments", "MediaPricing", "dissect", "media_of", "shown"]


class MediaPricing(Protocol):
    """What images, sounds and files cost."""

    def __call__(self, media: Media, /) -> int:
        """Tokens of one; errs up where only its kind is known."""

    def is_certain(self, media: Media, /) -> bool:
        """Whether they are those of the provider's own formula, for a size that is known."""


Pricing: TypeAlias = Callable[[Media], int]

PER_MESSAGE = 4
"""3 for a message's frame and 1 for its role (OpenAI cookbook, How_to_count_tokens_with_tiktoken)."""

PER_NAME = 1
"""Same source."""

PER_PART = 1
"""The line break between two parts of a message; errs up."""


class Arguments(str):
    """A call's arguments, for models that are shown names and values of parameters and not the JSON; counts apart from a text of the
    same characters."""

    __slots__ = ()

    def __hash__(self) -> int:
        return ~str.__hash__(self)


def shown(arguments: str) -> list[str] | None:
    """The names and the values of a call's parameters, in turn; None for arguments that are no JSON object.

    >>> shown('{"path": "a.py", "lines": [1, 2]}')
    ['path', 'a.py', 'lines', '[1,2]']
    """
    try:
        found = json.loads(arguments)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return [text for name, value in found.items() for text in (name, value if isinstance(value, str) else _plain(value))]


def _plain(value: Any) -> str:
    return written(value, compact=True)


def dissect(message: Message, frames: Frames, price: Pricing, texts: list[str]) -> int:
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
            fixed += _dissect_part(part, frames, price, texts)
    return fixed


def _dissect_part(part: Part, frames: Frames, price: Pricing, texts: list[str]) -> int:
    match part:
        case ToolResult():
            return _dissect_result(part, price, texts)
        case ToolCall():
            texts += (part.name, Arguments(part.arguments) if frames.parameter else part.arguments)
            return frames.call
        case Reasoning():
            texts.append(part.text)
            return (frames.reasoning if part.text or part.media else 0) + sum(map(price, part.media))
        case Text():
            texts.append(part.text)
            return 0
        case Opaque():
            texts.append(part.text)
            return sum(map(price, part.media))
        case Media():
            return price(part)
        case Omitted():
            return -PER_PART
        case _:
            assert_never(part)


def _dissect_result(result: ToolResult, price: Pricing, texts: list[str]) -> int:
    fixed = PER_PART * max(0, len(result.content) - 1)
    for part in result.content:
        if isinstance(part, Media):
            fixed += price(part)
        else:
            texts.append(part.text)
            if isinstance(part, Opaque):
                fixed += sum(map(price, part.media))
    return fixed


def media_of(messages: Iterable[Message]) -> Iterator[Media]:
    """All that has a price of its own in messages: images, sounds, files, sealed content."""
    for message in messages:
        for part in message.parts:
            for one in part.content if isinstance(part, ToolResult) else (part,):
                if isinstance(one, Media):
                    yield one
                elif isinstance(one, (Opaque, Reasoning)):
                    yield from one.media
