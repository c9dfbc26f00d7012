"""Messages of chat completions that are no more than words, calls and results, as nearly all are: read at once, without the care that
all others need."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from token_guard.conversation import Message, Origin, Part, Path, Text, ToolCall, ToolResult

__all__ = ["OUTPUT_KEYS", "SHORT_FIELDS", "plain_message", "plain_opening", "short_chat"]

OUTPUT_KEYS = ("max_completion_tokens", "max_tokens")
"""Where a client asks for a reply length; the first one that is given counts."""

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

RESULT = frozenset({"role", "content", "tool_call_id"})
"""Fields of a result that is words alone."""

TURN = frozenset({"role", "content", "tool_calls"})
"""Fields of a turn that is words and calls alone."""

CALL = frozenset({"id", "type", "function"})

IN_CONTENT: tuple[Path, ...] = (("content",),)


def plain_message(index: int, wire: Any) -> Message | None:
    """The message at a place of the history where it is words, calls of functions, or a result in words; None of every other.

    >>> plain_message(1, {"role": "tool", "tool_call_id": "a", "content": "done"}).parts
    (ToolResult(call_id='a', content=(Text(text='done', attached=False),), failed=False),)
    """
    words = _words(wire)
    if words is not None:
        return _said(index, wire, words)
    if type(wire) is not dict:
        return None
    if wire.keys() == RESULT and wire["role"] == "tool":
        return _result(index, wire)
    return _turn(index, wire) if wire.keys() == TURN and wire["role"] == "assistant" else None


def plain_opening(wires: Any, most: int) -> tuple[Message, ...]:
    """The first messages up to the first question, where so many of them are words alone; none where only a parse can tell.

    >>> [message.role for message in plain_opening([{"role": "system", "content": "a"}, {"role": "user", "content": "b"}], 3)]
    ['system', 'user']
    """
    said: list[Message] = []
    for index, wire in enumerate(wires[:most] if type(wires) is list else ()):
        words = _words(wire)
        if words is None:
            return ()
        said.append(_said(index, wire, words))
    first = next((index for index, message in enumerate(said) if message.role == "user"), None)
    return () if first is None else tuple(said[: first + 1])


def _said(index: int, wire: Mapping[str, Any], words: str) -> Message:
    parts = (Text(words),)
    return Message(wire["role"], parts, "", Origin(index, wire, parts, IN_CONTENT))


def _result(index: int, wire: Mapping[str, Any]) -> Message | None:
    call_id, content = wire["tool_call_id"], wire["content"]
    if type(call_id) is not str or type(content) is not str:
        return None
    answer = (ToolResult(call_id, (Text(content),)),)
    return Message("tool", answer, "", Origin(index, wire, answer, IN_CONTENT))


def _turn(index: int, wire: Mapping[str, Any]) -> Message | None:
    content, calls = wire["content"], wire["tool_calls"]
    if type(calls) is not list or not (content is None or type(content) is str):
        return None
    parts: list[Part] = [] if content is None else [Text(content)]
    paths: list[Path] = [] if content is None else [*IN_CONTENT]
    for number, call in enumerate(calls):
        function = call["function"] if type(call) is dict and call.keys() == CALL else None
        if type(function) is not dict or type(call["id"]) is not str:
            return None
        name, arguments = function.get("name"), function.get("arguments")
        if type(name) is not str or type(arguments) is not str:
            return None
        parts.append(ToolCall(call["id"], name, arguments))
        paths.append(("tool_calls", number, "function", "arguments"))
    told = tuple(parts)
    return Message("assistant", told, "", Origin(index, wire, told, tuple(paths)))


def _words(wire: Any) -> str | None:
    """What a message says that has a speaker and words and nothing else; None of any other."""
    if type(wire) is not dict or len(wire) != ROLE_AND_CONTENT:
        return None
    role, content = wire.get("role"), wire.get("content")
    return content if type(content) is str and type(role) is str and role in SPEAKERS else None
