"""Texts to count: a public corpus where it is at hand, and strings made up from hostile fragments."""

from __future__ import annotations

import functools
import gzip
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiktoken

from token_guard.counting.encodings import ENCODINGS, ranks

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"

FRAGMENTS = (
    *("the quick Brown fox", "'s", "'LL", "don't", "HTTPServer", "x1", "a1b2c3", "12345", "1,000.50", "_", "__init__", "....", "===", "#!"),
    *(" ", "  ", "\n", "\n\n", "\r\n", "\t", "/", "//", "/\n/", '{"k": [1, 2]}', "<|endoftext|>", "<|im_start|>", "aaaaaaaa"),
    *(
        "gqgqgq",
        "QUJDRA==",
        "é",
        "e\u0301",
        "ß",
        "Привет",
        "你好",
        "こんにちは",
        "한국어",
        "مرحبا",
        "ไทย",
        "😀",
        "👩\u200d👩\u200d👧",
        "🇩🇪",
        "ﷺ",
    ),
    *("\u200b", "\u00a0", "\u3000", "\u2028", "\x00", "\x1c", "\ufffd", "\U0010ffff"),
)


@functools.cache
def reference(encoding: str) -> Callable[[str], int]:
    """Tokens of a whole text by tiktoken, never sliced."""
    known = tiktoken.Encoding(encoding, pat_str=ENCODINGS[encoding].pattern, mergeable_ranks=ranks(encoding), special_tokens={})
    return lambda text: len(known.encode_ordinary(text))


def generated(count: int, seed: int, most: int = 12) -> Iterator[str]:
    """Strings of up to `most` hostile fragments and stray characters."""
    chance = random.Random(seed)
    for _ in range(count):
        yield "".join(
            chance.choice(FRAGMENTS) if chance.random() < 0.8 else chr(chance.randrange(1, 0xD800)) for _ in range(chance.randint(1, most))
        )


@functools.cache
def records(name: str) -> tuple[dict[str, Any], ...]:
    """The conversations of one corpus file."""
    path = CORPUS / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"no {path.name} beside the repository: ../shared/corpus is not there")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return tuple(map(json.loads, lines))


def texts_of(value: Any) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of(inner)
