"""OpenAI Responses (`/v1/responses`).

A run of items that one response produced (reasoning, calls, text, the provider's own tools) is one assistant message, so
that parallel calls stay one turn and reasoning stays with the item that follows it. Every other item is a message of its
own; `instructions` is a system message before them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from token_guard.conversation import Conversation, Media, Message, Opaque, Origin, Outline, Part, Text, ToolCall, ToolResult
from token_guard.formats.beside import fields_of, tools_of
from token_guard.formats.bonds import REFERENCE, bonds_of, loads_tools, referred_to
from token_guard.formats.given import given_back, opened
from token_guard.formats.replies import clamped
from token_guard.formats.responses_items import ANY_SIDE, ROLES, TEXT_TYPES, Item, is_shell, kind_of, read_item, reasoning_of
from token_guard.formats.tool_references import Loading
from token_guard.formats.truncation import is_cut_elsewhere
from token_guard.formats.wire import (
    Unreadable,
    UnreadableError,
    as_opaque,
    expect,
    glimpse,
    mapping_or_empty,
    model_of,
    positive,
    read,
    rendered,
    same_objects,
    value_or_empty,
)

__all__ = ["OpenAIResponses"]

SERVER_HELD = ("previous_response_id", "conversation")
"""Fields that put history before the input which only the provider has: its size is unknown, and it cannot be edited."""


@dataclass(frozen=True, slots=True)
class OpenAIResponses:
    """The format of Responses."""

    api: str = "openai.responses"

    def matches(self, request: Mapping[str, Any]) -> bool:
        return "input" in request or "instructions" in request

    def head(self, request: Mapping[str, Any]) -> Conversation | Unreadable:
        return read(_head, request)

    def outline(self, request: Mapping[str, Any]) -> Outline | None:
        return glimpse(_outline, request)

    def parse(self, request: Mapping[str, Any]) -> Conversation | Unreadable:
        return read(_conversation, request)

    def render(self, conversation: Conversation) -> Mapping[str, Any]:
        request = conversation.request
        edits: dict[str, Any] = {**clamped(request, conversation.max_output_tokens, "max_output_tokens")}
        items = _render_input([message for message in conversation.messages if not _is_instructions(message)], request["input"])
        if items is not request["input"]:
            edits["input"] = items
        return {**request, **edits} if edits else request


def _conversation(request: Mapping[str, Any]) -> Conversation:
    return _head(request).with_messages(tuple(_messages(request)))


def _head(request: Mapping[str, Any]) -> Conversation:
    held = next((field for field in SERVER_HELD if request.get(field)), None)
    if held:
        raise UnreadableError(f"server-held history: {held}")
    fields = fields_of(request)
    variables = mapping_or_empty(request.get("prompt")).get("variables")
    return Conversation(
        model=model_of(request),
        messages=(),
        tools=tools_of(fields.get("tools")),
        tool_choice=request.get("tool_choice"),
        response_format=mapping_or_empty(fields.get("text")).get("format"),
        # what a prompt that the server keeps is filled in with
        documents=as_opaque(variables) if variables else None,
        max_output_tokens=positive(request.get("max_output_tokens")),
        answers="later",
        provider_trims=is_cut_elsewhere(fields),
        request=request,
    )


# -- outline -------------------------------------------------------------------------------------------------------------

PLAIN_KEYS = frozenset({"type", "role", "content", "id", "status", "phase"})
"""Messages with other keys are left to the parse."""


def _outline(request: Mapping[str, Any]) -> Outline | None:
    instructions, items = request.get("instructions"), request["input"]
    if not isinstance(instructions, (str, type(None))):
        return None
    texts: list[str] = [instructions] if instructions else []
    if isinstance(items, str):
        return Outline([*texts, items], len(texts) + 1, 0)
    calls = 0
    media: list[Media] = []
    for item in items:
        found = _plain_texts(item, media)
        if found is None:
            return None
        texts += found
        calls += len(found) > 1
    return Outline(texts, len(items) + 1, calls, tuple(media)) if all(type(text) is str for text in texts) else None


def _plain_texts(item: Mapping[str, Any], media: list[Media]) -> tuple[str, ...] | None:
    """Name and body of a call, the one text of any other plain item; what is sealed in it comes to `media`."""
    match kind_of(item, ""):
        case "message":
            return _plain_content(item["content"]) if item.keys() <= PLAIN_KEYS and item["role"] in ROLES else None
        case "function_call":
            return item["name"], item["arguments"]
        case "custom_tool_call":
            return item["name"], item["input"]
        case "function_call_output" | "custom_tool_call_output":
            return (item["output"],)
        case "reasoning":
            reasoning = reasoning_of(item, "")
            media += reasoning.media
            return (reasoning.text,)
    return None


def _plain_content(content: Any) -> tuple[str, ...] | None:
    if isinstance(content, str):
        return (content,)
    return (content[0]["text"],) if len(content) == 1 and content[0]["type"] in TEXT_TYPES else None


# -- parse ---------------------------------------------------------------------------------------------------------------


def _messages(request: Mapping[str, Any]) -> Iterator[Message]:
    instructions = value_or_empty(request.get("instructions"), str, "instructions")
    items = expect(request.get("input"), (str, list), "input")
    start = 0
    if instructions:
        yield _whole("system", instructions, 0)
        start = 1
    if isinstance(items, str):
        yield _whole("user", items, start)
        return
    loading = Loading(tools_of(fields_of(request).get("tools")) or ())
    referred = _referred(items)
    for index, run in enumerate(_runs(items), start):
        yield _grouped(run, index, loading, referred)


def _referred(items: Sequence[Any]) -> frozenset[str]:
    """The ids of items for which others stand; raises UnreadableError where the server alone has one: its size is unknown."""
    found = referred_to(items)
    others = (item.get("id") for item in items if isinstance(item, Mapping) and item.get("type") != REFERENCE)
    known = {one for one in others if isinstance(one, str)} if found else ()
    for place, item in enumerate(items if found else ()):
        if isinstance(item, Mapping) and item.get("type") == REFERENCE and str(item.get("id")) not in known:
            raise UnreadableError(f"server-held history: input[{place}] is a reference")
    return found


def _whole(role: str, text: str, index: int) -> Message:
    parts = (Text(text),)
    return Message(role, parts, "", Origin(index, text, parts, ((),)))


def _runs(items: Sequence[Any]) -> Iterator[list[tuple[Any, Item]]]:
    """The items of one response together, every other one alone."""
    run: list[tuple[Any, Item]] = []
    for number, given in enumerate(items):
        wire = opened(given, f"input[{number}]")
        item = read_item(wire, f"input[{number}]")
        if run and not (run[0][1].role == "assistant" and item.role in ("assistant", ANY_SIDE)):
            yield run
            run = []
        run.append((wire, item))
    if run:
        yield run


def _grouped(run: Sequence[tuple[Any, Item]], index: int, loading: Loading, referred: frozenset[str]) -> Message:
    placed = list(loading((part, (number, *path)) for number, (_, item) in enumerate(run) for part, path in item.placed))
    parts = tuple(part for part, _ in placed)
    wires = [wire for wire, _ in run]
    origin = Origin(index, wires, parts, tuple(path for _, path in placed), bonds_of(wires, referred), loads_tools(wires))
    return Message(run[0][1].role or "developer", parts, "", origin)


# -- render --------------------------------------------------------------------------------------------------------------


def _is_instructions(message: Message) -> bool:
    return message.role == "system" and message.origin is not None and isinstance(message.origin.wire, str)


def _render_input(messages: Sequence[Message], original: Any) -> Any:
    """The very input that was parsed when nothing differs."""
    if isinstance(original, str) and len(messages) == 1:
        return messages[0].text if messages[0].edited else original
    items = [item for message in messages for item in _render_message(message)]
    return original if same_objects(items, original) else items


def _render_message(message: Message) -> Sequence[Any]:
    if message.origin is None or isinstance(message.origin.wire, str):
        return ({"type": "message", "role": message.role, "content": message.text},)
    items: Any = rendered(message, _wire_value)
    return list(map(given_back, items))


def _wire_value(old: Part, new: Part, there: Any) -> Any:
    if isinstance(new, ToolCall):
        return new.arguments if isinstance(there, str) else json.loads(new.arguments)
    if isinstance(new, ToolResult) and isinstance(old, ToolResult):
        return _output(old, new, there)
    text = new.text if isinstance(new, (Text, Opaque)) else ""
    if isinstance(old, Text):
        return text
    in_a_message = str(there.get("type")).startswith("input_")
    return {"type": "input_text", "text": text} if in_a_message else {"type": "message", "role": "assistant", "content": text}


def _output(old: ToolResult, new: ToolResult, output: Any) -> Any:
    if not isinstance(output, list):
        return new.text
    if is_shell(output):
        return [{**output[-1], "stdout": new.text, "stderr": ""}]
    pairs = zip_longest(new.content, old.content, output)
    return [wire if part == before else _words(part) for part, before, wire in pairs if part is not None]


def _words(part: Text | Media | Opaque) -> Mapping[str, str]:
    return {"type": "input_text", "text": "" if isinstance(part, Media) else part.text}
