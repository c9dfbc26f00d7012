"""Counting files and streams of any size in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from token_guard.counting.engines import engine_for, total
from token_guard.counting.families import family_of
from token_guard.counting.slices import repaired

__all__ = ["count_chunks", "count_file"]

CHUNK = 256 * 1024
"""Characters read at a time."""


def count_file(path: str | Path, model: str) -> int:
    """Tokens of a text file (UTF-8; what is not counts as U+FFFD), equal to the count of its whole text. Raises OSError."""
    with Path(path).open(encoding="utf-8", errors="replace", newline="") as file:
        return count_chunks(iter(lambda: file.read(CHUNK), ""), model)


def count_chunks(chunks: Iterable[str], model: str) -> int:
    """Tokens of a text that arrives in pieces, holding one of them at a time.

    >>> count_chunks(["hel", "lo wor", "ld"], "gpt-4o")
    2
    """
    family = family_of(model)
    engine = engine_for(family.encoding)
    # an estimate is rounded up once for each slice: errs up by less than a token in 8,192 characters
    estimating = replace(engine, count=lambda text: family.estimate(engine.count(text), text))
    return total(estimating, map(repaired, _whole(chunks)))


def _whole(chunks: Iterable[str]) -> Iterator[str]:
    """The same text, no surrogate pair torn apart between two chunks."""
    held = ""
    for chunk in chunks:
        joined = held + chunk
        held = joined[-1:] if "\ud800" <= joined[-1:] <= "\udbff" else ""
        if ready := joined[: len(joined) - len(held)]:
            yield ready
    if held:
        yield held
