"""The answer that the events of a stream add up to, in the form that it has without streaming."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

__all__ = ["Streamed"]

_DONE: Final = "[DONE]"
_ENDS: Final = ("message_stop", "response.completed", "response.incomplete", "response.failed", "error")

MOST_BYTES: Final = 32 * 1024 * 1024
"""A longer stream is no reply of a chat, and is not kept."""


class Streamed:
    """Takes the bytes of a stream of server-sent events as they come; `is_over` says that nothing more of the reply comes, though the
    connection may still be open."""

    def __init__(self, api: str) -> None:
        self._api = api
        self._rest = b""
        self._events: list[Mapping[str, Any]] = []
        self._left = MOST_BYTES
        self.is_over = False
        self.has_failed = False

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._left -= len(data)
        if self._left < 0:
            self._events.clear()
            return
        *whole, self._rest = (self._rest + data).replace(b"\r\n", b"\n").split(b"\n")
        for line in whole:
            if line.startswith(b"data:"):
                self._read(line[5:].strip().decode("utf-8", "replace"))

    @property
    def answer(self) -> Mapping[str, Any]:
        """What has come, as an answer in one piece; it says itself whether it is whole."""
        return _ANSWERS[self._api](self._events) if self._left >= 0 else {}

    def _read(self, data: str) -> None:
        if data == _DONE:
            self.is_over = True
            return
        try:
            event = json.loads(data)
        except ValueError:
            return
        if isinstance(event, Mapping):
            self._events.append(event)
            self.has_failed |= event.get("type") in ("error", "response.failed") or bool(event.get("error"))
            self.is_over |= event.get("type") in _ENDS or self.has_failed


def _chat(events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """One choice; of several nobody knows with which the client goes on."""
    choices = [choice for event in events for choice in event.get("choices") or ()]
    if any(choice.get("index") for choice in choices):
        return {}
    message: dict[str, Any] = {}
    for choice in choices:
        _add(message, choice.get("delta") or {})
    finish = next((choice["finish_reason"] for choice in reversed(choices) if choice.get("finish_reason")), None)
    for call in message.get("tool_calls") or ():
        call.pop("index", None)
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def _add(told: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Put a delta to what came before it: texts grow, lists grow by the index of their items, all else is said anew."""
    for key, value in delta.items():
        known = told.get(key)
        if isinstance(value, str) and isinstance(known, str) and key in _GROWING:
            told[key] = known + value
        elif isinstance(value, list):
            told[key] = _listed(known or [], value)
        elif isinstance(value, Mapping):
            told[key] = dict(known) if isinstance(known, Mapping) else {}
            _add(told[key], value)
        elif value is not None and not (value == "" and known):
            told[key] = value


_GROWING: Final = ("content", "reasoning_content", "reasoning", "arguments", "refusal", "thinking", "text", "data", "transcript")


def _listed(known: list[Any], items: Iterable[Any]) -> list[Any]:
    for item in items:
        same = next((one for one in known if _is_same(one, item)), None)
        if same is None:
            known.append(dict(item) if isinstance(item, Mapping) else item)
        else:
            _add(same, item)
    return known


def _is_same(known: Any, item: Any) -> bool:
    """Whether an item goes on with a known one: by its index; thinking has none, and ends with its signature."""
    if not isinstance(item, Mapping) or not isinstance(known, Mapping):
        return False
    if "index" in item:
        return bool(known.get("index") == item["index"])
    return item.get("type") == known.get("type") == "thinking" and not known.get("signature")


def _messages(events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    blocks: dict[int, dict[str, Any]] = {}
    stop_reason, ended = None, False
    for event in events:
        match event.get("type"):
            case "content_block_start":
                blocks[event["index"]] = dict(event["content_block"])
            case "content_block_delta":
                _grow(blocks[event["index"]], event["delta"])
            case "message_delta":
                stop_reason = event["delta"].get("stop_reason") or stop_reason
            case "message_stop":
                ended = True
    content = [_with_input(blocks[place]) for place in sorted(blocks)]
    return {"content": [block for block in content if not _is_empty(block)], "stop_reason": stop_reason if ended else None}


def _grow(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    match delta.get("type"):
        case "text_delta":
            block["text"] = block.get("text", "") + delta["text"]
        case "thinking_delta":
            block["thinking"] = block.get("thinking", "") + delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "input_json_delta":
            block["_input"] = block.get("_input", "") + delta["partial_json"]
        case "citations_delta":
            block["citations"] = [*(block.get("citations") or ()), delta["citation"]]


def _with_input(block: dict[str, Any]) -> dict[str, Any]:
    written = block.pop("_input", "")
    return {**block, "input": json.loads(written)} if written else block


def _is_empty(block: Mapping[str, Any]) -> bool:
    return block.get("type") == "text" and not block.get("text")


def _responses(events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    whole = next((event["response"] for event in reversed(events) if event.get("type") in _ENDS and "response" in event), None)
    if whole is None:
        return {}
    return whole if whole.get("output") else {**whole, "output": list(_items(events))}


def _items(events: Iterable[Mapping[str, Any]]) -> Iterator[Any]:
    return (event["item"] for event in events if event.get("type") == "response.output_item.done")


_ANSWERS: Final[Mapping[str, Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]]]] = {
    "openai.chat": _chat,
    "anthropic.messages": _messages,
    "openai.responses": _responses,
}
