"""What every wire format is parsed into: a conversation of messages made of parts.

All values are frozen. A message keeps a private reference to the wire object it came from, with the
place of every part in it, so that rendering copies only what a pass has edited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from token_guard.conversation.many import once_for_many
from token_guard.conversation.values import value

__all__ = [
    "Answers",
    "Conversation",
    "Exchange",
    "Media",
    "Message",
    "Omitted",
    "Opaque",
    "Origin",
    "Outline",
    "Part",
    "Path",
    "Reasoning",
    "Text",
    "ToolCall",
    "ToolResult",
    "exchanges",
]

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes that lead from a wire message to one of its values."""


@value
class Text:
    """Words of a message; `attached` are those of a document or a search result, which nobody in the conversation says."""

    text: str
    attached: bool = False


@value
class Reasoning:
    """A model's own reasoning, carried back to it by the client; passes never edit it. `media` is what of it only its provider can
    read."""

    text: str
    media: tuple[Media, ...] = ()


@value
class ToolCall:
    """A call that the model made; `arguments` is the JSON text (or free text) as on the wire."""

    id: str
    name: str
    arguments: str


@value
class Media:
    """An image, a sound, a film or a file, or content that is sealed; `source` is a URL, a data URL or bare base64, never text to
    be counted as such."""

    kind: str
    source: str
    media_type: str = ""
    detail: str = ""


@value
class Opaque:
    """A part of a kind that we do not know, as compact JSON: counted, kept, never edited; `media` is what its text only names:
    encoded files and sealed content."""

    text: str
    media: tuple[Media, ...] = ()


@value
class ToolResult:
    """What a tool answered to the call `call_id`; `failed` where the wire says by itself that the call did."""

    call_id: str
    content: tuple[Text | Media | Opaque, ...]
    failed: bool = False

    @property
    def text(self) -> str:
        """The textual content, one line break between its parts."""
        if len(self.content) == 1 and type(part := self.content[0]) is Text:  # nearly every result
            return part.text
        return "\n".join(part.text for part in self.content if not isinstance(part, Media))

    @property
    def has_media(self) -> bool:
        """Whether it holds an image, a sound or a file."""
        return any(isinstance(part, Media) for part in self.content)


@value
class Omitted:
    """Takes the place of a part that a pass removed; nothing is rendered for it."""


Answers: TypeAlias = Literal["next message", "next turn", "later"]
"""Where a wire takes the results of a call: in the messages right after it, in the turn after its turn, anywhere later."""

Part: TypeAlias = Text | Reasoning | ToolCall | ToolResult | Media | Opaque | Omitted


@value
class Origin:
    """Where a message came from: its place in the client's history, the wire object (a mapping, a list of items, a text),
    its parts and their paths in it; ids that bind it to other messages, beside those of calls and results; and whether it loads tools
    that later calls are of."""

    index: int
    wire: Any
    parts: tuple[Part, ...]
    paths: tuple[Path, ...]
    bonds: frozenset[str] = frozenset()
    loads_tools: bool = False


@value
class Message:
    """One message. `role` is system, developer, user, assistant or tool; the parts of an edited message stay in
    their places (`Omitted` stands for a removed one), and words that recall added come after them. Without an origin it
    was put in by the guard."""

    role: str
    parts: tuple[Part, ...]
    name: str = ""
    origin: Origin | None = field(default=None, repr=False, compare=False)
    _calls: tuple[ToolCall, ...] | None = field(default=None, init=False, repr=False, compare=False)
    _results: tuple[ToolResult, ...] | None = field(default=None, init=False, repr=False, compare=False)
    """Found once: each step of a compaction and each rule asks for them."""

    @property
    def index(self) -> int | None:
        """The message's place in the client's history; None for one that the guard put in."""
        return self.origin.index if self.origin else None

    @property
    def edited(self) -> bool:
        """Whether rendering has to write anything else than the wire object it came from."""
        return self.origin is None or (self.origin.parts is not self.parts and self.origin.parts != self.parts)

    @property
    def text(self) -> str:
        """All that a reader sees of it except calls: text and tool results, one line break between parts."""
        if len(self.parts) == 1 and type(part := self.parts[0]) is Text:
            return part.text
        return _text_of(self.parts)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        found = self._calls
        if found is None:
            found = tuple([part for part in self.parts if isinstance(part, ToolCall)])
            object.__setattr__(self, "_calls", found)
        return found

    @property
    def results(self) -> tuple[ToolResult, ...]:
        found = self._results
        if found is None:
            found = tuple([part for part in self.parts if isinstance(part, ToolResult)])
            object.__setattr__(self, "_results", found)
        return found

    @property
    def full_text(self) -> str:
        """The same with the arguments of its calls."""
        return "\n".join([self.text, *(call.arguments for call in self.calls)])

    @property
    def said(self) -> str:
        """Its words alone, without what is attached and what tools answered; in one format all can stand in the same message."""
        if len(self.parts) == 1 and type(part := self.parts[0]) is Text:
            return "" if part.attached else part.text
        return _said_in(self.parts)

    @property
    def instructs(self) -> bool:
        """Whether it carries the operator's or the developer's rules."""
        return self.role in ("system", "developer")

    @property
    def asks(self) -> bool:
        """Whether the user says something in it, be it beside tool results; what the guard put there for a picture is not theirs."""
        if self.role != "user" or not self.results:
            return self.role == "user"
        return any(isinstance(part, Text) for part in (self.origin.parts if self.origin else self.parts))

    @property
    def reasons(self) -> bool:
        """Whether the message carries reasoning."""
        if len(self.parts) == 1:
            return isinstance(self.parts[0], Reasoning)
        return _reasons(self.parts)

    def is_altered(self, place: int) -> bool:
        """Whether the part at a place is the guard's: not the one that the client sent."""
        return self.origin is None or place >= len(self.origin.parts) or self.parts[place] != self.origin.parts[place]

    def with_part(self, place: int, part: Part) -> Message:
        """The same message with another part at `place`."""
        return replace(self, parts=(*self.parts[:place], part, *self.parts[place + 1 :]))


