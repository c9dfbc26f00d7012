"""Breaks of the client's own, mended where compaction touches the request anyway: calls without a result, results without a call.

What cannot be answered is taken out, what a spare result says is quoted; nothing is minted, answered or moved. A repair depends
on what stands before it, and on the message that ends the wait for a result, so that it is the same on every later turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from token_guard.conversation import Answers, Media, Message, Omitted, Opaque, Part, Reasoning, Text, ToolCall, ToolResult
from token_guard.marks import REFERENCE, mark, quoted, reference

__all__ = ["Repaired", "repair"]

QUOTE_CHARS = 400
"""A spare result is quoted up to this length, as an earlier request in a note is; of a longer one only the fact remains."""

QUOTED_CHARS = 2_000
"""All quotes of a history together: no pass takes them out again, so they must not weigh in the smallest window."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """A conversation in which each result has its call, and each call its result unless it is still awaited; and what was
    mended, in words without content. The same messages when nothing was broken."""

    messages: tuple[Message, ...]
    notes: tuple[str, ...] = ()


def repair(messages: tuple[Message, ...], answers: Answers = "next message") -> Repaired:
    """The conversation mended; messages before the first repair are the same objects, all are numbered anew by their place.

    >>> broken = (Message("user", (Text("hi"),)), Message("tool", (ToolResult("1", (Text("42"),)),)))
    >>> repair(broken).notes
    ('1 tool result(s) without a call',)
    """
    breaks = _breaks(messages, answers)
    return Repaired(_mended(messages, breaks), breaks.notes) if breaks.notes else Repaired(messages)


# -- what is broken -------------------------------------------------------------------------------------------------------


class _Place(NamedTuple):
    message: int
    part: int


@dataclass(slots=True)
class _Breaks:
    """The places of what is broken, by kind, in the order of a walk."""

    orphans: list[_Place] = field(default_factory=list)
    repeats: list[_Place] = field(default_factory=list)
    unanswered: list[_Place] = field(default_factory=list)
    _awaited: dict[str, list[_Place]] = field(default_factory=dict)
    _answered: set[str] = field(default_factory=set)

    def read(self, place: int, message: Message) -> None:
        """Pair the results of a message with the calls that wait, and let its own calls wait."""
        if not message.calls and not message.results:
            return
        for number, part in enumerate(message.parts):
            if isinstance(part, ToolCall):
                self._awaited.setdefault(part.id, []).append(_Place(place, number))
            elif isinstance(part, ToolResult):
                self._pair(part.call_id, _Place(place, number))

    def _pair(self, call_id: str, place: _Place) -> None:
        waiting = self._awaited.get(call_id)
        if waiting:
            waiting.pop(0)
            self._answered.add(call_id)
        else:
            (self.repeats if call_id in self._answered else self.orphans).append(place)

    @property
    def waits(self) -> bool:
        """Whether a result would be of a call so far."""
        return bool(self._awaited)

    def end_the_wait(self) -> None:
        """From here on no result answers the calls so far."""
        self.unanswered.extend(self._waiting())
        self._awaited.clear()
        self._answered.clear()

    def end(self, tail: int) -> None:
        """Calls that wait in the last turn may still be answered: from there on nothing is broken. The others are unanswered."""
        waiting = self._waiting()
        self.unanswered.extend(place for place in waiting if place.message < tail)
        if any(place.message >= tail for place in waiting):
            self.orphans = [place for place in self.orphans if place.message < tail]
            self.repeats = [place for place in self.repeats if place.message < tail]

    def _waiting(self) -> list[_Place]:
        return [place for places in self._awaited.values() for place in places]

    @property
    def notes(self) -> tuple[str, ...]:
        counts = (
            (len(self.orphans), "tool result(s) without a call"),
            (len(self.repeats), "repeated tool result(s)"),
            (len(self.unanswered), "tool call(s) without a result"),
        )
        return tuple(f"{count} {words}" for count, words in counts if count)


def _breaks(messages: Sequence[Message], answers: Answers) -> _Breaks:
    found = _Breaks()
    for place, message in enumerate(messages):
        if found.waits and _ends_the_wait(messages[place - 1], message, answers):
            found.end_the_wait()
        found.read(place, message)
    found.end(_tail(messages))
    return found


def _ends_the_wait(before: Message, message: Message, answers: Answers) -> bool:
    if answers == "later" or (answers == "next message" and message.results):
        return False
    return answers == "next message" or before.role != message.role != "user"


def _tail(messages: Sequence[Message]) -> int:
    """Where the turn begins after which there are results alone."""
    place = len(messages)
    while place and messages[place - 1].results and not messages[place - 1].asks:
        place -= 1
    while place and messages[place - 1].role == "assistant":
        place -= 1
    return place


# -- mending --------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Quotes:
    """What spare results said, until there is a place for a note: not between a call and its results."""

    room: int = QUOTED_CHARS
    lines: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, result: ToolResult) -> None:
        self.count += 1
        if 0 < len(text := result.text.strip()) <= QUOTE_CHARS:
            self.lines.append(f"- {quoted(text)}")

    def note(self, *, needed: bool = False) -> Iterator[Message]:
        """The note, when something waits for one and there is room for it, or when a message has to stand here."""
        head = f"{self.count:,} tool output(s) stood here whose calls are not in this history"
        lines = self.lines if sum(map(len, self.lines)) + len(REFERENCE + head) <= self.room else []
        text = reference(head, lines) if lines else mark(REFERENCE + head)
        if needed or (self.count and len(text) <= self.room):
            self.room -= len(text)
            yield Message("user", (Text(text),))
        self.lines, self.count = [], 0


def _mended(messages: Sequence[Message], breaks: _Breaks) -> tuple[Message, ...]:
    spare = {(place.message, place.part) for kind in (breaks.orphans, breaks.repeats, breaks.unanswered) for place in kind}
    orphans = {(place.message, place.part) for place in breaks.orphans}
    done: list[Message] = []
    quotes, reasoned, user_first = _Quotes(), False, _opened_by(messages) != "assistant"
    for place, message in enumerate(messages):
        needed = user_first and message.role == "assistant" and _opens(done)
        if needed or (not message.results and _takes_a_note(message, reasoned)):
            done.extend(quotes.note(needed=needed))
        reasoned = reasoned or message.reasons
        kept = _without(message, [number for number in range(len(message.parts)) if (place, number) in spare])
        done.extend(_numbered(kept, len(done)))
        for number, part in enumerate(message.parts):
            if isinstance(part, ToolResult) and (place, number) in orphans:
                quotes.add(part)
    if _opens(done) or done[-1].role == "assistant" != messages[-1].role:
        done.extend(quotes.note(needed=True))
    return tuple(done)


def _opens(messages: Sequence[Message]) -> bool:
    """Whether there is nothing but instructions."""
    return _opened_by(messages) is None


def _opened_by(messages: Sequence[Message]) -> str | None:
    return next((message.role for message in messages if not message.instructs), None)


def _takes_a_note(message: Message, reasoned: bool) -> bool:
    """A note would end a tool loop, and Anthropic demands reasoning of the turn that opens the next one."""
    return message.role != "assistant" or message.reasons or not reasoned


def _without(message: Message, places: Sequence[int]) -> Message | None:
    """The message without these parts; None when it would say nothing, or is one result on a wire that has a role for them."""
    if not places:
        return message
    parts = tuple(Omitted() if number in places else part for number, part in enumerate(message.parts))
    parts = _without_loose_reasoning(parts)
    return None if message.role == "tool" or not any(map(_says, parts)) else replace(message, parts=parts)


def _without_loose_reasoning(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Reasoning is refused without the item or block that followed it."""
    last = max((number for number, part in enumerate(parts) if not isinstance(part, (Omitted, Reasoning))), default=-1)
    return (*parts[: last + 1], *(Omitted() for _ in parts[last + 1 :]))


def _says(part: Part) -> bool:
    return bool(part.text.strip()) if isinstance(part, Text) else isinstance(part, (Opaque, Media, ToolCall, ToolResult))


def _numbered(message: Message | None, place: int) -> Iterator[Message]:
    if message is None:
        return
    origin = message.origin
    yield message if origin is None or origin.index == place else replace(message, origin=replace(origin, index=place))
