"""How a session is written down, and the bulk that fills it: the same on every run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeAlias

__all__ = ["NOUNS", "Chat", "Script", "hits", "module", "passing"]

Chat: TypeAlias = list[dict[str, Any]]


@dataclass(slots=True)
class Script:
    """A conversation as it is written down: what is said, and calls that are answered at once."""

    messages: Chat = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: count(1))

    def say(self, role: str, text: str) -> None:
        self.messages.append({"role": role, "content": text})

    def call(self, intent: str, name: str, returned: Any, /, **arguments: str) -> None:
        call_id = f"call_{next(self.ids):02}"
        function = {"name": name, "arguments": json.dumps(arguments)}
        content = returned if isinstance(returned, str) else json.dumps(returned)
        self.messages += [
            {"role": "assistant", "content": intent, "tool_calls": [{"id": call_id, "type": "function", "function": function}]},
            {"role": "tool", "tool_call_id": call_id, "content": content},
        ]


NOUNS = ("ledger", "invoice", "tariff", "meter", "contract", "reading", "customer", "payment", "refund", "notice", "period", "account")
VERBS = ("load", "check", "merge", "price", "round", "split", "export", "index")


def module(name: str, functions: int, special: str = "") -> str:
    """A Python file of short functions, no two alike; `special` stands in its middle."""
    blocks = [f'"""Everything about a {name}."""\n\nfrom decimal import Decimal\n\nfrom billing.common import Row, rows_of\n']
    for place in range(functions):
        verb, noun = VERBS[place % len(VERBS)], NOUNS[(place * 5 + len(name)) % len(NOUNS)]
        blocks.append(
            f"def {verb}_{noun}_{place}(rows: list[Row], limit: int = {place * 37 + 11}) -> Decimal:\n"
            f'    """The {noun} rows of a {name} that are to {verb}, and what they come to beyond {place * 3}."""\n'
            f"    chosen = [row for row in rows if row.{noun}_id and row.amount > {place * 3}]\n"
            f"    return sum((row.amount for row in chosen[:limit]), Decimal(0))\n"
        )
        if special and place == functions // 2:
            blocks.append(special)
    return "\n\n".join(blocks)


def hits(word: str, files: int) -> str:
    """What grep prints for a word in many files."""
    return "\n".join(
        f"billing/{NOUNS[place % 12]}_{VERBS[place % 8]}.py:{place * 13 + 7}:    total = {word}(rows, period={place})"
        for place in range(files)
    )


def passing(names: Sequence[str], each: int) -> str:
    """A test run's lines for tests that pass."""
    return "\n".join(f"tests/test_{name}.py::test_{VERBS[place % 8]}_{place} PASSED" for name in names for place in range(each))
