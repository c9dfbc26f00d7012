"""Words of others on one line of a note, cut where they are too long: between words, never inside a name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import ascii_letters, digits

from token_guard.marks import quoted

__all__ = ["CUT", "NAME_CHARS", "clipped", "cut_at", "ending", "paths", "pieces", "shortened"]

CUT = "…"

NAME_CHARS = 128
"""Characters of a name of a tool or a speaker that are told: more than any provider takes for one (OpenAI 64, Anthropic 128)."""

LEAST = 0.5
"""A cut keeps at least this share of its room where a word ends within it; else it cuts a name at a dot or a slash, so that what is left
of it stands so in the text."""

PATH = re.compile(r"(?<![^\s'\"(=:,])[\w.~@+-]{0,80}(?:/[\w.@+*-]{1,80})+?((?:/[\w.@+*-]{1,80}){2})(?=[\s'\"),:;]|$)")
"""A path of three folders or more, and its end, in a command."""

LONGEST_COMMAND = 1_000
"""Characters of a command that are looked through for paths."""

LONG_PATH = 40
"""Characters from which on a path that was told before is told by its end."""

_WORD = f"_{ascii_letters}{digits}"
_NAME = f"{_WORD}./-"


def clipped(text: str, chars: int) -> str:
    """The text on one line, in about so many characters.

    >>> clipped("one two three", 9), clipped("one  two", 9)
    ('one two …', 'one two')
    """
    line = quoted(text[: 8 * chars])
    if len(line) <= chars:
        line = quoted(text)  # mostly white space, or short
    if len(line) <= chars:
        return line
    return f"{line[: cut_at(line, chars)].rstrip()} {CUT}"


def ending(text: str, chars: int) -> str:
    """The text as `clipped` has it; of a long path the end, which names the file, also where it stands in a command.

    >>> ending("/home/user/project/src/app.py", 16), ending("one two three", 9)
    ('…/src/app.py', 'one two …')
    >>> ending("sed -n 1,9p /home/user/project/src/app.py", 30)
    'sed -n 1,9p …/src/app.py'
    """
    line = quoted(text[:LONGEST_COMMAND])
    if len(line) <= chars or "/" not in line:
        return clipped(text, chars)
    if any(map(str.isspace, line)):
        line = line if len(text) <= LONGEST_COMMAND else line.rpartition(" ")[0]
        return clipped(PATH.sub(f"{CUT}\\1", line), chars)
    start = text.find("/", len(text) - chars)
    return CUT + text[start:] if start >= 0 else clipped(text, chars)


def paths(text: str) -> dict[str, str]:
    """The long paths in a text by their ends; of two with one end, the first.

    >>> paths("read /home/user/a/project/of/some/size/src/app.py")
    {'/src/app.py': '/home/user/a/project/of/some/size/src/app.py'}
    """
    found = ((match[1], match[0]) for match in PATH.finditer(text) if len(match[0]) >= LONG_PATH)
    return dict(reversed(list(found)))


def shortened(text: str, known: Mapping[str, str]) -> str:
    """The text with those paths cut to their ends that are `known`, as `paths` has them.

    >>> shortened("read /a/b/src/app.py and /c/d/src/app.py", {"/src/app.py": "/a/b/src/app.py"})
    'read …/src/app.py and /c/d/src/app.py'
    """
    return PATH.sub(lambda match: CUT + match[1] if known.get(match[1]) == match[0] else match[0], text) if known else text


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
        stop = start + (cut_at(line[start : start + chars + 1], chars) if len(line) - start > chars else chars)
        found.append(line[start:stop].strip())
        start = stop
    last = len(found) - 1
    return [f"{CUT + ' ' if place else ''}{piece}{' ' + CUT if place < last else ''}" for place, piece in enumerate(found) if piece]


def _goes_on(line: str, place: int) -> bool:
    """Whether a name goes on from before a place to behind it."""
    return 0 < place < len(line) and line[place - 1] in _NAME and line[place] in _NAME


def cut_at(line: str, chars: int) -> int:
    """Where the last word ends that has room, at best before a space; the line has more characters than that."""
    least = int(LEAST * chars)
    space = line.rfind(" ", least, chars)
    if space >= 0:
        return space
    # the last place that has no character of a name before or behind it
    end = min(least + len(line[least : chars + 1].rstrip(_NAME)), chars)
    if end > least or not _goes_on(line, least):
        return end
    return min(len(line[: chars + 1].rstrip(_WORD)), chars) or chars
