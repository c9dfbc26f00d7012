"""A session of a client: the events of a script, written by the client from its first request to its last, the same for a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, Protocol

from clients import texts
from clients.chat import Tool
from clients.pair_programmer import PairProgrammer
from clients.scripts import Ask, Event, Nudge, Plan, Reply, Rules, Size, Step, script

__all__ = ["TURNS", "Client", "Session", "leaves", "session_of"]

TURNS = 60
Request = dict[str, Any]

SHORTEST = 24
"""Characters below which a text is an id or a role and nothing to be kept."""


class Wire(Protocol):
    """How a client writes events as messages and a request around them, and the texts among them that are rules."""

    @property
    def standing(self) -> Sequence[str]: ...

    def __call__(self, events: Sequence[Event]) -> list[dict[str, Any]]: ...

    def framed(self, instructions: str, tools: Sequence[Tool], messages: Sequence[Any]) -> Request: ...


@dataclass(frozen=True, slots=True)
class Client:
    """What a client sends, as far as it decides about room; `instructions` and `tool_tokens` are of all of them together."""

    name: str
    api: Literal["openai.chat", "anthropic.messages", "openai.responses"]
    models: Sequence[str]
    """Those that it is used with."""
    replies: Sequence[int | None]
    """The reply lengths that it asks for."""
    size: Size
    wire: Callable[[Random], Wire]
    instructions: int
    tools: Sequence[str] = ()
    tool_tokens: int = 0
    kind: Literal["tools", "observations", "talk"] = "tools"
    """Whether the model calls tools, reads what they printed in user messages, or answers one question after the other."""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Session:
    """One session of a client: `request(turn, reply)` is what it sends, the first turn being 0."""

    client: Client
    seed: int
    model: str
    events: tuple[Event, ...]
    wire: Wire
    instructions: str
    tools: Sequence[Tool]
    places: tuple[int, ...]
    """Before which event each reply of the model's begins."""

    def request(self, turn: int, reply: int | None) -> Request:
        return self._written(self._before(turn), reply)

    def least(self, turn: int, reply: int | None) -> Request:
        """The same with nothing in it but what has to stay whole."""
        before = self._before(turn)
        nudge = max((place for place, event in enumerate(before) if isinstance(event, Nudge)), default=0)
        # words of the user's stay with the results that they stand beside
        stays = {
            id(event) for event in (before[0], *before[max(0, nudge - 1) : nudge + 1], *_wanted_events(self, before).values(), before[-1])
        }
        return self._written([event for event in before if id(event) in stays], reply)

    def wanted(self, turn: int) -> dict[str, list[str]]:
        """The texts that have to stay whole, by why."""
        before = self._before(turn)
        instructions = {"instructions": [self.instructions, *self.wire.standing]}
        if isinstance(self.wire, PairProgrammer):
            return instructions | {"task": self.wire.questions(before)}
        around = _long(self.wire(()))
        found = _wanted_events(self, before).items()
        return instructions | {kind: sorted(_long(self.wire([event])) - around - set(self.wire.standing)) for kind, event in found}

    def _before(self, turn: int) -> Sequence[Event]:
        return self.events[: self.places[turn]]

    def _written(self, events: Sequence[Event], reply: int | None) -> Request:
        key = "max_output_tokens" if self.client.api == "openai.responses" else "max_tokens"
        limit = {} if reply is None else {key: reply}
        return {"model": self.model, **self.wire.framed(self.instructions, self.tools, self.wire(events)), **self.client.options, **limit}


def session_of(client: Client, seed: int) -> Session:
    rng = Random(f"{client.name} {seed}")
    model = rng.choice(client.models)
    events = tuple(script(rng, TURNS, client.size))
    replies = tuple(place for place, event in enumerate(events) if isinstance(event, (Step, Plan, Rules, Reply)))
    instructions, tools = texts.prose(rng, client.instructions), [_tool(rng, name, client) for name in client.tools]
    return Session(client, seed, model, events, client.wire(rng), instructions, tools, replies)


def leaves(value: Any) -> Iterator[str]:
    """Every text in a wire value."""
    if isinstance(value, str):
        yield value
    else:
        inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
        for each in inner:
            yield from leaves(each)


def _tool(rng: Random, name: str, client: Client) -> Tool:
    """A definition: words, and a schema of some 70 tokens."""
    keys = ("command", "path", "description", "limit")
    properties = {key: {"type": "string", "description": f"The {key} to use."} for key in keys}
    schema = {"type": "object", "properties": properties, "required": ["command"]}
    return {"name": name, "description": texts.prose(rng, max(20, client.tool_tokens // len(client.tools) - 70)), "parameters": schema}


def _long(value: Any) -> set[str]:
    return {leaf for leaf in leaves(value) if len(leaf) >= SHORTEST}


def _wanted_events(session: Session, before: Sequence[Event]) -> Mapping[str, Event]:
    """The running task, the newest plan, the newest rules; the newest call with what it printed, where it is being worked on."""
    newest = next((event for event in reversed(before) if not isinstance(event, Nudge)), before[0])
    if session.client.kind == "talk":
        # what is being mended belongs to the question before it
        return {"asked": before[max(0, len(before) - 2)], "newest": newest}
    kinds = {"task": Ask, "plan": Plan, "rules": Rules} if session.client.kind == "tools" else {"task": Ask}
    found = {name: event for name, kind in kinds.items() if (event := _newest(before, kind))}
    return {**found, "newest": newest} if isinstance(newest, Step) else found


def _newest(events: Sequence[Event], kind: type[Event]) -> Event | None:
    return next((event for event in reversed(events) if isinstance(event, kind)), None)
