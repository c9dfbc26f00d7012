"""The recorded sessions as the requests that their clients sent, in the shape of each API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from anthropic_chat import translated
from anthropic_rules import anthropic_refusal
from responses_rules import as_items

__all__ = ["AS", "as_chat", "as_messages", "as_responses", "heads"]

History = list[dict[str, Any]]

MAX_TOKENS = 2_048
THINKING = {"type": "enabled", "budget_tokens": 1_024}
"""Switched on wherever the client's own history allows it."""


def heads(messages: History, every: int = 5) -> Iterator[History]:
    """What the client had before every fifth of the model's turns."""
    ends = [place for place, message in enumerate(messages) if message["role"] == "assistant" and _is_asked(messages[:place])]
    yield from (messages[:end] for end in ends[::every])


def as_chat(history: History) -> dict[str, Any]:
    return {"messages": history}


def as_messages(history: History) -> dict[str, Any]:
    """A chat as a client of Anthropic would have sent it; a recording of such a client as it is."""
    system, messages = ("", history) if any(map(_is_anthropics, history)) else translated(with_unique_calls(history))
    request = {"max_tokens": MAX_TOKENS, "messages": messages, **({"system": system} if system else {})}
    thoughtful = {**request, "thinking": THINKING}
    return request if anthropic_refusal(thoughtful) else thoughtful


def as_responses(history: History) -> dict[str, Any]:
    opens = history[0]["role"] == "system"
    instructions = {"instructions": history[0]["content"]} if opens else {}
    return {**instructions, "input": as_items(with_unique_calls(history)[opens:]), "max_output_tokens": MAX_TOKENS}


AS: Mapping[str, Callable[[History], dict[str, Any]]] = {
    "openai.chat": as_chat,
    "anthropic.messages": as_messages,
    "openai.responses": as_responses,
}


def _is_anthropics(message: dict[str, Any]) -> bool:
    blocks = message["content"] if isinstance(message["content"], list) else ()
    return any(block["type"] in ("tool_use", "tool_result", "thinking") for block in blocks)


def with_unique_calls(history: History) -> History:
    """The same chat with every call named anew where a recording uses a name again, which only OpenAI's chat allows."""
    used: Counter[str] = Counter()
    return [_renamed(message, used) for message in history]


def _renamed(message: dict[str, Any], used: Counter[str]) -> dict[str, Any]:
    if message["role"] == "tool":
        return {**message, "tool_call_id": _name(message["tool_call_id"], used)}
    calls = message.get("tool_calls") or []
    used.update(call["id"] for call in calls)
    return {**message, "tool_calls": [{**call, "id": _name(call["id"], used)} for call in calls]} if calls else message


def _name(call_id: str, used: Counter[str]) -> str:
    return call_id if used[call_id] == 1 else f"{call_id}_{used[call_id]}"


def _is_asked(messages: History) -> bool:
    return any(message["role"] not in ("system", "developer") for message in messages)
