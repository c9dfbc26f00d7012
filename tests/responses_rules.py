"""What the Responses endpoint refuses, and a converter from chat histories: written apart from the guard's own format and rules."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from token_guard.demo.openai_rules import count_prompt

__all__ = ["as_items", "complaints", "count_input"]


def as_items(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A chat history as a client of Responses keeps it."""
    return [item for place, message in enumerate(messages) for item in _items(place, message)]


def _items(place: int, message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    content = message.get("content")
    if message["role"] == "tool":
        output = content if isinstance(content, str) else _parts(content or [], "input_text")
        yield {"type": "function_call_output", "call_id": message["tool_call_id"], "output": output}
        return
    if message.get("reasoning_content"):
        summary = [{"type": "summary_text", "text": message["reasoning_content"]}]
        yield {"type": "reasoning", "id": f"rs_{place}", "summary": summary, "encrypted_content": "c2VhbGVk" * 40}
    if content or not message.get("tool_calls"):
        kind = "output_text" if message["role"] == "assistant" else "input_text"
        parts = [{"type": kind, "text": content or " "}] if not isinstance(content, list) else _parts(content, kind)
        yield {"type": "message", "role": message["role"], "content": parts}
    for number, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        names = {"id": f"fc_{place}_{number}", "call_id": call["id"], "name": function["name"]}
        yield {"type": "function_call", **names, "arguments": function["arguments"], "status": "completed"}


def _parts(content: Sequence[Mapping[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [{"type": kind, "text": part.get("text") or "(a picture)"} for part in content]


def complaints(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every break of a rule of the endpoint."""
    return [*_pairing(items), *_reasoning(items), *_contents(items)]


def _pairing(items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    called: set[str] = set()
    answered: set[str] = set()
    for place, item in enumerate(items):
        kind = item.get("type", "message")
        if kind.endswith("_call") and "call_id" in item:
            if item["call_id"] in called:
                yield f"{place}: repeated call"
            called.add(item["call_id"])
        if kind.endswith("_output"):
            if item["call_id"] not in called:
                yield f"{place}: no tool call found for function call output"
            if item["call_id"] in answered:
                yield f"{place}: repeated output"
            answered.add(item["call_id"])
    yield from (f"no tool output found for call {call_id}" for call_id in called - answered)


def _reasoning(items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for place, item in enumerate(items):
        if item.get("type") != "reasoning":
            continue
        after = items[place + 1] if place + 1 < len(items) else {}
        if not (after.get("role") == "assistant" or str(after.get("type")).endswith(("_call", "reasoning"))):
            yield f"{place}: reasoning was provided without its required following item"


def _contents(items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for place, item in enumerate(items):
        kind = item.get("type", "message")
        if kind == "message" and not item["content"]:
            yield f"{place}: empty message"
        if kind.endswith("_output") and item["output"] in (None, []):
            yield f"{place}: empty output"
        if kind == "function_call":
            json.loads(item["arguments"])


def count_input(request: Mapping[str, Any]) -> int:
    """Tokens of instructions, input and tools, and 3 around each item (o200k_base)."""
    items = request["input"]
    texts = [items] if isinstance(items, str) else ["\n".join(_texts(item)) for item in items]
    texts.append(request.get("instructions") or "")
    return count_prompt({"messages": [{"role": "", "content": text} for text in texts], "tools": request.get("tools")})


def _texts(item: Mapping[str, Any]) -> Iterator[str]:
    for field in ("content", "output", "summary"):
        value = item.get(field) or ()
        yield from (value,) if isinstance(value, str) else (part["text"] for part in value if "text" in part)
    yield from filter(None, (item.get(field) for field in ("name", "arguments", "input")))
