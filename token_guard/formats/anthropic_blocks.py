"""The blocks that Anthropic Messages are made of, as parts with their paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from token_guard.conversation import Media, Opaque, Path, Reasoning, Text, ToolCall, ToolResult
from token_guard.formats.wire import Placed, as_json, as_opaque, expect, mapping_or_empty, value_or_empty

__all__ = ["parts_of"]


def parts_of(content: Any, path: Path, place: str) -> Iterator[Placed]:
    """The parts of a string or of a list of blocks at `path`; `place` names it where it cannot be read."""
    expect(content, (str, list, tuple, type(None)), place)
    if isinstance(content, str):
        yield Text(content), path
        return
    for number, block in enumerate(content or ()):
        yield from _block(expect(block, dict, f"{place}[{number}]"), (*path, number), f"{place}[{number}]")


def _block(block: Mapping[str, Any], path: Path, place: str) -> Iterator[Placed]:
    kind = block.get("type")
    if isinstance(kind, str) and kind in BLOCKS:
        yield from BLOCKS[kind](block, path, place)
    else:
        yield as_opaque(block), path


def _text(block: Mapping[str, Any], path: Path, place: str) -> Iterator[Placed]:
    yield Text(expect(block.get("text"), str, f"{place}.text")), (*path, "text")


def _thinking(block: Mapping[str, Any], path: Path, place: str) -> Iterator[Placed]:
    del place
    sealed = str(block.get("signature") or block.get("data") or "")
    yield Reasoning(str(block.get("thinking") or ""), (Media("thought", sealed),) if sealed else ()), path


def _tool_use(block: Mapping[str, Any], path: Path, place: str) -> Iterator[Placed]:
    call_id, name = expect(block.get("id"), str, f"{place}.id"), value_or_empty(block.get("name"), str, f"{place}.name")
    yield ToolCall(call_id, name, as_json(block.get("input", {}))), (*path, "input")


def _tool_result(block: Mapping[str, Any], path: Path, place: str) -> Iterator[Placed]:
    content = expect(block.get("content"), (str, list, tuple, type(None)), f"{place}.content")
    inner = (Text(content),) if isinstance(content, str) else tuple(map(_inner, content or ()))
    call_id, failed = expect(block.get("tool_use_id"), str, f"{place}.tool_use_id"), block.get("is_error") is True
    yield ToolResult(call_id, inner, failed), (*path, "content")


def _image(block: Mapping[str, Any], path: Path, place: str) -> Iterator[Placed]:
    del place
    yield _media("image", block) or as_opaque(block), path


def _document(block: Mapping[str, Any], path: Path, place: str) -> Iterator[Placed]:
    """A document is a file, or text that counts as such: the title and the context beside it stay as they are."""
    source = mapping_or_empty(block.get("source"))
    yield from ((Opaque(block[key]), (*path, key)) for key in ("title", "context") if isinstance(block.get(key), str))
    if source.get("type") == "text" and isinstance(source.get("data"), str):
        yield Text(source["data"], attached=True), (*path, "source", "data")
    elif source.get("type") == "content":
        yield from _attached(parts_of(source.get("content"), (*path, "source", "content"), f"{place}.source.content"))
    else:
        yield _media("file", block) or as_opaque(block), path


def _search_result(block: Mapping[str, Any], path: Path, place: str) -> Iterator[Placed]:
    yield as_opaque([block.get("title"), block.get("source")]), (*path, "title")
    yield from _attached(parts_of(block.get("content"), (*path, "content"), f"{place}.content"))


def _attached(placed: Iterator[Placed]) -> Iterator[Placed]:
    """What stands in a document or a search result, as words that nobody says."""
    return ((replace(part, attached=True) if isinstance(part, Text) else part, path) for part, path in placed)


BLOCKS: Mapping[str, Callable[[Mapping[str, Any], Path, str], Iterator[Placed]]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _thinking,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
}
"""Blocks that are looked into; all others, server tools and their results among them, count as JSON and are kept."""


def _media(kind: str, block: Mapping[str, Any]) -> Media | None:
    source = mapping_or_empty(block.get("source"))
    found = next((source[key] for key in ("data", "url", "file_id") if isinstance(source.get(key), str)), None)
    return None if found is None else Media(kind, found, str(source.get("media_type") or ""))


def _inner(block: Any) -> Text | Media | Opaque:
    """A block of a tool result as one part, so that parts and blocks stay side by side."""
    parts = [part for part, _ in _block(block, (), "content")] if isinstance(block, dict) else [as_opaque(block)]
    if len(parts) == 1 and isinstance(parts[0], (Text, Media, Opaque)):
        return parts[0]
    if parts and all(isinstance(part, (Text, Opaque)) for part in parts):
        return Text("\n".join(part.text for part in parts if isinstance(part, (Text, Opaque))))
    return next((part for part in parts if isinstance(part, Media)), as_opaque(block))
