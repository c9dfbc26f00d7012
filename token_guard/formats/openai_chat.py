"""OpenAI chat completions (`/v1/chat/completions`), as LiteLLM takes them for every provider.

Shape: https://platform.openai.com/docs/api-reference/chat/create, with LiteLLM's additions
`reasoning_content` and `thinking_blocks` on assistant messages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
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
from token_guard.formats.given import opened
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

__all__ = ["SHORT_FIELDS", "OpenAIChat", "plain_opening", "short_chat"]

ROLES = {"system": "system", "developer": "developer", "user": "user", "assistant": "assistant", "tool": "tool", "function": "tool"}
"""Wire role -> role; `function` is the form of `tool` before tools."""

OUTPUT_KEYS = ("max_completion_tokens", "max_tokens")
"""Where a client asks for a reply length; the first one that is given counts."""


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


SHORT_FIELDS = frozenset({"model", "messages", "temperature", "top_p", "stream", *OUTPUT_KEYS})
"""Fields of a chat that is no more than its messages and the length of the reply; none of them is another format's alone."""

SPEAKERS = frozenset({"system", "developer", "user", "assistant"})

ROLE_AND_CONTENT = 2
"""Fields of a message that is nothing but words."""

SHORT = 5
"""Messages of a short chat at most."""


def short_chat(request: Mapping[str, Any], fields: frozenset[str] = SHORT_FIELDS) -> tuple[Hashable, list[str]] | None:
    """What a chat of a few messages of words has in common with others that differ in these words alone, and its words; None for every
    other request. What is not None is certainly of this format, be it named or not: Anthropic's has fields or blocks of its own. `fields`
    are those that it may have: the caller knows that the ones it adds bear on no prompt.

    >>> short_chat({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 100})
    ((1, 'gpt-4o', None, 100), ['Hello'])
    """
    if type(request) is not dict or not fields.issuperset(request):
        return None
    model, wires = request.get("model"), request.get("messages")
    first, second = request.get(OUTPUT_KEYS[0]), request.get(OUTPUT_KEYS[1])
    if type(model) is not str or type(wires) is not list or type(first) not in COUNTED or type(second) not in COUNTED or len(wires) > SHORT:
        return None
    texts = []
    for wire in wires:
        words = _words(wire)
        if words is None:
            return None
        texts.append(words)
    return (len(texts), model, first, second), texts


COUNTED = (type(None), int)
"""Types of a reply length; equal numbers of other types are read in other ways."""

# -- parse ---------------------------------------------------------------------------------------------------------------


def _message(index: int, wire: Any, loading: Loading) -> Message:
    words = _words(wire)
    if words is not None:  # nearly every message of a chat, in a fifth of the time
        said = (Text(words),)
        return Message(ROLES[wire["role"]], said, "", Origin(index, wire, said, IN_CONTENT))
    place = f"messages[{index}]"
    wire = expect(opened(wire, place), dict, place)
    role = ROLES.get(expect(wire.get("role"), str, f"{place}.role"))
    if role is None:
        raise UnreadableError(f"{place}.role is unknown")
    placed = tuple(loading(_parts(wire, role, place)))
    parts = tuple(part for part, _ in placed)
    name = wire.get("name")
    return Message(role, parts, name if isinstance(name, str) else "", Origin(index, wire, parts, tuple(path for _, path in placed)))


def plain_opening(wires: Any, most: int) -> tuple[Message, ...]:
    """The first messages up to the first question, where so many of them are words alone; none where only a parse can tell.

    >>> [message.role for message in plain_opening([{"role": "system", "content": "a"}, {"role": "user", "content": "b"}], 3)]
    ['system', 'user']
    """
    first: int | None = None
    for place, wire in enumerate(wires[:most] if type(wires) is list else ()):
        if _words(wire) is None:
            return ()
        first = place if first is None and wire["role"] == "user" else first
    return () if first is None else tuple([_message(index, wires[index], NOTHING_LOADED) for index in range(first + 1)])


def _words(wire: Any) -> str | None:
    """What a message says that has a speaker and words and nothing else; None of any other."""
    if type(wire) is not dict or len(wire) != ROLE_AND_CONTENT:
        return None
    role, content = wire.get("role"), wire.get("content")
    return content if type(content) is str and type(role) is str and role in SPEAKERS else None


NOTHING_LOADED = Loading(())

IN_CONTENT: tuple[Path, ...] = (("content",),)


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
    sealed = as_reasoning(wire[key]) if key else None
    if isinstance(text := wire.get("reasoning_content"), str):
        yield Reasoning(text, sealed.media if sealed else ()), ("reasoning_content",)
    elif sealed and key:
        yield sealed, (key,)


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
