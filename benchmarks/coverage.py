"""How far estimates are from what the vocabularies of families count, on texts of recorded conversations.

Needs packages that the product does not: `pip install splintr-rs ctok` (Python >= 3.12).

    python benchmarks/coverage.py CONVERSATION.jsonl.gz...
"""

from __future__ import annotations

import gzip
import importlib
import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from token_guard.counting import meter_for
from token_guard.counting.families import FAMILIES

BPE = {"llama3": "llama3", "llama2": "llama2", "mistral-spm": "mistral_v1", "tekken": "mistral_v3", "deepseek": "deepseek_v3"}
"""A family, and the name that splintr has for its vocabulary."""

CLAUDE = {"claude": "3.0", "claude-4.7": "4.8"}
"""A family, and ctok's version."""

MODELS = {
    "claude": "claude-sonnet-4-5",
    "claude-4.7": "claude-opus-4-8",
    "llama3": "llama-3.3",
    "llama2": "llama-2",
    "mistral-spm": "mixtral",
    "tekken": "mistral-large",
}
"""A model of a family whose name is none."""

TEXTS, LONGEST, SHORTEST = 90, 3_000, 200
"""Texts of each file, and their characters."""


def main(paths: Sequence[str]) -> None:
    texts = [text for path in paths for text in _sample(path)]
    print(f"{len(texts)} texts, {sum(map(len, texts)):,} characters; true / estimate")
    print(f"{'family':14}{'all':>7}{'p50':>7}{'p95':>7}{'p99':>7}{'max':>7}{'margin':>8}{'above':>8}{'files above':>13}")
    for family, count in _counters():
        meter = meter_for(MODELS.get(family, family))
        pairs = [(count(text), meter.text(text)) for text in texts]
        ratios = sorted(true / max(1, estimate) for true, estimate in pairs)
        safe = FAMILIES[family].safe_factor
        above = sum(ratio > safe for ratio in ratios) / len(ratios)
        groups = [pairs[start : start + TEXTS] for start in range(0, len(pairs), TEXTS)]
        worse = sum(sum(true for true, _ in group) > safe * sum(estimate for _, estimate in group) for group in groups)
        marks = [ratios[min(len(ratios) - 1, int(share * len(ratios)))] for share in (0.5, 0.95, 0.99)]
        figures = [sum(true for true, _ in pairs) / sum(estimate for _, estimate in pairs), *marks, ratios[-1]]
        print(f"{family:14}" + "".join(f"{figure:7.3f}" for figure in figures) + f"{safe:8.2f}{above:8.1%}{worse:10} of {len(groups)}")


def _counters() -> Iterator[tuple[str, Callable[[str], int]]]:
    splintr: Any = importlib.import_module("splintr")
    ctok: Any = importlib.import_module("ctok")
    for family, name in BPE.items():
        own = splintr.Tokenizer.from_pretrained(name)
        yield family, lambda text, own=own: len(own.encode_ordinary(text))
    for family, version in CLAUDE.items():
        frame = ctok.token_count("a", version) - 1
        yield family, lambda text, version=version, frame=frame: ctok.token_count(text, version) - frame


def _sample(path: str) -> Sequence[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        said = [text[:LONGEST] for line in file for text in _texts(json.loads(line)["messages"]) if len(text) >= SHORTEST]
    return random.Random(path).sample(said, min(len(said), TEXTS))


def _texts(messages: Sequence[Any]) -> Iterator[str]:
    for message in messages:
        content = message.get("content")
        parts = [content] if isinstance(content, str) else [part.get("text") or part.get("content") for part in content or ()]
        yield from (part for part in parts if isinstance(part, str))
        yield from (call["function"]["arguments"] for call in message.get("tool_calls") or ())


if __name__ == "__main__":
    main(sys.argv[1:])
