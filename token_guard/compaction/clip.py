"""Words of others on one line of a note, cut where they are too long: between words, never inside a name."""

from __future__ import annotations

import re

from token_guard.marks import quoted

__all__ = ["clipped", "clipped_around"]

CUT = "…"

LEAST = 0.5
"""A cut keeps at least this share of its room: where no word ends within it, the text is cut inside."""

BEFORE = 0.4
"""What stands before the word that a line is quoted for takes this share of the room."""

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


def clipped_around(text: str, word: str, chars: int) -> str:
    """The part of a line that holds a word."""
    place = text.find(word)
    if len(text) <= chars or place + len(word) < chars:
        return clipped(text, chars)
    start = place - int(BEFORE * chars)
    opening = next((match.start() for match in _NAME_ENDS.finditer(text, max(0, start), place)), place)
    return f"{CUT} {clipped(text[opening:], chars)}"


def _end(line: str, chars: int) -> int:
    """Where the last word ends that has room, at best before a space."""
    least = int(LEAST * chars)
    space = line.rfind(" ", least, chars)
    if space >= 0:
        return space
    ends = [match.start() for match in _NAME_ENDS.finditer(line, least, chars)]
    return ends[-1] if ends else chars
