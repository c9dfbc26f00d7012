"""A history in passages, and how much each of them has to do with a question."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from token_guard.compaction import facts, readable
from token_guard.conversation import Message, Part, Text, ToolCall, ToolResult

__all__ = ["Passage", "Passages", "passages_of", "text_of", "with_neighbours", "words"]

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


@dataclass(frozen=True, slots=True)
class Passages:
    """All passages of a history, with the words in them; what is asked about its beginning depends on that alone."""

    all: tuple[Passage, ...]
    uses: Mapping[str, Sequence[tuple[int, int]]]
    """For each word, in which passages it occurs and how often."""
    ends: Sequence[int]
    """Characters up to the end of each passage."""

    @classmethod
    def of(cls, history: Sequence[Message]) -> Passages:
        found = tuple(passage for index, message in enumerate(history) for passage in passages_of(index, message))
        uses: dict[str, list[tuple[int, int]]] = defaultdict(list)
        stems: dict[str, str] = {}
        for number, passage in enumerate(found):
            for word, times in Counter(WORD.findall(passage.text.lower())).items():
                stem = stems.get(word)
                if stem is None:
                    stem = stems[word] = _stem(word)
                uses[stem].append((number, times))
        uses.pop("", None)
        return cls(found, uses, list(accumulate(len(passage.text) for passage in found)))

    def before(self, message: int) -> int:
        """How many passages the messages before this one have."""
        return bisect_left(self.all, message, key=lambda passage: passage.message)

    def weights(self, question: str, count: int) -> dict[str, float]:
        """How rare each word of a question is among the first `count` passages; words that do not occur are left out."""
        known = {word: self._spread(word, count) for word in dict.fromkeys(words(question))}
        return {word: math.log(1 + (count - spread + 0.5) / (spread + 0.5)) for word, spread in known.items() if spread}

    def scores(self, weights: Mapping[str, float], count: int) -> list[float]:
        """BM25 of the first `count` passages."""
        scores = [0.0] * count
        mean = max(1.0, self.ends[count - 1] / count) if count else 1.0
        for word, weight in weights.items():
            for number, times in self.uses[word][: self._spread(word, count)]:
                length = 1 - B + B * len(self.all[number].text) / mean
                scores[number] += weight * times * (K1 + 1) / (times + K1 * length)
        return scores

    def _spread(self, word: str, count: int) -> int:
        """In how many of the first passages a word occurs."""
        return bisect_left(self.uses.get(word, ()), (count, 0))


def with_neighbours(scores: Sequence[float]) -> list[float]:
    """Each score with a share of the ones around it: an answer stands beside the question that names its subject.

    >>> with_neighbours([0.0, 1.0, 0.0])
    [0.6, 1.0, 0.6]
    """
    spread = list(scores)
    for distance, share in enumerate(NEAR, 1):
        for place, score in enumerate(scores):
            if score and place >= distance:
                spread[place - distance] += share * score
            if score and place + distance < len(spread):
                spread[place + distance] += share * score
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
