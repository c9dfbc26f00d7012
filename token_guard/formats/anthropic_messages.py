"""Anthropic Messages (`/v1/messages`), as Claude Code and the anthropic SDK send them.

Shape: https://platform.claude.com/docs/en/api/messages. `system` becomes the first message of the conversation; where there
is one, the place of a wire message is one less than its index. Before a compaction of the provider's nothing is read.
Consecutive user messages are one turn to the API, so that a message put in by the guard may stand beside another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from token_guard.conversation import Conversation, Message, Opaque, Origin, Outline, Part, Text, ToolCall, ToolResult
from token_guard.formats.anthropic_blocks import parts_of
from token_guard.formats.anthropic_compaction import Rest, compaction_of
from token_guard.formats.anthropic_turns import joined
from token_guard.formats.beside import fields_of, tools_of
from token_guard.formats.bonds import bonds_of, loads_tools
from token_guard.formats.given import given_back, opened
from token_guard.formats.replies import clamped
from token_guard.formats.tool_references import Loading
from token_guard.formats.truncation import is_cut_elsewhere
from token_guard.formats.wire import (
    Placed,
    Unreadable,
    UnreadableError,
    expect,
    glimpse,
    mapping_or_empty,
    model_of,
    positive,
    read,
    rendered,
    result_content,
    same_objects,
)

__all__ = ["AnthropicMessages"]

ROLES = ("user", "assistant", "system")
"""`system` inside `messages` is what newer models take in the middle of a conversation."""


@dataclass(frozen=True, slots=True)
class AnthropicMessages:
    """The format of Anthropic Messages."""

    api: str = "anthropic.messages"

    def matches(self, request: Mapping[str, Any]) -> bool:
        return _has_its_shape(request)

    def head(self, request: Mapping[str, Any]) -> Conversation | Unreadable:
        return read(_head, request)

    def outline(self, request: Mapping[str, Any]) -> Outline | None:
        return glimpse(_outline, request)

    def parse(self, request: Mapping[str, Any]) -> Conversation | Unreadable:
        return read(_conversation, request)

    def render(self, conversation: Conversation) -> Mapping[str, Any]:
        request = conversation.request
        edits: dict[str, Any] = {**clamped(conversation.request, conversation.max_output_tokens, "max_tokens")}
        read_from = compaction_of(_opened(request["messages"]))
        wires: list[Any] = list(request["messages"][: read_from.message]) if read_from else []
        for message in conversation.messages:
            wire = rendered(message, _wire_value)
            if message.origin and isinstance(message.origin.wire, Rest):
                wires[-1] = wire
            elif message.origin is None or "role" in message.origin.wire:
                wires.append(wire)
            elif message.edited:
                edits["system"] = wire["system"]
        if not same_objects(wires, request["messages"]):
            edits["messages"] = list(map(given_back, joined(_opened(wires))))
        return {**request, **edits} if edits else request


def _opened(wires: Sequence[Any]) -> list[Any]:
    return [opened(wire, f"messages[{number}]") for number, wire in enumerate(wires)]


def _conversation(request: Mapping[str, Any]) -> Conversation:
    return _head(request).with_messages(tuple(_messages(request)))


def _head(request: Mapping[str, Any]) -> Conversation:
    fields = fields_of(request)
    return Conversation(
        model=model_of(request),
        messages=(),
        tools=tools_of(fields.get("tools")),
        tool_choice=fields.get("tool_choice"),
        response_format=fields.get("output_format") or mapping_or_empty(fields.get("output_config")).get("format"),
        max_output_tokens=positive(request.get("max_tokens")),
        answers="next turn",
        provider_trims=is_cut_elsewhere(fields),
        request=request,
    )


# -- shape ---------------------------------------------------------------------------------------------------------------

OWN_KEYS = ("system", "stop_sequences", "anthropic_version", "anthropic_beta")
OWN_BLOCKS = ("tool_use", "tool_result", "thinking", "redacted_thinking", "document", "server_tool_use")
OPENAI_ROLES = ("developer", "tool", "function")


def _has_its_shape(request: Mapping[str, Any]) -> bool:
    """Whether something in the request is Anthropic's alone, and nothing OpenAI's; what both would send is OpenAI's."""
    wires = [mapping_or_empty(wire) for wire in _sequence(request.get("messages"))]
    if any(wire.get("role") in OPENAI_ROLES or "tool_calls" in wire for wire in wires):
        return False
    tools = map(mapping_or_empty, _sequence(request.get("tools")))
    own = any(key in request for key in OWN_KEYS) or any("input_schema" in tool for tool in tools)
    return "messages" in request and (own or any(map(_has_own_block, wires)))


