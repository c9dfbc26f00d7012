"""Finding a model's entry in a table of names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeVar

__all__ = ["CLAUDE_4_7", "CLAUDE_TO_4_6", "lookup"]

T = TypeVar("T")

MOST_SEGMENTS = 8
"""Parts of a path that are looked at, from its end: real names have five at most, and a client may write whatever it likes."""

MOST_CHARACTERS = 256
"""Characters of a part that are looked at, for the same reason."""

LEAST_INSIDE = 4
"""Characters of an entry that is looked for inside a name: shorter ones are parts of other words."""

CLAUDE_TO_4_6 = ("claude-3", "claude-4", "claude-opus-4", "claude-sonnet-4", "claude-haiku-4")
CLAUDE_4_7 = tuple(f"claude-{kind}4-{minor}" for kind in ("", "opus-", "sonnet-", "haiku-") for minor in (7, 8, 9))
"""Beginnings of the names of Claude before its newest tokenizer and prices, and those of them that have both already."""

# Bedrock writes regions and the maker with points (us.anthropic.claude-3-haiku); a point before a digit is a version
_MAKER = re.compile(r"^(?:[a-z][a-z0-9-]*\.)+(?=[a-z])")
_VERSION = re.compile(r"(?<=\d)\.(?=\d)")
_WORD = re.compile(r"[-_.: ]")


def lookup(model: str, table: Mapping[str, T]) -> T | None:
    """The entry of a model name: the longest beginning of it that the table has; first without its provider prefixes, then with them,
    then inside the name, behind words that others have put before it.

    >>> lookup("azure/eu/gpt-4o-mini", {"gpt-4": 1, "gpt-4o": 2}), lookup("databricks/databricks-claude-opus-4.7", {"claude-opus-4-7": 3})
    (2, 3)
    """
    longest = max(map(len, table), default=0)
    for least, name in _names(model):
        dashed = _VERSION.sub("-", name)
        for end in range(min(len(name), longest), least - 1, -1):
            for form in (name, dashed):
                if form[:end] in table:
                    return table[form[:end]]
    return None


def _names(model: str) -> Iterator[tuple[int, str]]:
    """The forms of a name, and how long a beginning of each has to be."""
    segments = [part[:MOST_CHARACTERS] for part in model.strip().lower().rsplit("/", MOST_SEGMENTS)[-MOST_SEGMENTS:]]
    last = _MAKER.sub("", segments[-1])
    yield 1, last
    # the last segment names the model; those before it help where it does not ("deepseek/r1")
    for start in range(len(segments) - 1, -1, -1):
        yield 1, "/".join(segments[start:])
    for word in _WORD.finditer(last):
        yield LEAST_INSIDE, last[word.end() :]
