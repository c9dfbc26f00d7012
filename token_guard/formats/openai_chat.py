"""OpenAI chat completions (`/v1/chat/completions`), as LiteLLM takes them for every provider.

Shape: https://platform.openai.com/docs/api-reference/chat/create, with LiteLLM's additions
`reasoning_content` and `thinking_blocks` on assistant messages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from token_guard.conversation import (
    Conversation,
    Media,
    Message,
    Opaque,
    Origin,
    Outline,
    Part,
    Path,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from token_guard.formats.beside import documents_of, fields_of, schema_of, tools_of
from token_guard.formats.blobs import sealed_in
from token_guard.formats.given import opened
from token_guard.formats.plain_chat import OUTPUT_KEYS, plain_message
from token_guard.formats.replies import clamped
from token_guard.formats.tool_references import Loading
from token_guard.formats.truncation import is_cut_elsewhere
from token_guard.formats.wire import (
    Placed,
    Unreadable,
    UnreadableError,
    as_json,
    as_opaque,
    as_reasoning,
    expect,
    glimpse,
    mapping_or_empty,
    model_of,
    positive,
    read,
    rendered,
    result_content,
    same_objects,
    value_or_empty,
)

__all__ = ["OpenAIChat"]

ROLES = {"system": "system", "developer": "developer", "user": "user", "assistant": "assistant", "tool": "tool", "function": "tool"}
"""Wire role -> role; `function` is the form of `tool` before tools."""


@dataclass(frozen=True, slots=True)
class OpenAIChat:
    """The format of chat completions."""

    api: str = "openai.chat"

    def matches(self, request: Mapping[str, Any]) -> bool:
        return "messages" in request

    def head(self, request: Mapping[str, Any]) -> Conversation | Unreadable:
        return read(_head, request)

    def outline(self, request: Mapping[str, Any]) -> Outline | None:
        return glimpse(_outline, request)

    def parse(self, request: Mapping[str, Any]) -> Conversation | Unreadable:
        return read(_conversation, request)

    def render(self, conversation: Conversation) -> Mapping[str, Any]:
        request = conversation.request
        edits: dict[str, Any] = {**_output_edits(conversation)}
        wires = [_rendered(message) for message in conversation.messages]
        if not same_objects(wires, request["messages"]):
            edits["messages"] = wires
        return {**request, **edits} if edits else request


def _conversation(request: Mapping[str, Any]) -> Conversation:
    wires = expect(request.get("messages"), (list, tuple), "messages")
    head = _head(request)
    loading = Loading(head.tools or ())
    return head.with_messages(tuple(_message(index, wire, loading) for index, wire in enumerate(wires)))


def _head(request: Mapping[str, Any]) -> Conversation:
    fields = fields_of(request)
    return Conversation(
        model=model_of(request),
        messages=(),
        tools=tools_of(fields.get("tools") or fields.get("functions")),
        tool_choice=fields.get("tool_choice") or fields.get("function_call"),
        response_format=schema_of(fields.get("response_format")),
        documents=documents_of(fields),
        max_output_tokens=next(filter(None, (positive(request.get(key)) for key in OUTPUT_KEYS)), None),
        provider_trims=is_cut_elsewhere(fields),
        request=request,
    )


def _output_edits(conversation: Conversation) -> dict[str, Any]:
    wanted, least = conversation.max_output_tokens, conversation.request.get("min_tokens")
    if wanted is not None and isinstance(least, int):  # of vLLM, which refuses a maximum below it
        wanted = max(wanted, least)
    return clamped(conversation.request, wanted, *OUTPUT_KEYS)


# -- outline -------------------------------------------------------------------------------------------------------------

PLAIN_KEYS = frozenset({"role", "content", "tool_calls", "tool_call_id"})
"""Messages with other keys are left to the parse; those of nearly all agents and chats have none."""


def _outline(request: Mapping[str, Any]) -> Outline | None:
    wires: Sequence[Mapping[str, Any]] = request["messages"]
    texts: list[str] = []
    calls = 0
    for wire in wires:
        if type(wire) is not dict or not wire.keys() <= PLAIN_KEYS or wire["role"] not in ROLES:
            return None
        content = wire["content"]
        if type(content) is str:
            texts.append(content)
        elif content is not None:
            return None
        for call in wire.get("tool_calls") or ():
            calls += 1
            name, arguments = call["function"]["name"], call["function"]["arguments"]
            if type(name) is not str or type(arguments) is not str:
                return None
            texts += (name, arguments)
    return Outline(texts, len(wires), calls)


# -- parse ---------------------------------------------------------------------------------------------------------------


def _message(index: int, wire: Any, loading: Loading) -> Message:
    plain = plain_message(index, wire)
    if plain is not None:  # nearly every message, in less than half of the time
        return plain
    place = f"messages[{index}]"
    wire = expect(opened(wire, place), dict, place)
    role = ROLES.get(expect(wire.get("role"), str, f"{place}.role"))
    if role is None:
        raise UnreadableError(f"{place}.role is unknown")
    placed = tuple(loading(_parts(wire, role, place)))
    parts = tuple(part for part, _ in placed)
    name = wire.get("name")
    return Message(role, parts, name if isinstance(name, str) else "", Origin(index, wire, parts, tuple(path for _, path in placed)))


def _parts(wire: Mapping[str, Any], role: str, place: str) -> Iterator[Placed]:
    if role == "tool":
        yield _tool_result(wire, place), ("content",)
        return
    yield from _reasoning(wire)
    yield from _work(wire)
    yield from _content(wire.get("content"), ("content",), place)
    if wire.get("refusal"):
        yield as_opaque(wire["refusal"]), ("refusal",)
    for number, image in enumerate(wire.get("images") or ()):
        path = ("images", number)
        # Ollama's own are bare base64
        yield (Media("image", image), path) if isinstance(image, str) else _content_part(image, path, f"{place}.images[{number}]")
    if wire.get("audio"):
        yield as_opaque(wire["audio"]), ("audio",)
    yield from _calls(wire, place)


def _reasoning(wire: Mapping[str, Any]) -> Iterator[Placed]:
    """LiteLLM gives the same reasoning twice, as text and as blocks with what is sealed in them: each counts once."""
    key = next((key for key in SEALED_REASONING if wire.get(key)), None)
    if isinstance(text := wire.get("reasoning_content"), str):
        yield Reasoning(text, tuple(sealed_in(wire[key])) if key else ()), ("reasoning_content",)
    elif key:
        yield as_reasoning(wire[key]), (key,)


def _work(wire: Mapping[str, Any]) -> Iterator[Placed]:
    """What Anthropic's own tools did, and its summaries of what came before: LiteLLM keeps them beside an answer and sends them back."""
    fields = mapping_or_empty(wire.get("provider_specific_fields"))
    yield from ((as_opaque(fields[key]), ("provider_specific_fields", key)) for key in WORK if fields.get(key))


