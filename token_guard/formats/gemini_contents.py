"""Gemini's own API (`models/X:generateContent`), as gemini-cli and the google-genai SDK send it.

Shape: https://ai.google.dev/api/generate-content. Keys come in camel and in snake case. `systemInstruction` becomes the first message of
the conversation. Calls need no ids: a result answers the call of its name in the turn before it, in order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from token_guard.conversation import Conversation, Message, Opaque, Origin, Outline, Part, Text, ToolCall, ToolResult
from token_guard.formats.beside import tools_of
from token_guard.formats.gemini_parts import Pairing, parts_of, response_of
from token_guard.formats.gemini_turns import joined
from token_guard.formats.given import given_back, opened
from token_guard.formats.replies import clamped
from token_guard.formats.wire import (
    Unreadable,
    UnreadableError,
    expect,
    mapping_or_empty,
    model_of,
    positive,
    read,
    rendered,
    same_objects,
)

__all__ = ["GeminiContents"]

ROLES: Mapping[Any, str] = {"user": "user", "model": "assistant", "function": "user", "tool": "user", None: "user"}
"""Wire role -> role; only the first two are written."""

SYSTEM = ("systemInstruction", "system_instruction")
CONFIG = ("config", "generationConfig", "generation_config")
"""LiteLLM hands `generationConfig` on under the name that the SDK has for it."""
REPLY = ("maxOutputTokens", "max_output_tokens")
SCHEMAS = ("responseJsonSchema", "responseSchema", "response_json_schema", "response_schema")
HELD = ("cachedContent", "cached_content")
"""History that only the provider has."""


@dataclass(frozen=True, slots=True)
class GeminiContents:
    """The format of generateContent."""

    api: str = "gemini.contents"

    def matches(self, request: Mapping[str, Any]) -> bool:
        return isinstance(request.get("contents"), (list, tuple))

    def head(self, request: Mapping[str, Any]) -> Conversation | Unreadable:
        return read(_head, request)

    def outline(self, request: Mapping[str, Any]) -> Outline | None:
        del request  # every text stands in a part of its own, which only a parse reads
        return None

    def parse(self, request: Mapping[str, Any]) -> Conversation | Unreadable:
        return read(_conversation, request)

    def render(self, conversation: Conversation) -> Mapping[str, Any]:
        request = conversation.request
        edits = _reply_edits(request, conversation.max_output_tokens)
        contents: list[Any] = []
        for message in conversation.messages:
            wire = _rendered(message)
            if key := next((key for key in SYSTEM if key in wire), None):
                edits |= {key: wire[key]} if message.edited else {}
            else:
                contents.append(wire)
        if not same_objects(contents, request["contents"]):
            edits["contents"] = list(map(given_back, joined([opened(wire, "contents") for wire in contents])))
        return {**request, **edits} if edits else request


def _conversation(request: Mapping[str, Any]) -> Conversation:
    return _head(request).with_messages(tuple(_messages(request)))


def _head(request: Mapping[str, Any]) -> Conversation:
    config = _config(request)
    fields = {**config, **request}
    if held := next((key for key in HELD if fields.get(key)), None):
        raise UnreadableError(f"server-held history: {held}")
    return Conversation(
        model=model_of(request),
        messages=(),
        tools=tools_of(fields.get("tools")),
        response_format=next((config[key] for key in SCHEMAS if config.get(key)), None),
        max_output_tokens=next(filter(None, (positive(config.get(key)) for key in REPLY)), None),
        answers="next turn",
        request=request,
    )


def _config(request: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping_or_empty(next((request[key] for key in CONFIG if request.get(key)), None))


def _reply_edits(request: Mapping[str, Any], wanted: int | None) -> dict[str, Any]:
    """Edits of the configuration that holds the length of the reply."""
    place = next((key for key in CONFIG if request.get(key)), CONFIG[0])
    config = _config(request)
    edits = clamped(config, wanted, next((key for key in REPLY if key in config), REPLY[0]))
    return {place: {**config, **edits}} if edits else {}


# -- parse ---------------------------------------------------------------------------------------------------------------


def _messages(request: Mapping[str, Any]) -> Iterator[Message]:
    start, pairing = 0, Pairing()
    for key in SYSTEM:
        if said := request.get(key):
            start = 1
            # without a role: it goes back to where it came from
            yield _message("system", 0, {key: said}, _said(said, key, pairing))
            break
    contents = expect(request.get("contents"), (list, tuple), "contents")
    for number, given in enumerate(contents):
        place = f"contents[{number}]"
        wire = expect(opened(given, place), dict, place)
        role = ROLES.get(expect(wire.get("role"), (str, type(None)), f"{place}.role"))
        if role is None:
            raise UnreadableError(f"{place}.role is unknown")
        yield _message(role, number + start, wire, parts_of(wire.get("parts"), ("parts",), place, pairing))


def _said(said: Any, key: str, pairing: Pairing) -> Iterator[tuple[Part, tuple[str | int, ...]]]:
    if isinstance(said, str):
        return iter([(Text(said), (key,))])
    return parts_of(expect(said, dict, key).get("parts"), (key, "parts"), key, pairing)


def _message(role: str, index: int, wire: Mapping[str, Any], found: Iterable[Any]) -> Message:
    placed = tuple(found)
    parts = tuple(part for part, _ in placed)
    return Message(role, parts, origin=Origin(index, wire, parts, tuple(path for _, path in placed)))


# -- render --------------------------------------------------------------------------------------------------------------


def _rendered(message: Message) -> Mapping[str, Any]:
    if message.origin is None:
        return {"role": "model" if message.role == "assistant" else "user", "parts": [{"text": message.text}]}
    own = len(message.origin.parts)
    wire = rendered(replace(message, parts=message.parts[:own]) if len(message.parts) > own else message, _wire_value)
    added = [{"text": part.text} for part in message.parts[own:] if isinstance(part, Text)]
    return {**wire, "parts": [*wire["parts"], *added]} if added else wire


def _wire_value(old: Part, new: Part, there: Any) -> Any:
    if isinstance(new, ToolCall):
        return json.loads(new.arguments)
    if isinstance(new, ToolResult):
        return response_of(new, there)
    text = new.text if isinstance(new, (Text, Opaque)) else ""
    return text if isinstance(old, Text) else {"text": text}
