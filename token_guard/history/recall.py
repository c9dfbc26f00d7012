"""What the newest question needs from what was compacted away: quoted after the user's own words, verbatim.

It depends on the messages up to that question alone, so it is the same on every later request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import filterfalse, islice

from token_guard.compaction import Counter, deeds, facts
from token_guard.compaction.pins import tail_start
from token_guard.conversation import Message, Part, Text, ToolCall
from token_guard.history.passages import MOST, Passage, Passages, passages_of, text_of, with_neighbours
from token_guard.history.quotations import quotation
from token_guard.history.tally import Kind
from token_guard.marks import is_placeholder, quoted_lines
from token_guard.speech import speaks

__all__ = ["Recall", "asked_in"]

FRAME_TOKENS = 40
"""What stands around quotes, rounded up."""

PER_QUOTE = 2
"""Tokens for the line break after a quote, and its share of what says who is quoted."""

LENGTH_WEIGHT = 0.25
"""In a transcript a score is divided by this power of the passage's length: short passages leave room for more. On recorded meetings
0.25 found 0.02 more of the evidence than 0, on talk of two people 0.03 less."""

DECIDING = 8
"""The floor is a share of what so many of a question's words, the rarest first, are worth: long questions have many that decide nothing."""

QUESTION = re.compile("[?\uff1f\u061f]")
"""What a message has, in any script, that wants an answer: one that only says something is better off with fewer quotes."""

STATED = 0.1
"""The share of a question's room that words have in which nothing is asked: they rarely need what was said before."""

NAMED_SHARE = 0.1
"""The most, as a share of the budget, that a session of tools may recall."""

NAMING = 2
"""Passages quoted for names: the best ones say what is meant. With 4, sessions of tool dialogues cost 0.4 % more."""

ROUNDS = 5
"""What quotes take with what stands between them is known when they are put together; the second time it nearly fits."""

FULL_SHARE = 0.03
"""Less spare room than this share is not worth another round."""

LONGEST_QUESTION = 6_000
"""Characters; a longer message brings what it is about along."""

SMALLEST = 12
"""Tokens; in less room nothing is worth quoting."""


@dataclass(frozen=True, slots=True)
class Recall:
    """Appends to the newest question the compacted passages that have most to do with it.

    A transcript gets all the room there is, talk a share of the budget for what is relevant; a session of tools, where what
    is missed can be read again and every token is paid on every turn, only what the newest turn names.
    """

    share: float = 0.50
    floor: float = 0.20

    def room(self, asked: Message, kind: Kind, allowed: int, spare: int) -> int:
        """How many tokens may be recalled for a message when `spare` are left of what the session is to have."""
        if kind == "transcript":
            return allowed
        if kind == "talk":
            return int(self.share * allowed * (1.0 if QUESTION.search(asked.said) else STATED))
        return min(int(min(self.share, NAMED_SHARE) * allowed), spare)

    def __call__(
        self,
        asked: Message,
        view: Callable[[], Sequence[Message]],
        history: Sequence[Message],
        search: Callable[[], Passages],
        kind: Kind,
        room: int,
        counter: Counter,
    ) -> Message:
        """`asked` with one part more, of at most `room` tokens; as it is when nothing that `view()` lacks is relevant."""
        if room < FRAME_TOKENS + SMALLEST:
            return asked
        found = self._found(asked, view, history, search, kind)
        chosen, best = found.fitting(room - FRAME_TOKENS, counter), asked
        for _ in range(ROUNDS):
            if not chosen:
                break
            quoted = replace(asked, parts=(*asked.parts, Text(quotation([found.passages[number] for number in sorted(chosen)], history))))
            spare = room - counter.message(quoted) + counter.message(asked)
            if spare < 0:
                chosen = _without(chosen, -spare, found.passages, counter)
                continue
            best, more = quoted, found.fitting(spare, counter, chosen)
            if not more or spare < FULL_SHARE * room:
                break
            chosen = [*chosen, *more]
        return best

    def _found(
        self, asked: Message, view: Callable[[], Sequence[Message]], history: Sequence[Message], search: Callable[[], Passages], kind: Kind
    ) -> _Found:
        if kind == "tools":
            # what newer calls name may have come after the question
            end = max(asked.index or 0, tail_start(history))
            earlier = range(max(0, end - MOST), end)
            readable = _Readable.of(view(), history)
            newest = list(islice(filterfalse(readable.has, _naming(_named(asked, view(), history), history, earlier)), NAMING))
            return _Found(newest[::-1], list(range(len(newest)))[::-1])
        passages = search()
        count = passages.before(asked.index or 0)
        first, floor, length = (max(0, count - MOST), self.floor, 0.0) if kind == "talk" else (0, 0.0, LENGTH_WEIGHT)
        worth = _worth(asked.said, passages, range(first, count), floor, length)
        if not worth:
            return _Found((), ())
        readable = _Readable.of(view(), history)
        ranked = sorted(worth, key=worth.__getitem__, reverse=True)  # of equals, the newest stays first
        return _Found(passages.all, ranked, cache(lambda number: not readable.has(passages.all[number])))


