"""Small conversations for tests, and a counter that counts characters: a real member of the family of counters, and exact."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from token_guard.conversation import Media, Message, Reasoning, ToolCall, ToolResult
from token_guard.formats.openai_chat import OpenAIChat

__all__ = ["Characters", "agent", "answer", "call", "parsed", "result", "say", "texts", "watched"]


@dataclass(frozen=True, slots=True)
class Characters:
    """One token a character, and four for every message."""

    family: str = "characters"

    def text(self, text: str) -> int:
        return len(text)

    def message(self, message: Message) -> int:
        return 4 + sum(map(self._part, message.parts))

    def messages(self, messages: Iterable[Message]) -> int:
        return sum(map(self.message, messages))

    def _part(self, part: Any) -> int:
        if isinstance(part, ToolCall):
            return len(part.name) + len(part.arguments)
        if isinstance(part, ToolResult):
            return len(part.text)
        return 85 if isinstance(part, Media) else len(part.text) if hasattr(part, "text") else 0


def watched(monkeypatch: pytest.MonkeyPatch, home: ModuleType, name: str) -> list[tuple[Any, ...]]:
    """The arguments of every call from now on of a function, which does what it did."""
    calls: list[tuple[Any, ...]] = []
    really = getattr(home, name)

    def called(*arguments: Any) -> Any:
        calls.append(arguments)
        return really(*arguments)

    monkeypatch.setattr(home, name, called)
    return calls


def say(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def call(call_id: str, name: str = "read", **arguments: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"role": "assistant", "content": None, "tool_calls": [{"id": call_id, "type": "function", "function": function}]}


def result(call_id: str, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def answer(text: str = "Done.") -> dict[str, Any]:
    return say("assistant", text)


def listing(number: int, lines: int) -> str:
    """The output of a tool: lines of code that differ from one listing to the next."""
    return "\n".join(f"def handler_{number}_{line}(request_{number}): return lookup_{number * 7 + line}(request)" for line in range(lines))


def agent(turns: int, lines: int = 20, system: str = "You are careful. Never push to main.") -> list[dict[str, Any]]:
    """A session of a coding agent: a task, then calls with their outputs; it ends with an output."""
    messages = [say("system", system), say("user", "Find out why handler_3_1 returns nothing, and mend it.")]
    for number in range(turns):
        messages += [call(f"c{number}", path=f"src/module_{number}/app_{number}.py"), result(f"c{number}", listing(number, lines))]
    return messages


def parsed(messages: Sequence[dict[str, Any]]) -> tuple[Message, ...]:
    conversation = OpenAIChat().parse({"model": "gpt-4o", "messages": list(messages)})
    return conversation.messages  # type: ignore[union-attr]


def texts(messages: Iterable[Message]) -> str:
    return "\n".join(message.text for message in messages)


def has_reasoning(message: Message) -> bool:
    return any(isinstance(part, Reasoning) for part in message.parts)
