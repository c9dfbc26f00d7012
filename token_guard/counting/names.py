"""Finding a model's entry in a table of names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

__all__ = ["lookup"]

T = TypeVar("T")

REGIONS = frozenset({"us", "eu", "apac", "ap", "au", "ca", "jp", "us-gov", "global"})
"""Regions that Bedrock puts before a model's name."""

MOST_SEGMENTS = 8
"""Parts of a path that are looked at, from its end: real names have five at most, and a client may write whatever it likes."""


def lookup(model: str, table: Mapping[str, T]) -> T | None:
    """The entry of a model name: the exact name, then the longest prefix of it; first without its provider prefixes, then with them.

    >>> lookup("azure/eu/gpt-4o-mini", {"gpt-4": 1, "gpt-4o": 2})
    2
    """
    longest = max(map(len, table), default=0)
    for name in _names(model):
        for end in range(min(len(name), longest), 0, -1):
            if name[:end] in table:
                return table[name[:end]]
    return None


def _names(model: str) -> Iterator[str]:
    segments = model.strip().lower().rsplit("/", MOST_SEGMENTS)[-MOST_SEGMENTS:]
    # the last segment names the model; those before it help where it does not ("deepseek/r1")
    for start in range(len(segments) - 1, -1, -1):
        yield _without_region("/".join(segments[start:]))


def _without_region(name: str) -> str:
    region, dot, rest = name.partition(".")
    return rest if dot and region in REGIONS else name