def asked_in(messages: Sequence[Message]) -> int | None:
    """The place in the history of the last question among messages of it; what tools print, clients send by themselves,
    "yes, go on", and documents that come along ask for nothing that was compacted away."""
    return next((message.index for message in reversed(messages) if _asks(message)), None)


def _asks(message: Message) -> bool:
    return message.asks and len(message.said) <= LONGEST_QUESTION and speaks(message)


# -- relevance ------------------------------------------------------------------------------------------------------------


def _worth(question: str, passages: Passages, numbers: range, floor: float, length: float) -> dict[int, float]:
    """Of the passages with these numbers, those that share words with a question, or stand near one that does, with their scores,
    the newest first; `length` is the power of a passage's length by which its score is divided."""
    weights = passages.weights(question, numbers.stop, telling=floor > 0)
    if not weights:
        return {}
    scores = passages.scores(weights, numbers.stop, numbers.start)
    least = floor * sum(sorted(weights.values(), reverse=True)[:DECIDING])
    if max(scores, default=0.0) <= least:
        return {}
    near = zip(reversed(numbers), reversed(with_neighbours(scores)), strict=True)
    return {number: score / len(passages.all[number].text) ** length for number, score in near if score > least}


def _naming(names: Collection[str], history: Sequence[Message], places: Sequence[int]) -> Iterator[Passage]:
    """The passages at some places of a history that hold one of the names, newest first."""
    for index in reversed(places) if names else ():
        message = history[index]
        telling = [not _only_looks(part) and _holds_any(text_of(part), names) for part in message.parts]
        for passage in reversed(list(passages_of(index, message)) if any(telling) else ()):
            if telling[passage.part] and _holds_any(passage.text, names):
                yield passage


def _only_looks(part: Part) -> bool:
    """Whether a part is a call that changes nothing: without what it found it says nothing."""
    return isinstance(part, ToolCall) and not deeds.changes(part)


def _holds_any(text: str, names: Collection[str]) -> bool:
    return any(name in text for name in names)


def _named(asked: Message, view: Sequence[Message], history: Sequence[Message]) -> list[str]:
    """The names in the question and in the newest calls that nothing else says more of; placeholders do not."""
    newest = history[tail_start(history) :]
    turn = {asked.index, *(message.index for message in newest)}
    older = (message for message in view if message.origin and message.index not in turn)
    elsewhere = "\n".join(
        text_of(part) for message in older for place, part in enumerate(message.parts) if not is_placeholder(message, place)
    )
    said = "\n".join([asked.said, *(call.arguments for message in newest for call in message.calls)])
    return [name for name in facts.names(said) if name not in elsewhere]


@dataclass(frozen=True, slots=True)
class _Readable:
    """What a view still has: its messages by their place in the history, and what was recalled for earlier questions."""

    messages: Mapping[int | None, Message]
    history: Sequence[Message]
    recalled: str

    @classmethod
    def of(cls, view: Sequence[Message], history: Sequence[Message]) -> _Readable:
        added = (part for message in view if message.origin for part in message.parts[len(message.origin.parts) :])
        return cls({message.index: message for message in view}, history, "\n".join(map(text_of, added)))

    def has(self, passage: Passage) -> bool:
        text, message = passage.text.strip(), self.messages.get(passage.message)
        if self.recalled and "\n".join(quoted_lines(text)) in self.recalled:
            return True
        if message is None:
            return False
        part = message.parts[passage.part]
        return part == self.history[passage.message].parts[passage.part] or text in text_of(part)


# -- room -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """Passages, the numbers of those that matter, the most relevant first, and which of them can be read no more."""

    passages: Sequence[Passage]
    ranked: Sequence[int]
    is_gone: Callable[[int], bool] = lambda _number: True

    def fitting(self, room: int, counter: Counter, taken: Collection[int] = ()) -> list[int]:
        """As many of the first as have room, beside those that are taken."""
        chosen: list[int] = []
        others = frozenset(taken)
        for number in self.ranked:
            if room < SMALLEST:
                break
            text = self.passages[number].text
            if number in others or len(text) >= room * 8 or not self.is_gone(number):
                continue
            tokens = counter.text(text) + PER_QUOTE
            if tokens <= room:
                chosen.append(number)
                room -= tokens
        return chosen


def _without(chosen: Sequence[int], excess: int, passages: Sequence[Passage], counter: Counter) -> list[int]:
    """The same without the last ones that make up the excess."""
    kept = list(chosen)
    while kept and excess > 0:
        excess -= counter.text(passages[kept.pop()].text)
    return kept
