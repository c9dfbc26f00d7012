"""The parts that Gemini's contents are made of, with their paths; and which result answers which call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from token_guard.conversation import Media, Opaque, Path, Reasoning, Text, ToolCall, ToolResult
from token_guard.formats.wire import Placed, as_json, as_opaque, expect, mapping_or_empty

__all__ = ["RESULT", "Pairing", "parts_of", "response_of"]

CALL, RESULT = ("functionCall", "function_call"), ("functionResponse", "function_response")
INLINE, FILE = ("inlineData", "inline_data"), ("fileData", "file_data")
STATED = ("mimeType", "mime_type")
SOURCES = ("data", "fileUri", "file_uri")
WORDS = "output"
"""The key that a function's answer in words has (FunctionResponse.response)."""


class Pairing:
    """Ids for calls and results that have none: a result answers the first open call of its name."""

    def __init__(self) -> None:
        self._open: list[tuple[str, str]] = []

    def call(self, call: Mapping[str, Any], place: str) -> str:
        """The id of a call: its own, or its place."""
        call_id = str(call.get("id") or place)
        self._open.append((call_id, str(call.get("name") or "")))
        return call_id

    def result(self, result: Mapping[str, Any], place: str) -> str:
        """The id of the call that a result answers; that of no call where none is open."""
        own, name = result.get("id"), str(result.get("name") or "")
        found = next((one for one in self._open if (one[0] == own if own else one[1] == name)), None)
        if found is None:
            return str(own or place)
        self._open.remove(found)
        return found[0]


def parts_of(parts: Any, path: Path, place: str, pairing: Pairing) -> Iterator[Placed]:
    """The parts of a list at `path`; `place` names it where it cannot be read."""
    for number, given in enumerate(expect(parts, (list, tuple, type(None)), f"{place}.parts") or ()):
        where = f"{place}.parts[{number}]"
        yield from _part(expect(given, dict, where), (*path, number), where, pairing)


def _part(part: Mapping[str, Any], path: Path, place: str, pairing: Pairing) -> Iterator[Placed]:
    if isinstance(part.get("text"), str):
        yield (Reasoning(part["text"]), path) if part.get("thought") else (Text(part["text"]), (*path, "text"))
        return
    key = next((key for key in (*CALL, *RESULT) if key in part), None)
    inner = mapping_or_empty(part.get(key)) if key else {}
    if key in CALL:
        yield ToolCall(pairing.call(inner, place), str(inner.get("name") or ""), as_json(inner.get("args") or {})), (*path, key, "args")
    elif key in RESULT:
        yield ToolResult(pairing.result(inner, place), tuple(_content(inner, place))), (*path, key)
    else:
        yield _media(part) or as_opaque(part), path


def _content(result: Mapping[str, Any], place: str) -> Iterator[Text | Media | Opaque]:
    """What a function answered: its words, or its JSON; and the media beside that."""
    response = result.get("response")
    values = list(response.values()) if isinstance(response, Mapping) else [response]
    if len(values) == 1 and isinstance(values[0], str):
        yield Text(values[0])
    elif response:
        told = as_opaque(response)
        yield told if told.media else Text(told.text)
    for number, part in enumerate(expect(result.get("parts"), (list, tuple, type(None)), f"{place}.parts") or ()):
        yield _media(expect(part, dict, f"{place}.parts[{number}]")) or as_opaque(part)


def _media(part: Mapping[str, Any]) -> Media | None:
    inner = mapping_or_empty(next((part[key] for key in (*INLINE, *FILE) if part.get(key)), None))
    source = next((inner[key] for key in SOURCES if isinstance(inner.get(key), str)), None)
    if source is None:
        return None
    stated = str(next((inner[key] for key in STATED if inner.get(key)), ""))
    family = stated.partition("/")[0]
    return Media(family if family in ("image", "audio", "video") else "file", source, stated, _resolution(part))


def _resolution(part: Mapping[str, Any]) -> str:
    level = mapping_or_empty(part.get("mediaResolution") or part.get("media_resolution")).get("level")
    return str(level or "").rpartition("_")[2].lower()


def response_of(new: ToolResult, there: Mapping[str, Any]) -> Mapping[str, Any]:
    """A function's answer with other words in it, and without the media that these no longer hold."""
    response = there.get("response")
    key = next(iter(response)) if isinstance(response, Mapping) and len(response) == 1 else WORDS
    said = {**there, "response": {key: new.text}}
    return said if new.has_media else {name: value for name, value in said.items() if name != "parts"}
