"""A history in passages, and how much each of them has to do with a question."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from token_guard.compaction import facts, readable
from token_guard.conversation import Message, Part, Text, ToolCall, ToolResult

__all__ = ["MOST", "Passage", "Passages", "passages_of", "text_of", "with_neighbours", "words"]

LONG, USUAL = 1_000, 500
"""A part of more characters than the first is cut into passages of about the second: a quote of about 120 tokens is read as a whole."""

BREAK = re.compile(r"\n+|(?<=[.!?。！？])\s*(?=\S)|(?<=[}\]]),\s*")
"""Where a text may be cut: between lines, sentences, and items of JSON."""

UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Japanese, Chinese and Korean: without spaces between words, every character is one."""

WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")

K1, B = 1.2, 0.75
"""The usual constants of BM25 (Robertson and Zaragoza, 2009): how soon repeats stop counting, how much length does."""

NEAR = (0.6, 0.45, 0.3, 0.2, 0.1)
"""Shares of its neighbours' scores that a passage gets, by distance. On recorded meetings with questions, at 30 % of their length, of
the evidence 0.50 was found without, 0.63 with the first, 0.73 with all; wider ones only help where evidence is long."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of one part of a message of the history; `start` and `stop` are its place in the part's text."""

    message: int
    part: int
    start: int
    stop: int
    text: str


MOST = 4_096
"""Passages of talk in which the words of one question are looked for, and messages of a session of tools in which its names are, the
newest: in longer ones, so many questions come that none may take longer than the one before."""

MOST_USES = 1 << 15
"""Uses that are looked at for one question: of more, those of its most frequent words decide nothing and are left out. In recorded
dialogues no question has more than 1,400."""

FEW = 3
"""A word that so many passages have, or half of them, tells them apart."""

PASSAGE_BYTES, WORD_BYTES, USE_BYTES = 200, 400, 7
"""Measured with tracemalloc on CPython 3.13, rounded up: a passage without its text, a word, one of its uses."""


class _Uses(NamedTuple):
    """In which passages a word occurs, and how often in each."""

    passages: array[int]
    times: array[int]


