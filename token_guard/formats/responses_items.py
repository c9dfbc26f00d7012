"""The items of an OpenAI Responses input: whose each one is, and its parts.

Shape: https://platform.openai.com/docs/api-reference/responses/create. Calls and outputs are told by the ends of their
type's name and a `call_id`, so that kinds that are newer than this file pair like the ones that it was written for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from token_guard.conversation import Media, Opaque, Path, Reasoning, Text, ToolCall, ToolResult
from token_guard.formats.wire import Placed, UnreadableError, as_json, as_opaque, expect, value_or_empty

__all__ = ["ANY_SIDE", "ROLES", "TEXT_TYPES", "Item", "is_shell", "kind_of", "read_item", "reasoning_of"]

ROLES = frozenset({"system", "developer", "user", "assistant"})

TEXT_TYPES = ("input_text", "output_text", "text", "summary_text", "reasoning_text")

ANY_SIDE = ""
"""The role of an item of an unknown kind: it belongs to the response it stands in, or else to the operator."""

BODIES = ("arguments", "input", "action", "actions", "operation")
"""Where the kinds of calls keep what the model wrote: text in the first two, JSON objects in the others."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item: the role it has in a conversation, and its parts with their paths in it."""

    role: str
    placed: tuple[Placed, ...]


def read_item(item: Any, place: str) -> Item:
    """An item as parts; raises UnreadableError for a shape that no provider takes, and for items that only the server has."""
    kind = kind_of(item, place)
    if kind in READERS:
        return READERS[kind](item, place)
    if kind.endswith("_output"):
        return _output(item, place)
    if kind.endswith("_call"):
        return _call(item, place) if isinstance(item.get("call_id"), str) else _work(item, place)
    return Item(ANY_SIDE, ((as_opaque(item), ()),))


def kind_of(item: Any, place: str) -> str:
    """The item's type; a message may leave it out."""
    expect(item, dict, place)
    kind = item.get("type")
    if kind is None and "role" in item:
        return "message"
    return str(expect(kind, str, f"{place}.type"))


def reasoning_of(item: Mapping[str, Any], place: str) -> Reasoning:
    """What a reasoning item says, and what is sealed in it."""
    entries = (entry for key in ("summary", "content") for entry in value_or_empty(item.get(key), list, f"{place}.{key}"))
    words = [entry["text"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("text"), str)]
    sealed = item.get("encrypted_content")
    return Reasoning("\n".join(words), (Media("thought", sealed),) if isinstance(sealed, str) and sealed else ())


def is_shell(output: Sequence[Any]) -> bool:
    """Whether a list is what a shell wrote: streams of commands instead of parts of content."""
    return bool(output) and all(isinstance(chunk, dict) and "stdout" in chunk for chunk in output)


# -- kinds ---------------------------------------------------------------------------------------------------------------


def _message(item: Mapping[str, Any], place: str) -> Item:
    role = expect(item.get("role"), str, f"{place}.role")
    if role not in ROLES:
        raise UnreadableError(f"{place}.role is unknown")
    return Item(role, tuple(_content(item.get("content"), ("content",), f"{place}.content")))


def _reasoning(item: Mapping[str, Any], place: str) -> Item:
    return Item("assistant", ((reasoning_of(item, place), ()),))


def _call(item: Mapping[str, Any], place: str) -> Item:
    kind = str(item["type"]).removesuffix("_call")
    name = value_or_empty(item.get("name"), str, f"{place}.name") or kind
    key = next((key for key in BODIES if item.get(key) is not None), None)
    if key is None:
        return Item("assistant", ((ToolCall(item["call_id"], name, ""), ()),))
    body = item[key]
    return Item("assistant", ((ToolCall(item["call_id"], name, body if isinstance(body, str) else as_json(body)), (key,)),))


def _output(item: Mapping[str, Any], place: str) -> Item:
    call_id = expect(item.get("call_id") or item.get("id"), str, f"{place}.call_id")
    output = item.get("output")
    if isinstance(output, str):
        return Item("tool", ((ToolResult(call_id, (Text(output),)), ("output",)),))
    if isinstance(output, list):
        return Item("tool", ((ToolResult(call_id, _result_content(output, f"{place}.output")), ("output",)),))
    # what cannot become a text stands beside an empty result: the pair may go, but no pass can write words into it
    return Item("tool", ((ToolResult(call_id, ()), ()), _screenshot(output) or (as_opaque(item), ())))


