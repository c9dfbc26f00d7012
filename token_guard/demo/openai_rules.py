"""What OpenAI's chat endpoint refuses, as the stand-in upstream enforces it: each rule is a function (request) -> Refusal or None.

Deliberately written apart from the guard's own counting and rules, so that the two check each other.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import tiktoken

__all__ = ["ContextWindow", "Refusal", "count_prompt", "openai_refusal", "shape_refusal"]

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
PER_MESSAGE = PRIMING = 3
"""Tokens around every message and before the reply: OpenAI cookbook, "How to count tokens with tiktoken"."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer in OpenAI's shape."""

    message: str
    code: str | None = None
    param: str | None = "messages"
    type: str = "invalid_request_error"
    status: int = 400

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body of the answer."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


@dataclass(frozen=True, slots=True)
class ContextWindow:
    """Refuses a request whose prompt and reply count more than `tokens`, in OpenAI's own words."""

    tokens: int

    def __call__(self, request: Mapping[str, Any]) -> Refusal | None:
        prompt = count_prompt(request)
        reply = int(request.get("max_completion_tokens") or request.get("max_tokens") or 0)
        if prompt + reply <= self.tokens:
            return None
        return Refusal(
            f"This model's maximum context length is {self.tokens} tokens. However, you requested {prompt + reply} tokens "
            f"({prompt} in the messages, {reply} in the completion). Please reduce the length of the messages or completion.",
            code="context_length_exceeded",
        )


def openai_refusal(request: Mapping[str, Any], window: ContextWindow) -> Refusal | None:
    """The answer of an OpenAI endpoint that refuses the request, or None when it would be answered."""
    return shape_refusal(request) or window(request)


def shape_refusal(request: Mapping[str, Any]) -> Refusal | None:
    """The first break of the message rules: roles, contents, and every tool call answered at once, by its own results only."""
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        return Refusal("Invalid 'messages': expected an array with minimum length 1.")
    return _first(_message_refusal(message, index) for index, message in enumerate(messages)) or _pairing_refusal(messages)


def count_prompt(request: Mapping[str, Any]) -> int:
    """Tokens of messages and tool definitions (o200k_base; definitions as compact JSON, which errs up)."""
    messages = sum(PER_MESSAGE + sum(map(_tokens, _texts(message))) for message in request["messages"])
    tools = sum(_tokens(json.dumps(tool, ensure_ascii=False, separators=(",", ":"))) for tool in request.get("tools") or ())
    return messages + tools + PRIMING


def _first(found: Iterable[Refusal | None]) -> Refusal | None:
    return next((refusal for refusal in found if refusal), None)


def _message_refusal(message: Any, index: int) -> Refusal | None:
    place = f"messages[{index}]"
    if not isinstance(message, dict):
        return Refusal(f"Invalid type for '{place}': expected an object.", code="invalid_type", param=place)
    if message.get("role") not in ROLES:
        supported = ", ".join(f"'{role}'" for role in ROLES)
        return Refusal(f"Invalid value for '{place}.role'. Supported values are: {supported}.", code="invalid_value", param=f"{place}.role")
    if not isinstance(message.get("content"), (str, list)) and not _may_lack_content(message):
        return Refusal(f"Invalid value for '{place}.content': expected a string, got null.", code="invalid_type", param=f"{place}.content")
    return _first(_arguments_refusal(call, place) for call in message.get("tool_calls") or ())


def _may_lack_content(message: Mapping[str, Any]) -> bool:
    return message["role"] == "assistant" and bool(message.get("tool_calls") or message.get("function_call"))


def _arguments_refusal(call: Mapping[str, Any], place: str) -> Refusal | None:
    try:
        json.loads(call["function"]["arguments"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return Refusal(f"Invalid '{place}.tool_calls': the arguments of a call must be valid JSON.", param=f"{place}.tool_calls")
    return None


def _pairing_refusal(messages: Sequence[Mapping[str, Any]]) -> Refusal | None:
    awaited: set[str] = set()
    calls: set[str] = set()
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in calls:
                return _orphan(index)
            awaited.discard(message["tool_call_id"])
            continue
        if awaited:
            return _unanswered(awaited)
        calls = {call["id"] for call in message.get("tool_calls") or ()}
        awaited = set(calls)
    return _unanswered(awaited) if awaited else None


def _orphan(index: int) -> Refusal:
    message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
    return Refusal(message, param=f"messages.[{index}].role")


def _unanswered(ids: Iterable[str]) -> Refusal:
    return Refusal(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(sorted(ids))}"
    )


def _texts(message: Mapping[str, Any]) -> Iterable[str]:
    yield message["role"]
    content = message.get("content")
    yield from [content] if isinstance(content, str) else [part["text"] for part in content or () if "text" in part]
    for call in message.get("tool_calls") or ():
        yield call["function"]["name"]
        yield call["function"]["arguments"]


def _tokens(text: str) -> int:
    return len(_encoding().encode(text, disallowed_special=()))


@cache
def _encoding() -> tiktoken.Encoding:
    # The encoding files ship with litellm; without this tiktoken would download them.
    litellm = importlib.util.find_spec("litellm")
    places = litellm.submodule_search_locations if litellm else None
    if places:
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(Path(places[0]) / "litellm_core_utils" / "tokenizers"))
    return tiktoken.get_encoding("o200k_base")
