"""What of a request and of an answer is the conversation itself, so that somebody else than the client can hold it: the messages with
their marks, the instructions beside them, and what a reply adds."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Final

from token_guard.conversation import Conversation, Media, Message, Omitted, Opaque, Part, Reasoning, Text, ToolCall
from token_guard.formats import FORMATS
from token_guard.formats.wire import Unreadable

__all__ = [
    "HELD_APIS",
    "Dialogue",
    "Turn",
    "dialogue_of",
    "is_held_elsewhere",
    "reply_of",
    "sent_back",
    "turns_of",
    "with_dialogue",
    "without_calls",
]


@dataclass(frozen=True, slots=True)
class _Wording:
    """Where a format keeps the messages and the instructions beside them, where an answer has its own, and what says that a provider
    holds the conversation."""

    messages: str
    instructions: str | None
    reply: Callable[[Mapping[str, Any], Mapping[str, Any]], Sequence[Any] | None]
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """A wire message, with the reasoning that belongs to it; its `mark` is equal for the same message in another spelling."""

    mark: str
    wires: tuple[Any, ...]
    replies: bool = False
    """Whether the model said it."""
    calls: tuple[str, ...] = ()
    results: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The turns of a request, and its instructions: the value of their field and the wire messages that open it."""

    turns: tuple[Turn, ...]
    beside: Any = None
    leading: tuple[Any, ...] = ()


def dialogue_of(api: str, request: Mapping[str, Any]) -> Dialogue | Unreadable | None:
    """What a request says; None where its provider holds what came before."""
    if is_held_elsewhere(api, request):
        return None
    wording = _WORDINGS[api]
    wires = request.get(wording.messages)
    if isinstance(wires, str):
        wires = [{"role": "user", "content": wires}]
    if not isinstance(wires, list):
        return Unreadable(f"{wording.messages} is {type(wires).__name__}")
    first = next((place for place, wire in enumerate(wires) if not _instructs(wire)), len(wires))
    turns = turns_of(api, wires[first:])
    beside = request.get(wording.instructions) if wording.instructions else None
    return turns if isinstance(turns, Unreadable) else Dialogue(turns, beside, tuple(wires[:first]))


def is_held_elsewhere(api: str, request: Mapping[str, Any]) -> bool:
    """Whether the provider holds what came before a request, or answers it later than in its own answer."""
    return any(request.get(field) for field in _WORDINGS[api].elsewhere)


def with_dialogue(api: str, dialogue: Dialogue) -> dict[str, Any]:
    """The fields of a request that say this."""
    wording = _WORDINGS[api]
    wires = [*dialogue.leading, *(wire for turn in dialogue.turns for wire in turn.wires)]
    beside = {wording.instructions: dialogue.beside} if wording.instructions and dialogue.beside is not None else {}
    return {wording.messages: wires, **beside}