WORK = ("compaction_blocks", "web_search_results", "tool_results")

SEALED_REASONING = ("thinking_blocks", "reasoning_details", "reasoning_items")
"""Where LiteLLM and OpenRouter keep reasoning in the provider's own form, to be sent back; where several are, they hold the same."""


def _content(content: Any, path: Path, place: str) -> Iterator[Placed]:
    expect(content, (str, list, tuple, type(None)), f"{place}.content")
    if isinstance(content, str):
        yield Text(content), path
        return
    for number, item in enumerate(content or ()):
        yield _content_part(item, (*path, number), f"{place}.content[{number}]")


def _content_part(item: Any, path: Path, place: str) -> Placed:
    if isinstance(item, str):
        return Text(item), path
    expect(item, dict, place)
    kind = item.get("type")
    if isinstance(kind, str) and kind in CONTENT_PARTS:
        return CONTENT_PARTS[kind](item), (*path, "text") if kind in TEXT_TYPES else path
    return as_opaque(item), path


def _text(item: Mapping[str, Any]) -> Text:
    return Text(expect(item.get("text"), str, "text of a content part"))


def _image(item: Mapping[str, Any]) -> Part:
    image = item.get("image_url")
    if isinstance(image, str):
        return Media("image", image)
    if not isinstance(image, dict) or not isinstance(image.get("url"), str):
        return as_opaque(item)
    return Media("image", image["url"], str(image.get("format") or ""), str(image.get("detail") or ""))


def _audio(item: Mapping[str, Any]) -> Part:
    audio = item.get("input_audio")
    if not isinstance(audio, dict) or not isinstance(audio.get("data"), str):
        return as_opaque(item)
    return Media("audio", audio["data"], str(audio.get("format") or ""))


def _file(item: Mapping[str, Any]) -> Part:
    file = item.get("file")
    source = (file.get("file_data") or file.get("file_id")) if isinstance(file, dict) else None
    if not isinstance(source, str) or not isinstance(file, dict):
        return as_opaque(item)
    return Media("file", source, str(file.get("format") or ""), str(file.get("detail") or ""))


