"""Words of others on one line of a note, cut where they are too long: between words, never inside a name."""

from __future__ import annotations

import re

from token_guard.marks import quoted

__all__ = ["clipped", "pieces"]

CUT = "…"

LEAST = 0.5
"""A cut keeps at least this share of its room: where no word ends within it, the text is cut inside."""

_NAME_ENDS = re.compile(r"(?<![A-Za-z0-9_./\-])|(?![A-Za-z0-9_./\-])")


def clipped(text: str, chars: int) -> str:
    """The text on one line, in about so many characters.

    >>> clipped("one two three", 9), clipped("one  two", 9)
    ('one two …', 'one two')
    """
    line = quoted(text[: 2 * chars + 40] if len(text) > 4 * chars else text)
    if len(line) <= chars:
        return line
    return f"{line[: _end(line, chars)].rstrip()} {CUT}"


def pieces(text: str, chars: int) -> list[str]:
    """A line in pieces of about so many characters, each saying where something stands before or after it.

    >>> pieces("one two three", 9)
    ['one two …', '… three']
    """
    line = quoted(text)
    if len(line) <= chars:
        return [line] if line else []
    found, start = [], 0
    while start < len(line):
        stop = start + (_end(line[start : start + chars + 1], chars) if len(line) - start > chars else chars)
        found.append(line[start:stop].strip())
        start = stop
    last = len(found) - 1
    return [f"{CUT + ' ' if place else ''}{piece}{' ' + CUT if place < last else ''}" for place, piece in enumerate(found) if piece]


def _end(line: str, chars: int) -> int:
    """Where the last word ends that has room, at best before a space."""
    least = int(LEAST * chars)
    space = line.rfind(" ", least, chars)
    if space >= 0:
        return space
    ends = [match.start() for match in _NAME_ENDS.finditer(line, least, chars)]
    return ends[-1] if ends else chars
