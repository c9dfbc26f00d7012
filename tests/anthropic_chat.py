"""OpenAI chat as Anthropic Messages, as a client would have sent the same session."""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["translated"]


def translated(chat: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """The system prompt and the messages of a recorded chat; consecutive messages of one role become one."""
    system = "\n".join(words_of(message) for message in chat if message["role"] == "system")
    messages: list[dict[str, Any]] = []
    for message in (message for message in chat if message["role"] != "system"):
        role, found = ("assistant", said(message)) if message["role"] == "assistant" else ("user", asked(message))
        if messages and messages[-1]["role"] == role:
            messages[-1] = {"role": role, "content": [*messages[-1]["content"], *found]}
        elif found:
            messages.append({"role": role, "content": found})
    return system, messages


def said(message: dict[str, Any]) -> list[dict[str, Any]]:
    calls = [
        {"type": "tool_use", "id": clean(call["id"]), "name": call["function"]["name"], "input": json.loads(call["function"]["arguments"])}
        for call in message.get("tool_calls") or ()
    ]
    return [*(message.get("thinking_blocks") or ()), *text_of(message), *calls]


def asked(message: dict[str, Any]) -> list[dict[str, Any]]:
    if message["role"] == "tool":
        return [{"type": "tool_result", "tool_use_id": clean(message["tool_call_id"]), "content": words_of(message)}]
    return text_of(message)


def text_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    words = words_of(message)
    return [{"type": "text", "text": words}] if words.strip() else []


def words_of(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)


def clean(call_id: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", call_id)
