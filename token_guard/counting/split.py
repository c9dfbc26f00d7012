"""Where the tokens of a request are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from token_guard.conversation import Conversation, Media, Message, Omitted, Opaque, Part, Reasoning, Text, ToolCall, ToolResult
from token_guard.counting.meter import Meter

__all__ = ["split"]

PARTS: Mapping[type[Part], str] = {
    Text: "{role} text",
    Reasoning: "reasoning",
    ToolCall: "tool calls",
    ToolResult: "tool results",
    Media: "{role} media",
    Opaque: "{role} other",
    Omitted: "{role} other",
}
"""What each kind of part is called in a split."""


def split(meter: Meter, conversation: Conversation) -> dict[str, int]:
    """Where the tokens of a request are: by role and part, then its tool definitions, then what the wire format adds."""
    found: Counter[str] = Counter()
    for message in conversation.messages:
        found.update(_split_message(meter, message))
    tools = meter.overhead(conversation) - meter.overhead(replace(conversation, tools=None))
    found["tool definitions"] += tools
    found["framing"] += meter.measure(conversation).tokens - found.total()
    return {name: tokens for name, tokens in found.items() if tokens}


def _split_message(meter: Meter, message: Message) -> Counter[str]:
    frame = meter.message(replace(message, parts=(), origin=None))
    found: Counter[str] = Counter()
    for part in message.parts:
        found[PARTS[type(part)].format(role=message.role)] += meter.message(replace(message, parts=(part,), origin=None)) - frame
    return found
