"""How many tokens a byte of each script adds, by tokenizer family: the table in counting/scripts.py.

Needs packages that the product does not: `pip install 'token-guard[claude,gemini]' django`. The vocabularies are those that splintr
and ctok ship, the texts the translations that Django ships, in every language it has, in pieces of 1,500 characters. For a piece in which
a script holds most of the bytes that are not ASCII, what the family's own tokenizer counts beyond the estimate without scripts is divided
by those bytes; the table holds the 90th percentile of each script: below 0 where the encoding knows it worse than the family does.

    python benchmarks/scripts.py
"""

from __future__ import annotations

import importlib
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from token_guard.counting.engines import engine_for
from token_guard.counting.families import FAMILIES
from token_guard.counting.scripts import NAMES, STARTS
from token_guard.counting.vocabularies import counter_of

VOCABULARIES = {
    "llama3": "llama3",
    "llama2": "llama2",
    "mistral-spm": "mistral_v1",
    "tekken": "mistral_v3",
    "deepseek": "deepseek_v3",
    "qwen": "qwen3",
    "glm": "glm4",
    "kimi": "kimi_k2",
}
"""A family, and the name that splintr has for its vocabulary; families with a vocabulary in `counting.vocabularies` are counted by it."""

PIECE = 1_500
SHARE = 0.6
"""Of a piece's bytes that are not ASCII, at least so many are of the script that it speaks for."""

FEW = 0.03
"""Of them, the most that may be letters of smaller languages in a piece that speaks for the script itself."""

LEAST = 200
"""Bytes that are not ASCII without which a piece says nothing."""


def main() -> None:
    pieces = list(_pieces())
    tables = {name: _table(name, pieces) for name in (*VOCABULARIES, *(name for name, family in FAMILIES.items() if family.own))}
    print(f"_FAMILIES = {tuple(tables)}".replace("'", '"'))
    for script in sorted({script for table in tables.values() for script in table}):
        print(f'    "{script}": ({", ".join(str(table.get(script, 0.0)) for table in tables.values())}),')


def _table(name: str, pieces: Sequence[str]) -> dict[str, float]:
    family, own = replace(FAMILIES[name], name=f"{name} without scripts", per_high_byte=0.0), _own(name)
    engine = engine_for(family.encoding)
    beyond = [(_sizes(text), own(text) - family.estimate(engine.count(text), text)) for text in pieces]
    # of all the scripts that have no name here, little is known: they are never cheaper than the encoding says
    return {script: max(0.0, weight) if script == "other" else weight for script, weight in _weights(beyond).items()}


def _own(family: str) -> Callable[[str], int]:
    if family in VOCABULARIES:
        splintr: Any = importlib.import_module("splintr")
        encode = splintr.Tokenizer.from_pretrained(VOCABULARIES[family]).encode_ordinary
        return lambda text: len(encode(text))
    counter = counter_of(FAMILIES[family].own)
    assert counter, f"no vocabulary for {family}"
    return counter


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
            if high < LEAST:
                continue
            script = max({name.rstrip("+") for name in sizes}, key=lambda name: sizes[name] + sizes[f"{name}+"])
            has_more = sizes[f"{script}+"] > FEW * high
            if sizes[script] + sizes[f"{script}+"] >= SHARE * high and has_more == more:
                rest = extra - table.get(script, 0.0) * sizes[script] if more else extra
                found[f"{script}+" if more else script].append(rest / (sizes[f"{script}+"] if more else high))
        table |= {name: round(_percentile(values, 0.9), 3) + 0.0 for name, values in sorted(found.items())}
    return table


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    main()