def _other_media(item: Mapping[str, Any]) -> Part:
    """Media as vLLM, Mistral, OpenRouter, Anthropic or the AI SDK write them: under the name of their kind, or as a `source`."""
    kind = str(item["type"])
    inner = item.get(kind, item.get("source", item))
    fields = inner if isinstance(inner, dict) else {"url": inner}
    source = next((fields[key] for key in SOURCES if isinstance(fields.get(key), str)), None)
    if source is None or fields.get("type") == "text":
        return as_opaque(item)
    stated = str(fields.get("media_type") or fields.get("mime_type") or fields.get("format") or item.get("media_type") or "")
    return Media(KINDS.get(kind, "file"), source, stated, str(fields.get("detail") or ""))


SOURCES = ("url", "data", "file_data", "file_url", "file_id", "image_url")
"""Where one of these parts may have its source."""

KINDS: Mapping[str, str] = {
    **dict.fromkeys(("image", "input_image", "image_embeds"), "image"),
    **dict.fromkeys(("video", "video_url", "input_video"), "video"),
    **dict.fromkeys(("audio", "audio_url"), "audio"),
    **dict.fromkeys(("document", "document_url", "input_file", "media"), "file"),
}
"""Parts of other makers than OpenAI, and what they hold."""


def _thinking(item: Mapping[str, Any]) -> Part:
    return as_reasoning(item)


TEXT_TYPES = ("text", "input_text", "output_text")
CONTENT_PARTS: Mapping[str, Callable[[Mapping[str, Any]], Part]] = {
    **dict.fromkeys(TEXT_TYPES, _text),
    **dict.fromkeys(KINDS, _other_media),
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
    "thinking": _thinking,
    "redacted_thinking": _thinking,
}


def _tool_result(wire: Mapping[str, Any], place: str) -> ToolResult:
    call_id = wire.get("tool_call_id", _legacy_id(wire))
    content = tuple(part for part, _ in _content(wire.get("content"), ("content",), place))
    return ToolResult(
        expect(call_id, str, f"{place}.tool_call_id"),
        tuple(part if isinstance(part, (Text, Media, Opaque)) else Opaque(getattr(part, "text", "")) for part in content),
    )


def _calls(wire: Mapping[str, Any], place: str) -> Iterator[Placed]:
    for number, call in enumerate(value_or_empty(wire.get("tool_calls"), list, f"{place}.tool_calls")):
        yield _call(expect(call, dict, f"{place}.tool_calls[{number}]"), ("tool_calls", number), f"{place}.tool_calls[{number}]")
    legacy = wire.get("function_call")
    if isinstance(legacy, dict):
        arguments = value_or_empty(legacy.get("arguments"), str, f"{place}.function_call.arguments")
        yield ToolCall(_legacy_id(legacy), str(legacy.get("name") or ""), arguments), ("function_call", "arguments")


def _call(call: Mapping[str, Any], path: Path, place: str) -> Placed:
    kind, text = ("custom", "input") if "custom" in call else ("function", "arguments")
    body = expect(call.get(kind), dict, f"{place}.{kind}")
    arguments = body.get(text)
    if isinstance(arguments, dict):  # Ollama's own form
        arguments = as_json(arguments)
    arguments = value_or_empty(arguments, str, f"{place}.{kind}.{text}")
    name = value_or_empty(body.get("name"), str, f"{place}.{kind}.name")
    return ToolCall(expect(call.get("id"), str, f"{place}.id"), name, arguments), (*path, kind, text)


def _legacy_id(wire: Mapping[str, Any]) -> str:
    """Functions before tools had no ids: a result answers the call of its name right before it."""
    return f"function:{wire.get('name')}"


# -- render --------------------------------------------------------------------------------------------------------------


def _rendered(message: Message) -> Mapping[str, Any]:
    """Without calls there is no list of calls: OpenAI refuses an empty one."""
    wire = rendered(message, _wire_value)
    emptied = message.edited and wire.get("tool_calls") == []
    return {key: value for key, value in wire.items() if key != "tool_calls"} if emptied else wire


def _wire_value(old: Part, new: Part, there: Any) -> Any:
    if isinstance(new, ToolCall):
        return json.loads(new.arguments) if isinstance(there, dict) else new.arguments
    if isinstance(new, ToolResult) and isinstance(old, ToolResult):
        return result_content(old, new, there)
    text = new.text if isinstance(new, (Text, Opaque)) else ""
    return text if isinstance(old, Text) else {"type": "text", "text": text}