def reply_of(api: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> tuple[Turn, ...] | None:
    """What an answer adds to the conversation, as a client sends it back; None where it is not whole, or one of several."""
    wires = _WORDINGS[api].reply(request, answer)
    turns = None if wires is None else turns_of(api, wires)
    return None if isinstance(turns, Unreadable) else turns


def turns_of(api: str, wires: Sequence[Any]) -> tuple[Turn, ...] | Unreadable:
    """Wire messages as turns; reasoning that stands by itself belongs to what it led to."""
    turns: list[Turn] = []
    waiting: list[Any] = []
    for place, wire in enumerate(wires):
        parsed = FORMATS[api].parse({_WORDINGS[api].messages: [wire]})
        if not isinstance(parsed, Conversation):
            return Unreadable(f"message {place}: {parsed.reason}")
        if parsed.messages and all(isinstance(part, Reasoning) for message in parsed.messages for part in message.parts):
            waiting.append(wire)
            continue
        turns.append(_turn(parsed.messages, (*waiting, wire)))
        waiting = []
    return (*turns, _turn((), tuple(waiting))) if waiting else tuple(turns)


def without_calls(api: str, turns: Sequence[Turn], calls: Collection[str]) -> tuple[Turn, ...]:
    """The turns without these calls, and without the turns that held nothing else."""
    kept = (_without(api, turn, calls) if any(call in calls for call in turn.calls) else turn for turn in turns)
    return tuple(turn for turn in kept if turn)


def _without(api: str, turn: Turn, calls: Collection[str]) -> Turn | None:
    field = _WORDINGS[api].messages
    parsed = FORMATS[api].parse({field: list(turn.wires)})
    if not isinstance(parsed, Conversation):
        return None
    left = tuple(replace(message, parts=tuple(_unless_called(part, calls) for part in message.parts)) for message in parsed.messages)
    if all(isinstance(part, Omitted | Reasoning) for message in left for part in message.parts):
        return None
    found = turns_of(api, FORMATS[api].render(parsed.with_messages(left))[field])
    return None if isinstance(found, Unreadable) else found[0]


def _unless_called(part: Part, calls: Collection[str]) -> Part:
    return Omitted() if isinstance(part, ToolCall) and part.id in calls else part


def _turn(messages: Sequence[Message], wires: tuple[Any, ...]) -> Turn:
    return Turn(
        mark=blake2b("\0".join(_told(messages)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
        wires=wires,
        replies=not messages or any(message.role == "assistant" for message in messages),
        calls=tuple(call.id for message in messages for call in message.calls),
        results=tuple(result.call_id for message in messages for result in message.results),
    )


def _told(messages: Sequence[Message]) -> Iterator[str]:
    """What tells one message from another, whatever its spelling: text may come in one piece or in several, arguments with spaces or
    without, reasoning or not."""
    for message in messages:
        yield message.role
        yield " ".join(message.said.split())
        for part in message.parts:
            match part:
                case ToolCall():
                    yield from (part.id, part.name, _arguments(part.arguments))
                case Media():
                    yield part.source
                case Opaque():
                    yield part.text
                case Text(attached=True):
                    yield part.text
        for result in message.results:
            yield from (result.call_id, result.text, *(part.source for part in result.content if isinstance(part, Media)))


def _arguments(text: str) -> str:
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text


def _instructs(wire: Any) -> bool:
    return isinstance(wire, Mapping) and wire.get("role") in ("system", "developer")


# -- answers -------------------------------------------------------------------------------------------------------------


def _chat_reply(_request: Mapping[str, Any], answer: Mapping[str, Any]) -> Sequence[Any] | None:
    choices = answer.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not choices[0].get("finish_reason"):
        return None
    told = _told_fields(choices[0].get("message") or {})
    message = {**{key: value for key, value in told.items() if value != []}, "role": "assistant"}  # no list of calls may be empty
    if audio := message.get("audio"):  # goes back by its name
        message["audio"] = {"id": audio.get("id")}
    if not (message.get("content") or message.get("tool_calls") or message.get("function_call") or audio or message.get("refusal")):
        return ()
    return ({"content": None, **message},)


def _messages_reply(_request: Mapping[str, Any], answer: Mapping[str, Any]) -> Sequence[Any] | None:
    blocks = answer.get("content")
    if not isinstance(blocks, list) or not answer.get("stop_reason"):
        return None
    return ({"role": "assistant", "content": [_told_fields(block) for block in blocks]},) if blocks else ()


def _responses_reply(request: Mapping[str, Any], answer: Mapping[str, Any]) -> Sequence[Any] | None:
    items = answer.get("output")
    if not isinstance(items, list) or answer.get("status") not in ("completed", "incomplete"):
        return None
    return sent_back(items, is_stored=request.get("store") is not False)


def sent_back(items: Sequence[Mapping[str, Any]], *, is_stored: bool) -> list[dict[str, Any]]:
    """The items of a response as a client sends them back: what the provider does not store it does not find by an id, and reasoning has
    to come whole or not at all."""
    told = [_told_fields(item) for item in items]
    if is_stored:
        return told
    whole = [item for item in told if item.get("type") != "reasoning" or item.get("encrypted_content")]
    return whole if len(whole) == len(told) else [{key: value for key, value in item.items() if key != "id"} for item in whole]


def _told_fields(wire: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in wire.items() if value is not None}


_WORDINGS: Final[Mapping[str, _Wording]] = {
    "openai.chat": _Wording("messages", None, _chat_reply),
    "anthropic.messages": _Wording("messages", "system", _messages_reply),
    "openai.responses": _Wording("input", "instructions", _responses_reply, ("previous_response_id", "conversation", "background")),
}

HELD_APIS: Final = tuple(_WORDINGS)
"""The formats whose conversations can be held."""
