"""Messages of chat completions that are no more than words, calls and results, as nearly all are: read at once, without the care that
all others need."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from token_guard.conversation import Message, Origin, Part, Path, Reasoning, Text, ToolCall, ToolResult
from token_guard.formats.blobs import sealed_in

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

RESULT = frozenset({"role", "content", "tool_call_id", "name"})
"""Fields of a result that is words alone."""

TURN = frozenset({"role", "content", "tool_calls", "reasoning_content", "thinking_blocks", "name"})
"""Fields of a turn that is reasoning, words and calls alone, and of all else that is said."""

CALL = frozenset({"id", "type", "function"})

WORDS = frozenset({"type", "text", "cache_control"})
"""Fields of a text among others of the same message."""

IN_CONTENT: tuple[Path, ...] = (("content",),)


def plain_message(index: int, wire: Any) -> Message | None:
    """The message at a place of the history where it is words, calls of functions, or a result in words; None of every other.

    >>> plain_message(1, {"role": "tool", "tool_call_id": "a", "content": "done"}).parts
    (ToolResult(call_id='a', content=(Text(text='done', attached=False),), failed=False),)
    """
    words = _words(wire)
    if words is not None:
        return _said(index, wire, words)
    if type(wire) is not dict or type(name := wire.get("name", "")) is not str:
        return None
    role = wire.get("role")
    if role == "tool":
        return _result(index, wire, name) if wire.keys() <= RESULT else None
    return _turn(index, wire, role, name) if type(role) is str and role in SPEAKERS and wire.keys() <= TURN else None


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


def _result(index: int, wire: Mapping[str, Any], name: str) -> Message | None:
    call_id, content = wire.get("tool_call_id"), wire.get("content")
    if type(call_id) is not str or type(content) is not str:
        return None
    answer = (ToolResult(call_id, (Text(content),)),)
    return Message("tool", answer, name, Origin(index, wire, answer, IN_CONTENT))


def _turn(index: int, wire: Mapping[str, Any], role: str, name: str) -> Message | None:
    parts: list[Part] = []
    paths: list[Path] = []
    if "reasoning_content" in wire:
        if type(reasoning := wire["reasoning_content"]) is not str:
            return None
        parts.append(Reasoning(reasoning, tuple(sealed_in(wire.get("thinking_blocks")))))
        paths.append(("reasoning_content",))
    elif "thinking_blocks" in wire:
        return None
    if not _add_words(wire.get("content"), parts, paths) or not _add_calls(wire.get("tool_calls", ()), parts, paths):
        return None
    told = tuple(parts)
    return Message(role, told, name, Origin(index, wire, told, tuple(paths)))


def _add_words(content: Any, parts: list[Part], paths: list[Path]) -> bool:
    """Add what a message says, be it one text or several, to its parts; whether that is all that it says."""
    if type(content) is str:
        parts.append(Text(content))
        paths += IN_CONTENT
    elif type(content) is list:
        for number, item in enumerate(content):
            if (
                type(item) is not dict
                or not item.keys() <= WORDS
                or item.get("type") != "text"
                or type(text := item.get("text")) is not str
            ):
                return False
            parts.append(Text(text))
            paths.append(("content", number, "text"))
    return content is None or type(content) in (str, list)


def _add_calls(calls: Any, parts: list[Part], paths: list[Path]) -> bool:
    """Add the calls of a message to its parts; whether they are calls of functions and no more than that."""
    if type(calls) is not list and calls != ():
        return False
    for number, call in enumerate(calls):
        if type(call) is not dict or call.keys() != CALL or type(function := call["function"]) is not dict or type(call["id"]) is not str:
            return False
        name, arguments = function.get("name"), function.get("arguments")
        if type(name) is not str or type(arguments) is not str:
            return False
        parts.append(ToolCall(call["id"], name, arguments))
        paths.append(("tool_calls", number, "function", "arguments"))
    return True


def _words(wire: Any) -> str | None:
    """What a message says that has a speaker and words and nothing else; None of any other."""
    if type(wire) is not dict or len(wire) != ROLE_AND_CONTENT:
        return None
    role, content = wire.get("role"), wire.get("content")
    return content if type(content) is str and type(role) is str and role in SPEAKERS else None
