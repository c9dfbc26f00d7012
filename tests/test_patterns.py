"""No regular expression of the package takes more than in proportion to its text, be the text made against it.

Each pattern is tried on texts made of its own pieces, repeated: what it begins with again and again, and never what it ends with.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import token_guard
from token_guard.compaction.readable import values

try:  # the standard library's own reader of patterns has no public name
    from re import _parser as reader
except ImportError:
    reader = None  # type: ignore[assignment]

SIZE, GROWTH = 1_500, 10.0
"""Characters of the smallest text; and how much longer one of four times its length may take: four times is linear, sixteen quadratic."""

UNNOTICED = 0.004
"""Seconds of CPU that nobody notices on a text of the largest size: what takes less is not measured again."""

TRIES = 4

ANCHORED = frozenset({"match", "fullmatch"})
"""Methods that look at the beginning of a text alone."""


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(token_guard.__path__, "token_guard."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def patterns_in(value: Any, depth: int = 0) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif depth < 3 and isinstance(value, Mapping):
        yield from (one for inner in (*value.keys(), *value.values()) for one in patterns_in(inner, depth + 1))
    elif depth < 3 and isinstance(value, (list, tuple, set, frozenset)):
        yield from (one for inner in value for one in patterns_in(inner, depth + 1))


def patterns() -> dict[re.Pattern[str], set[str]]:
    """Every pattern, and by which of its methods it is used where it has a name."""
    uses: dict[re.Pattern[str], set[str]] = {}
    for module in modules():
        source = Path(module.__file__ or "").read_text(encoding="utf-8")
        for name, value in list(vars(module).items()):
            for one in patterns_in(value):
                uses.setdefault(one, set()).update(re.findall(rf"\b{re.escape(name)}\.(\w+)\b", source))
    return uses


def pieces_of(tree: Iterable[Any]) -> Iterator[str]:
    """Texts that the parts of a parsed pattern match: each literal run, and a character of each class."""
    run = ""
    for operation, value in tree:
        name = str(operation)
        if name == "LITERAL":
            run += chr(value)
            continue
        if run:
            yield run
            run = ""
        if name == "IN":
            yield member_of(value)
        elif name == "ANY":
            yield "x"
        else:
            yield from (piece for inner in subtrees(value) for piece in pieces_of(inner))
    if run:
        yield run


def subtrees(value: Any) -> Iterator[Any]:
    if isinstance(value, reader.SubPattern):
        yield value
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from subtrees(inner)


CATEGORIES = {"CATEGORY_SPACE": " ", "CATEGORY_DIGIT": "7", "CATEGORY_WORD": "w"}


def member_of(entries: Iterable[Any]) -> str:
    for operation, value in entries:
        name = str(operation)
        if name == "LITERAL":
            return chr(value)
        if name == "RANGE":
            return chr(value[0])
        if name == "CATEGORY" and str(value) in CATEGORIES:
            return CATEGORIES[str(value)]
    return "x"


def texts_against(pattern: re.Pattern[str]) -> Iterator[str]:
    """Beginnings of texts that are to be repeated."""
    found = list(dict.fromkeys((*pieces_of(reader.parse(pattern.pattern, pattern.flags)), " ", "\n", "a", "7")))
    few = list(dict.fromkeys((*found[:4], *found[-6:])))
    yield from few
    yield from dict.fromkeys(one + other for one, other in product(few[:2], few) if one != other)


def seconds(pattern: re.Pattern[str], text: str, uses: set[str]) -> float:
    began = time.process_time()
    for _ in pattern.finditer(text) if not uses or uses - ANCHORED else ():
        pass
    for used in uses & ANCHORED:
        getattr(pattern, used)(text)
    return time.process_time() - began


def grown(pattern: re.Pattern[str], piece: str, uses: set[str]) -> float:
    """How much longer a text of four times the size takes."""
    small, large = (piece * (size // len(piece)) + "\x00" for size in (SIZE, 4 * SIZE))
    if seconds(pattern, large, uses) < UNNOTICED:
        return 1.0
    best = {text: min(seconds(pattern, text, uses) for _ in range(TRIES)) for text in (small, large)}
    return best[large] / max(best[small], 1e-5)


@pytest.mark.skipif(reader is None, reason="the standard library's reader of patterns is not where it was")
def test_every_pattern_takes_time_in_proportion_to_its_text() -> None:
    slow = []
    for pattern, uses in patterns().items():
        for piece in texts_against(pattern):
            if (growth := grown(pattern, piece, uses)) > GROWTH and (growth := grown(pattern, piece, uses)) > GROWTH:
                slow.append((pattern.pattern[:120], piece, round(growth, 1)))
                break
    assert len(patterns()) > 150
    assert not slow


def test_a_long_name_in_a_record_is_read_at_once() -> None:
    assert values(json.dumps({"a" * 40_000 + "1": "x", "b_" * 20_000: 2}))[1] == "x"


def test_the_measure_tells_a_pattern_that_is_quadratic() -> None:
    """One calm moment is enough: what else runs on the machine makes the short text look as slow as the long one."""
    assert any(grown(re.compile(r"a+b"), "a", {"search"}) > GROWTH for _ in range(10))