@once_for_many
def _text_of(parts: tuple[Part, ...]) -> str:
    return "\n".join(part.text for part in parts if isinstance(part, (Text, ToolResult)))


@once_for_many
def _said_in(parts: tuple[Part, ...]) -> str:
    return "\n".join(part.text for part in parts if isinstance(part, Text) and not part.attached)


@once_for_many
def _reasons(parts: tuple[Part, ...]) -> bool:
    return any(isinstance(part, Reasoning) for part in parts)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A parsed request: its messages, and the parts beside them that count as prompt.

    `tools`, `tool_choice` and `response_format` are the wire values, `documents` is what is written into the prompt beside the messages
    (None when absent);
    `max_output_tokens` is what the client asked for; `provider_trims` says that it asked the provider to make room by itself;
    `request` is the wire request itself.
    """

    model: str
    messages: tuple[Message, ...]
    tools: Sequence[Any] | None = None
    tool_choice: Any = None
    response_format: Any = None
    documents: Opaque | None = None
    max_output_tokens: int | None = None
    answers: Answers = "next message"
    provider_trims: bool = False
    request: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def with_messages(self, messages: tuple[Message, ...]) -> Conversation:
        """The same conversation with other messages."""
        return replace(self, messages=messages)


@dataclass(frozen=True, slots=True)
class Outline:
    """What a glance at a request's messages tells: their texts, how many there are, how many calls, and what is sealed in them."""

    texts: list[str]
    messages: int
    calls: int
    media: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """Messages that live and go together: a message alone, or calls with their results.

    `start` and `stop` are its places in the sequence it was cut from.
    """

    start: int
    stop: int
    messages: tuple[Message, ...]


def exchanges(messages: Sequence[Message]) -> tuple[Exchange, ...]:
    """Cut messages where cutting is legal: never between a tool call and its results, nor between others that an id binds.

    >>> call = Message("assistant", (ToolCall("1", "ls", "{}"),))
    >>> result = Message("tool", (ToolResult("1", (Text("a.py"),)),))
    >>> [(e.start, e.stop) for e in exchanges([Message("user", (Text("hi"),)), call, result])]
    [(0, 1), (1, 3)]
    """
    last_bound = {bond: place for place, message in enumerate(messages) if message.origin for bond in message.origin.bonds}
    last = _last_answers(messages)
    for place, message in enumerate(messages) if last_bound else ():
        if message.origin and message.origin.bonds:
            last[place] = max(last[place], *(last_bound[bond] for bond in message.origin.bonds))
    found, start = [], 0
    while start < len(messages):
        place, stop = start, start + 1
        while place < stop:
            if last[place] >= stop:
                stop = last[place] + 1
            place += 1
        found.append(Exchange(start, stop, tuple(messages[start:stop])))
        start = stop
    return tuple(found)


def _last_answers(messages: Sequence[Message]) -> list[int]:
    """For each message, where its calls are answered to the last: right after it on most wires, anywhere later on Responses. A call whose
    id comes again is answered no more behind that."""
    last = list(range(len(messages)))
    open_calls: dict[str, int] = {}
    for place, message in enumerate(messages):
        for result in message.results:
            called = open_calls.get(result.call_id)
            if called is not None:
                last[called] = place
        for call in message.calls:
            open_calls[call.id] = place
    return last
