"""Cutting a text to a number of tokens without breaking a line, and saying exactly what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from token_guard.compaction.clip import cut_at
from token_guard.conversation.windows import windows
from token_guard.marks import mark

__all__ = ["LONG_LINE", "ROUNDS", "TextCounter", "fitting", "shorten"]

LONG_LINE = 2_000
"""A line of more characters than this is not a line to a reader: it may be cut inside."""

PIECE = 200
"""Characters of the pieces that it is cut into, at the ends of words."""

ROUNDS = 12
"""Each round comes nearer by the error of the one before it; texts settle in two or three."""


class TextCounter(Protocol):
    """Counts the tokens of a text."""

    def text(self, text: str) -> int: ...


@dataclass(frozen=True, slots=True)
class _Cut:
    head: str
    tail: str
    gap: str

    def __str__(self) -> str:
        return "\n".join(piece for piece in (self.head, mark(self.gap), self.tail) if piece)


def shorten(text: str, max_tokens: int, counter: TextCounter, head_share: float = 0.6) -> str:
    """The text in at most `max_tokens` tokens: its head and its tail, whole lines, and between them what is missing.

    When not even the note on what is missing has room, the note alone.
    """
    size = counter.text(text)
    if size <= max_tokens:
        return text
    lines, room = _lines(text), len(text) * max_tokens / size
    chars = len(text) - text.count("\n")
    for _ in range(ROUNDS):
        cut = str(_cut(lines, chars, int(room), head_share))
        tokens = counter.text(cut)
        if tokens <= max_tokens:
            return cut
        room = min(room * max_tokens / tokens, room - 8)
        if room < 1:
            break
    return str(_cut(lines, chars, 0, head_share))


def fitting(pieces: Iterable[str], room: int, counter: TextCounter) -> list[str]:
    """As many of the first pieces as have room, in tokens, each with one for what joins it to the next."""
    chosen: list[str] = []
    for piece in pieces:
        room -= counter.text(piece) + 1
        if room < 0:
            break
        chosen.append(piece)
    return chosen


def _cut(lines: Sequence[str], of_all: int, chars: int, head_share: float) -> _Cut:
    """A head and a tail of lines that have `of_all` characters together."""
    first = _lines_within(lines, int(chars * head_share))
    last = _lines_within((lines[place] for place in range(len(lines) - 1, first - 1, -1)), int(chars * (1 - head_share)))
    heads, tails = lines[:first], lines[len(lines) - last :]
    omitted = of_all - sum(map(len, heads)) - sum(map(len, tails))
    return _Cut("\n".join(heads), "\n".join(tails), f"{len(lines) - first - last:,} lines, {omitted:,} characters omitted here")


def _lines(text: str) -> Sequence[str]:
    lines: list[str] = []
    for part in windows(text):  # one step for all of millions of lines would hold up the whole process
        found = part.split("\n")
        short = max(map(len, found)) <= LONG_LINE
        lines += found if short else [piece for line in found for piece in ((line,) if len(line) <= LONG_LINE else _pieces(line))]
    return lines


def _pieces(line: str) -> Sequence[str]:
    found, start = [], 0
    while len(line) - start > PIECE:
        end = start + cut_at(line[start : start + PIECE + 1], PIECE)
        found.append(line[start:end])
        start = end
    return [*found, line[start:]]


def _lines_within(lines: Iterable[str], chars: int) -> int:
    count = 0
    for line in lines:
        chars -= len(line) + 1
        if chars < 0:
            break
        count += 1
    return count
