"""How many tokens a byte of each script adds, by tokenizer family: the table in counting/scripts.py.

Needs packages that the product does not: `pip install splintr-rs django tiktoken`. The vocabularies are those that splintr ships, the
texts the translations that Django ships, in every language it has, in pieces of 1,500 characters. For a piece in which a script holds
most of the bytes that are not ASCII, what the family's own tokenizer counts beyond factor x o200k is divided by those bytes; the table
holds the 90th percentile of each script, or 0 where the family's factor covers it.

    python benchmarks/scripts.py
"""

from __future__ import annotations

import importlib
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from token_guard.counting.families import FAMILIES
from token_guard.counting.scripts import NAMES, STARTS

VOCABULARIES = {
    "llama3": "llama3",
    "llama2": "llama2",
    "mistral-spm": "mistral_v1",
    "tekken": "mistral_v3",
    "deepseek": "deepseek_v3",
}
"""A family, and the name that splintr has for its vocabulary."""

PIECE = 1_500
SHARE = 0.6
"""Of a piece's bytes that are not ASCII, at least so many are of the script that it speaks for."""

FEW = 0.03
"""Of them, the most that may be letters of smaller languages in a piece that speaks for the script itself."""

LEAST = 200
"""Bytes that are not ASCII without which a piece says nothing."""


def main() -> None:
    splintr: Any = importlib.import_module("splintr")
    tiktoken: Any = importlib.import_module("tiktoken")
    base = tiktoken.get_encoding("o200k_base")
    pieces = list(_pieces())
    for family, name in VOCABULARIES.items():
        own = splintr.Tokenizer.from_pretrained(name)
        beyond = [
            (_sizes(text), len(own.encode_ordinary(text)) - FAMILIES[family].factor * len(base.encode_ordinary(text))) for text in pieces
        ]
        table = _weights([pair for pair in beyond if sum(pair[0].values()) >= LEAST])
        print(f'    "{family}": {{{", ".join(f"{script!r}: {weight}" for script, weight in table.items())}}},'.replace("'", '"'))


def _pieces() -> Iterator[str]:
    django: Any = importlib.import_module("django")
    for path in sorted(Path(django.__file__).parent.rglob("*.po")):
        if path.parts[-3].startswith("en"):
            continue
        said = re.findall(r'^(?:msgstr(?:\[\d\])? )?"(.+)"$', path.read_text(encoding="utf-8"), re.MULTILINE)
        words = [line for line in said if not line.isascii()]
        text = " ".join(words).replace("\\n", "\n").replace('\\"', '"')
        yield from (text[start : start + PIECE] for start in range(0, min(len(text), 20 * PIECE), PIECE))
    emoji = "".join(f"{chr(code)} " for code in range(0x1F300, 0x1F650))
    yield from (emoji[start : start + PIECE] for start in range(0, len(emoji), PIECE))


def _sizes(text: str) -> Counter[str]:
    """The bytes of each script in a text."""
    sizes: Counter[str] = Counter()
    for char, count in Counter(text).items():
        if not char.isascii():
            sizes[NAMES[bisect_right(STARTS, ord(char)) - 1]] += count * len(char.encode())
    return sizes


def _weights(pieces: Sequence[tuple[Counter[str], float]]) -> dict[str, float]:
    """First those of scripts, from pieces with few letters of smaller languages, then those of such letters, from what is left."""
    table: dict[str, float] = {}
    for more in (False, True):
        found: dict[str, list[float]] = defaultdict(list)
        for sizes, extra in pieces:
            high = sum(sizes.values())
            script = max({name.rstrip("+") for name in sizes}, key=lambda name: sizes[name] + sizes[f"{name}+"])
            has_more = sizes[f"{script}+"] > FEW * high
            if sizes[script] + sizes[f"{script}+"] >= SHARE * high and has_more == more:
                rest = extra - table.get(script, 0.0) * sizes[script] if more else extra
                found[f"{script}+" if more else script].append(rest / (sizes[f"{script}+"] if more else high))
        table |= {name: round(max(0.0, _percentile(values, 0.9)), 3) for name, values in sorted(found.items())}
    return table


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    main()
