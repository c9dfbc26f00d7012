"""Cutting text where the counts of the pieces add up to the count of the whole."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

__all__ = ["SLICE", "Slice", "add_up", "repaired", "slices"]

SLICE = 16_384
"""Characters in a slice. tiktoken panics on a million spaces and one unbroken run costs n log n; both are harmless at this size."""

FORCED = 8_192
"""Where an unbroken run is cut by force: a multiple of every run-of-one-character token (128 spaces is the longest)."""

OVERLAP = 512
"""Characters that two slices share at a forced cut. Merges settle within a few tokens, so that what the cut changes at the end of
the one slice and at the start of the other is in the shared piece too, and leaves the sum with it."""

REPEATS = 16
"""Slices of one text whose counts are kept while it is counted: a run of one character is one slice many times over."""

_BEFORE = re.compile(r"[ \t0-9](?<=\S[ \t]|[A-Za-z][0-9])")
_BETWEEN = re.compile(r"\n[^\s/]")
"""Where a piece of every GPT-style split pattern ends and no run of whitespace is split: before a blank after text, before a digit
after a letter, after the line break before text that is no slash. The patterns match left to right and look ahead over whitespace
only, so that what follows such a place never changes what precedes it. Two expressions, each with a first character to look for:
one for all three is ten times slower on a long run."""


class Slice(NamedTuple):
    """A piece of a text and how it enters the sum: 1, or -1 for a piece that both its neighbours hold."""

    text: str
    sign: int


def repaired(text: str) -> str:
    r"""The text with lone surrogates (legal out of json.loads) replaced by U+FFFD, as tiktoken does.

    >>> repaired("a\ud800b") == "a\ufffdb"
    True
    """
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def slices(chunks: Iterable[str], size: int = SLICE) -> Iterator[Slice]:
    """A text that arrives in chunks, in pieces of at most `size` characters whose counts add up to its own; holds one chunk at a time."""
    held, start = "", 0
    for chunk in chunks:
        held, start = held[start:] + chunk, 0
        while len(held) - start > size:
            cut = _safe_cut(held, start, size)
            if cut is None:
                cut = start + size - FORCED
                yield Slice(held[start : cut + OVERLAP], 1)
                yield Slice(held[cut : cut + OVERLAP], -1)
            else:
                yield Slice(held[start:cut], 1)
            start = cut
    if start < len(held):
        yield Slice(held[start:], 1)


def add_up(count: Callable[[str], int], pieces: Iterable[Slice]) -> int:
    """The tokens of a sliced text."""
    remembered = functools.lru_cache(maxsize=REPEATS)(count)
    return sum(piece.sign * remembered(piece.text) for piece in pieces)


def _safe_cut(text: str, start: int, size: int) -> int | None:
    begin, end = start + size - FORCED, start + size
    if found := _BEFORE.search(text, begin, end):
        return found.start()
    found = _BETWEEN.search(text, begin, end)
    return found.start() + 1 if found else None
