"""The shapes of real clients' requests, from the first turn to the last: sizes of instructions and tools, roles and their order,
plan tools, reply lengths, as those clients have them. All texts are made up here, by a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, Protocol

from clients.eventful.scripts import Ask, Event, Nudge, Plan, Reply, Rules, Size, Step, script

__all__ = ["Session", "Shape", "leaves", "session_of"]

Request = dict[str, Any]


class Dress(Protocol):
    """How a client writes events as messages, and the texts around them that are rules."""

    @property
    def standing(self) -> Sequence[str]: ...

    def __call__(self, events: Sequence[Event]) -> list[dict[str, Any]]: ...


SHORTEST = 24
"""Characters below which a text is an id or a role and nothing to be kept."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One client: the API it speaks, models it is used with, the replies it asks for, what it sends around its messages."""

    name: str
    api: str
    models: tuple[str, ...]
    replies: tuple[int | None, ...]
    size: Size
    dress: Callable[[Random], Dress]
    body: Callable[[Random], Callable[[list[dict[str, Any]]], Request]]
    """What makes a request of messages: the instructions, tools and options of a session."""
    reply_key: str = "max_tokens"
    kind: Literal["tools", "observations", "talk"] = "tools"
    """Whether the model calls tools, reads what they printed in user messages, or answers one question after the other."""


@dataclass(frozen=True, slots=True)
class Session:
    """One session of a client: what happened in it, and how the client writes it."""

    shape: Shape
    model: str
    events: tuple[Event, ...]
    dress: Dress
    body: Callable[[list[dict[str, Any]]], Request]
    places: tuple[int, ...]
    """Before which event each reply of the model's begins."""

    def request(self, turn: int, reply: int | None) -> Request:
        """The request that asks for the reply of this turn, the first being 0."""
        return self._written(self._before(turn), reply)

    def least(self, turn: int, reply: int | None) -> Request:
        """The same with nothing in it but what has to stay whole."""
        before = self._before(turn)
        stays = {id(event) for event in (before[0], *_wanted_events(self, before).values(), before[-1])}
        return self._written([event for event in before if id(event) in stays], reply)

    def wanted(self, turn: int) -> dict[str, list[str]]:
        """The texts that have to stay whole, by why."""
        before = self._before(turn)
        instructions = [*_long({**self.body([]), "tools": ()}), *self.dress.standing]
        if self.shape.kind == "talk":
            return {"instructions": instructions, "task": [self.dress(before)[-1]["content"]]}
        around = _long(self.dress(()))
        return {"instructions": instructions} | {
            kind: list(_long(self.dress([event])) - around) for kind, event in _wanted_events(self, before).items()
        }

    def _before(self, turn: int) -> Sequence[Event]:
        return self.events[: self.places[turn]]

    def _written(self, events: Sequence[Event], reply: int | None) -> Request:
        limit = {} if reply is None else {self.shape.reply_key: reply}
        return {"model": self.model, **self.body(self.dress(events)), **limit}


def session_of(shape: Shape, seed: int, turns: int) -> Session:
    """A session of so many turns, the same for a seed."""
    rng = Random(f"{shape.name} {seed}")
    model = rng.choice(shape.models)
    events = tuple(script(rng, turns, shape.size))
    replies = (place for place, event in enumerate(events) if isinstance(event, (Step, Plan, Rules, Reply)))
    return Session(shape, model, events, shape.dress(rng), shape.body(rng), tuple(replies))


def leaves(value: Any) -> Iterator[str]:
    """Every text in a wire value."""
    if isinstance(value, str):
        yield value
    else:
        inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
        for each in inner:
            yield from leaves(each)


def _long(value: Any) -> set[str]:
    return {leaf for leaf in leaves(value) if len(leaf) >= SHORTEST}


def _wanted_events(session: Session, before: Sequence[Event]) -> Mapping[str, Event]:
    """The running task, the newest plan, the newest rules; the newest call with what it printed, where it is being worked on."""
    kinds = {"task": Ask, "plan": Plan, "rules": Rules} if session.shape.kind == "tools" else {"task": Ask}
    found = {name: event for name, kind in kinds.items() if (event := _newest(before, kind))}
    newest = next((event for event in reversed(before) if not isinstance(event, Nudge)), None)
    return {**found, "newest": newest} if isinstance(newest, Step) else found


def _newest(events: Sequence[Event], kind: type[Event]) -> Event | None:
    return next((event for event in reversed(events) if isinstance(event, kind)), None)