def _result_content(output: Sequence[Any], place: str) -> tuple[Text | Media | Opaque, ...]:
    if is_shell(output):
        streams = [str(chunk.get(name) or "") for chunk in output for name in ("stdout", "stderr")]
        return (Text("\n".join(filter(None, streams))),)
    parts = (part for part, _ in _content(output, (), place))
    return tuple(part if isinstance(part, (Text, Media, Opaque)) else as_opaque(part) for part in parts)


def _screenshot(output: Any) -> Placed | None:
    source = (output.get("image_url") or output.get("file_id")) if isinstance(output, dict) else None
    return (Media("image", source), ("output",)) if isinstance(source, str) else None


def _picture(item: Mapping[str, Any], place: str) -> Item:
    del place
    source = item.get("result")
    return Item("assistant", ((Media("image", source) if isinstance(source, str) else as_opaque(item), ()),))


def _work(item: Mapping[str, Any], place: str) -> Item:
    """What the provider's own tools did: call and result in one."""
    del place
    return Item("assistant", ((as_opaque(item), ()),))


def _question(item: Mapping[str, Any], place: str) -> Item:
    call_id = expect(item.get("id"), str, f"{place}.id")
    arguments = value_or_empty(item.get("arguments"), str, f"{place}.arguments")
    return Item("assistant", ((ToolCall(call_id, str(item.get("name") or ""), arguments), ("arguments",)),))


def _approval(item: Mapping[str, Any], place: str) -> Item:
    call_id = expect(item.get("approval_request_id"), str, f"{place}.approval_request_id")
    return Item("tool", ((ToolResult(call_id, ()), ()), (as_opaque(item), ())))


def _kept(item: Mapping[str, Any], place: str) -> Item:
    """What stands for more than itself is the operator's: it stays."""
    del place
    return Item("developer", ((as_opaque(item), ()),))


READERS: Mapping[str, Callable[[Mapping[str, Any], str], Item]] = {
    "message": _message,
    "reasoning": _reasoning,
    "image_generation_call": _picture,
    "mcp_approval_request": _question,
    "mcp_approval_response": _approval,
    "mcp_list_tools": _kept,
    "compaction": _kept,
    "compaction_summary": _kept,
    "item_reference": _work,
    "program": _work,
    "program_output": _work,
    "tool_search_call": _work,
    "tool_search_output": _work,
}
"""Kinds that are not told by the ends of their names. A program and its output stand around the calls that it makes, a search for tools
loads those of later calls, a reference stands for another item: what binds them is in `bonds`."""


# -- content -------------------------------------------------------------------------------------------------------------


def _content(content: Any, path: Path, place: str) -> Iterator[Placed]:
    expect(content, (str, list, tuple, type(None)), place)
    if isinstance(content, str):
        yield Text(content), path
        return
    for number, entry in enumerate(content or ()):
        yield _content_part(entry, (*path, number), f"{place}[{number}]")


def _content_part(entry: Any, path: Path, place: str) -> Placed:
    kind = expect(entry, dict, place).get("type")
    if kind in TEXT_TYPES:
        return Text(expect(entry.get("text"), str, f"{place}.text")), (*path, "text")
    sources = SOURCES.get(kind, ()) if isinstance(kind, str) else ()
    found = next((source for source in map(entry.get, sources) if isinstance(source, str)), None)
    if found is None or not isinstance(kind, str):
        return as_opaque(entry), path
    return Media(kind.removeprefix("input_").removesuffix("_url"), found, "", str(entry.get("detail") or "")), path


SOURCES: Mapping[str, tuple[str, ...]] = {
    "input_image": ("image_url", "file_id"),
    "image_url": ("image_url",),
    "input_file": ("file_data", "file_url", "file_id"),
}
"""Kinds of media, and where each may have its source."""
