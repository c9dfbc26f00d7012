"""Histories that clients have broken, at random and by name, as each wire has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from build import answer, listing, result, say
from hypothesis import strategies as st
from responses_rules import as_items

__all__ = ["ASK", "Event", "as_anthropic", "as_chat", "as_responses", "broken_histories"]

ASK = "Which handler fails, and why?"


@dataclass(frozen=True, slots=True)
class Event:
    """What one message does: `say` and `answer` words, `call` some tools (with a thought), give the `result` of anybody's call."""

    kind: str
    ids: tuple[str, ...] = ()
    text: str = ""
    thought: str = ""


USERS, ASSISTANTS = ("say", "result", "result", "result", "result"), ("answer", "call", "call")


def _event(draw: st.DrawFn, number: int, called: list[str], before: str, thought: str) -> Event:
    # thinking opens a turn, so that a turn of two messages would be broken in a way that no repair is for
    kind = draw(st.sampled_from(USERS if thought and before in ASSISTANTS else USERS + ASSISTANTS))
    if kind == "call":
        ids = tuple(f"call_{number}_{place}" for place in range(draw(st.integers(1, 3))))
        called.extend(ids)
        return Event(kind, ids, draw(st.sampled_from(("", "I look."))), thought)
    if kind == "result":
        wanted = draw(st.sampled_from((*called[-3:], *called[-3:], *called[:1], "nobody")))
        return Event(kind, (wanted,), draw(st.sampled_from(("ok", listing(number, 3), listing(number, 25)))))
    return Event(kind, text=f"{number}: {draw(st.sampled_from(('Go on.', listing(number, 10))))}")


@st.composite
def broken_histories(draw: st.DrawFn) -> list[Event]:
    """Calls that nobody answered, results that nobody asked for, results twice, late or without their neighbours; a question ends it."""
    called: list[str] = []
    first = draw(st.sampled_from((Event("say", text="Find out why."), Event("result", ("nobody",), "lost"))))
    thought = draw(st.sampled_from(("", "hm")))
    events = [first]
    for number in range(draw(st.integers(6, 24))):
        events.append(_event(draw, number, called, events[-1].kind, thought))
    return [*events, Event("say", text=ASK)]


def as_chat(events: list[Event]) -> list[dict[str, Any]]:
    return [message for event in events for message in _chat(event)]


def _chat(event: Event) -> list[dict[str, Any]]:
    if event.kind == "call":
        calls = [{"id": id_, "type": "function", "function": {"name": "read", "arguments": '{"path": "a.py"}'}} for id_ in event.ids]
        reasoning = {"reasoning_content": event.thought} if event.thought else {}
        return [{"role": "assistant", "content": event.text or None, "tool_calls": calls, **reasoning}]
    if event.kind == "result":
        return [result(event.ids[0], event.text)]
    return [answer(event.text) if event.kind == "answer" else say("user", event.text)]


def as_anthropic(events: list[Event]) -> list[dict[str, Any]]:
    return [{"role": "assistant" if event.kind in ("answer", "call") else "user", "content": _blocks(event)} for event in events]


def _blocks(event: Event) -> list[dict[str, Any]]:
    words = [{"type": "text", "text": event.text}] if event.text else []
    if event.kind == "call":
        thinking = [{"type": "thinking", "thinking": event.thought, "signature": "EqQB"}] if event.thought else []
        return [*thinking, *words, *({"type": "tool_use", "id": id_, "name": "read", "input": {"path": "a.py"}} for id_ in event.ids)]
    if event.kind == "result":
        return [{"type": "tool_result", "tool_use_id": event.ids[0], "content": event.text}]
    return words


def as_responses(events: list[Event]) -> list[dict[str, Any]]:
    return as_items(as_chat(events))