def _has_own_block(wire: Mapping[str, Any]) -> bool:
    blocks = map(mapping_or_empty, _sequence(wire.get("content")))
    return any(block.get("type") in OWN_BLOCKS or (block.get("type") == "image" and "source" in block) for block in blocks)


def _sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()


# -- outline -------------------------------------------------------------------------------------------------------------

PLAIN_KEYS = frozenset({"role", "content"})


def _outline(request: Mapping[str, Any]) -> Outline | None:
    """Talk in plain strings; sessions with tools have blocks, which only a parse reads."""
    system, wires = request.get("system"), request["messages"]
    if not isinstance(wires, (list, tuple)) or not isinstance(system, (str, type(None))):
        return None
    texts = [system] if system else []
    for wire in wires:
        if type(wire) is not dict or type(wire["content"]) is not str or wire["role"] not in ROLES or not wire.keys() <= PLAIN_KEYS:
            return None
        texts.append(wire["content"])
    return Outline(texts, len(texts), 0)


# -- parse ---------------------------------------------------------------------------------------------------------------


def _messages(request: Mapping[str, Any]) -> Iterator[Message]:
    system, loading = opened({"content": request.get("system")}, "system")["content"], Loading(fields_of(request).get("tools") or ())
    index = 0
    if system:
        # without a role: it goes back to where it came from
        yield _message("system", 0, {"system": system}, parts_of(system, ("system",), "system"))
        index = 1
    wires = _opened(expect(request.get("messages"), (list, tuple), "messages"))
    start = 0
    if read_from := compaction_of(wires):
        start, place = read_from.message + 1, f"messages[{read_from.message}]"
        # what stands for the history before it stays where it is, as instructions do
        yield _message("system", index, read_from.head, loading(read_from.summary(place)))
        index += 1
        if rest := tuple(loading(read_from.after(place))):
            yield _message("assistant", index, Rest(read_from.wire), rest)
            index += 1
    for order, number in enumerate(range(start, len(wires)), index):
        place = f"messages[{number}]"
        wire = wires[number]
        role = expect(expect(wire, dict, place).get("role"), str, f"{place}.role")
        if role not in ROLES:
            raise UnreadableError(f"{place}.role is unknown")
        yield _message(role, order, wire, loading(parts_of(wire.get("content"), ("content",), f"{place}.content")))


def _message(role: str, index: int, wire: Mapping[str, Any], found: Iterable[Placed]) -> Message:
    placed = tuple(found)
    parts = tuple(part for part, _ in placed)
    content = wire.get("content")
    blocks = content if isinstance(content, (list, tuple)) else ()
    paths = tuple(path for _, path in placed)
    return Message(role, parts, origin=Origin(index, wire, parts, paths, bonds_of(blocks), loads_tools(blocks)))


# -- render --------------------------------------------------------------------------------------------------------------


def _wire_value(old: Part, new: Part, there: Any) -> Any:
    if isinstance(new, ToolCall):
        return json.loads(new.arguments)
    if isinstance(new, ToolResult) and isinstance(old, ToolResult):
        return result_content(old, new, there)
    text = new.text if isinstance(new, (Text, Opaque)) else ""
    return text if isinstance(old, Text) else {"type": "text", "text": text}
