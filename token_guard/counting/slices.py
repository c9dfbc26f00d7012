"""Cutting text where the counts of the pieces add up to the count of the whole."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

__all__ = ["SLICE", "Slice", "repaired", "signed", "slices"]

SLICE = 65_536
"""Characters in a slice. tiktoken panics on a million spaces and one unbroken run costs n log n; both are harmless at this size. An
engine at work on less gives other threads no time to take the GIL that it has released."""

FORCED = 1 / 2
"""Where in a slice an unbroken run is cut by force, as a share: at a multiple of every run-of-one-character token (128 spaces is the
longest). The rest of the slice is where a better place is looked for."""

OVERLAP = 1 / 128
"""What two slices share at a forced cut, as a share of a slice. Merges settle within a few tokens, so that what the cut changes at the
end of the one slice and at the start of the other is in the shared piece too, and leaves the sum with it."""

REPEATS = 16
"""Slices of one text whose counts are kept while it is counted: a run of one character is one slice many times over."""

_BEFORE = re.compile(r"[ \t0-9](?<=\S[ \t]|[A-Za-z][0-9])")
_BETWEEN = re.compile(r"\n[^\s/]")
"""Where a piece of every GPT-style split pattern ends and no run of whitespace is split: before a blank after text, before a digit
after a letter, after the line break before text that is no slash. The patterns match left to right and look ahead over whitespace
only, so that what follows such a place never changes what precedes it. Two expressions, each with a first character to look for:
one for all three is ten times slower on a long run."""


_DIGITS = "0123456789"

_LONE = re.compile("(?:[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff])+")


class Slice(NamedTuple):
    """A piece of a text and how it enters the sum: 1, or -1 for a piece that both its neighbours hold."""

    text: str
    sign: int


def repaired(text: str) -> str:
    r"""The text with lone surrogates (legal out of json.loads) replaced by U+FFFD, as tiktoken does.

    >>> repaired("a\ud800b") == "a\ufffdb"
    True
    """
    if text.isascii() or _is_sound(text):
        return text
    # by runs: the codec's own "replace" takes half a microsecond for each
    paired = _LONE.sub(lambda run: "\ufffd" * len(run[0]), text)
    return paired.encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _is_sound(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def slices(chunks: Iterable[str], size: int = SLICE) -> Iterator[Slice]:
    """A text that arrives in chunks, in pieces of at most `size` characters whose counts add up to its own; holds one chunk at a time."""
    find = functools.lru_cache(maxsize=2)(_safe_place)
    held, start = "", 0
    for chunk in chunks:
        held, start = held[start:] + chunk, 0
        while len(held) - start > size:
            middle = start + int(size * FORCED)
            if place := find(held[middle : start + size]):
                cut = middle + place
                yield Slice(held[start:cut], 1)
            else:
                cut = _forced_cut(held, start, middle)
                shared = cut + int(size * OVERLAP)
                yield Slice(held[start:shared], 1)
                yield Slice(held[cut:shared], -1)
            start = cut
    if start < len(held):
        yield Slice(held[start:], 1)


def signed(count: Callable[[str], int]) -> Callable[[Slice], int]:
    """What a slice adds to the sum of its text."""
    remembered = functools.lru_cache(maxsize=REPEATS)(count)
    return lambda piece: piece.sign * remembered(piece.text)


def _safe_place(window: str) -> int | None:
    """The first place inside a window where a cut is exact; a run of one character asks for the same window again and again."""
    if found := _BEFORE.search(window, 1):
        return found.start()
    found = _BETWEEN.search(window)
    return found.start() + 1 if found else None


def _forced_cut(text: str, start: int, end: int) -> int:
    """`end`, or up to two characters before it: the split patterns take digits by threes, which no overlap puts in step again."""
    head = text[start:end]
    return end - (len(head) - len(head.rstrip(_DIGITS))) % 3