@dataclass(slots=True)
class Passages:
    """All passages of a history, with the words in them; it grows as the history does, and what is asked about its beginning depends on
    that alone."""

    all: list[Passage] = field(default_factory=list)
    uses: dict[str, _Uses] = field(default_factory=dict)
    ends: list[int] = field(default_factory=list)
    """Characters up to the end of each passage."""
    messages: int = 0
    """How many messages of the history it has."""

    @classmethod
    def of(cls, history: Sequence[Message]) -> Passages:
        return cls().upto(history)

    def upto(self, history: Sequence[Message], first: int = 0) -> Passages:
        """Itself with all of a history whose beginning it has, from the message `first` on."""
        stems: dict[str, str] = {}
        for index in range(max(first, self.messages), len(history)):
            for passage in passages_of(index, history[index]):
                self._add(passage, stems)
        self.messages = len(history)
        return self

    def _add(self, passage: Passage, stems: dict[str, str]) -> None:
        number = len(self.all)
        for word, times in Counter(WORD.findall(passage.text.lower())).items():
            stem = stems.get(word)
            if stem is None:
                stem = stems[word] = _stem(word)
            if stem:
                uses = self.uses.get(stem)
                if uses is None:
                    uses = self.uses[stem] = _Uses(array("I"), array("H"))
                uses.passages.append(number)
                uses.times.append(times)
        self.all.append(passage)
        self.ends.append((self.ends[-1] if self.ends else 0) + len(passage.text))

    @property
    def size(self) -> int:
        """What it takes, in bytes."""
        characters, uses = self.ends[-1] if self.ends else 0, sum(len(uses.times) for uses in self.uses.values())
        return 2 * characters + PASSAGE_BYTES * len(self.all) + WORD_BYTES * len(self.uses) + USE_BYTES * uses

    def before(self, message: int) -> int:
        """How many passages the messages before this one have."""
        return bisect_left(self.all, message, key=lambda passage: passage.message)

    def weights(self, question: str, count: int, *, telling: bool = False) -> dict[str, float]:
        """What each word of a question says of a passage that has it: how rare it is among the first `count`, squared, as question
        and passage both have it. Words that none has are left out, and where only `telling` ones are wanted, those that most have."""
        known = {word: self._spread(word, count) for word in dict.fromkeys(words(question))}
        if sum(known.values()) > MOST_USES:
            rarest = sorted(known, key=known.__getitem__)
            uses = accumulate(known[word] for word in rarest)
            few = frozenset(word for word, so_far in zip(rarest, uses, strict=True) if so_far <= MOST_USES)
            known = {word: spread for word, spread in known.items() if word in few}
        most = max(FEW, count // 2) if telling else count
        return {word: facts.rarity(spread, count) for word, spread in known.items() if 0 < spread <= most}

    def scores(self, weights: Mapping[str, float], count: int, first: int = 0) -> list[float]:
        """BM25 of the first `count` passages, from the passage `first` on; of those before it, nothing."""
        scores, before = [0.0] * count, [0.0] * first
        mean = max(1.0, self.ends[count - 1] / count) if count else 1.0
        lengths = before + [K1 * (1 - B + B * len(passage.text) / mean) for passage in self.all[first:count]]
        most = K1 + 1
        for word, weight in weights.items():
            start, stop = self._spread(word, first), self._spread(word, count)
            numbers, often = self.uses[word]
            for number, times in zip(numbers[start:stop], often[start:stop], strict=True):
                scores[number] += weight * times * most / (times + lengths[number])
        return scores[first:]

    def _spread(self, word: str, count: int) -> int:
        """In how many of the first passages a word occurs."""
        uses = self.uses.get(word)
        return bisect_left(uses.passages, count) if uses else 0


def with_neighbours(scores: Sequence[float]) -> list[float]:
    """Each score with a share of the ones around it: an answer stands beside the question that names its subject.

    >>> with_neighbours([0.0, 1.0, 0.0])
    [0.6, 1.0, 0.6]
    """
    none = [0.0] * len(NEAR)
    padded = [*none, *scores, *none]
    spread = list(scores)
    for distance, share in enumerate(NEAR, 1):
        before, after = padded[len(NEAR) - distance :], padded[len(NEAR) + distance :]
        spread = [score + share * one + share * other for score, one, other in zip(spread, before, after, strict=False)]
    return spread


def words(text: str) -> Iterator[str]:
    """Words for scoring: lower case, without endings and stop words.

    >>> list(words("Parsing the folders of get_user"))
    ['pars', 'folder', 'get', 'user']
    """
    return (stem for stem in map(_stem, WORD.findall(text.lower())) if stem)


def _stem(word: str) -> str:
    return facts.stem(word) if word.isascii() else word


def passages_of(index: int, message: Message) -> Iterator[Passage]:
    """The passages of one message; instructions stay whole anyway."""
    if message.instructs:
        return
    for place, part in enumerate(message.parts):
        text = text_of(part)
        start = 0
        for stop in _cuts(text):
            yield Passage(index, place, start, stop, text[start:stop])
            start = stop


def text_of(part: Part) -> str:
    """What can be quoted of a part: words, what a tool answered, the arguments of a call, decoded."""
    if isinstance(part, ToolCall):
        return "\n".join(readable.lines(part.arguments))
    return part.text if isinstance(part, (Text, ToolResult)) else ""


def _cuts(text: str) -> Iterator[int]:
    """Where the passages of a text end."""
    if len(text) <= LONG:
        if text.strip():
            yield len(text)
        return
    start = 0
    for end in (*(match.end() for match in BREAK.finditer(text)), len(text)):
        while end - start > LONG:
            start += USUAL
            yield start
        if end - start >= USUAL or end == len(text) > start:
            start = end
            yield start
