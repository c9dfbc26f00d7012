"""The session that docs/quickstart.md tells in numbers, and the line that its proxy logged, are what the guard says of it today.

`python tests/test_worked_example.py` writes the numbers anew, between their marks.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from build import agent

from token_guard import Guard, Settings
from token_guard.limits import Deployment
from token_guard.proxy.headers import log_line
from token_guard.report import Report

DOCUMENT: Final = Path(__file__).parents[1] / "docs/quickstart.md"
MODEL, WINDOW, CALLS = "hosted_vllm/qwen3-32b", 32_768, 100
TRIGGER, TARGET = 0.93, 0.40
DEPLOYMENT: Final = Deployment(model_info={"max_input_tokens": WINDOW})
SESSION: Final = agent(CALLS)
PLACE: Final = re.compile(r"<!-- example -->\n.*?<!-- end of example -->", re.DOTALL)


@cache
def _guard() -> Guard:
    return Guard(Settings())


@cache
def _at(call: int) -> Report:
    """What is said of the request that has so many calls of the session."""
    return _guard().process({"model": MODEL, "messages": SESSION[: 2 + 2 * call]}, deployment=DEPLOYMENT).report


@cache
def _compactions() -> tuple[int, ...]:
    """The calls at which the session was compacted once more: their number never falls."""
    calls = range(CALLS + 1)
    return tuple(bisect_left(calls, times, key=lambda call: _at(call).epochs) for times in range(1, _at(CALLS).epochs + 1))


def _told() -> str:
    shown = sorted({call + step for call in _compactions() for step in (-1, 0, 1)} | {CALLS})
    each = round((_at(CALLS).tokens_before - _at(1).tokens_before) / (CALLS - 1) / 10) * 10
    lines = (
        f"A coding agent makes {CALLS} calls; each adds about {each} tokens to what it sends.",
        "",
        *_table(("", "tokens", "how"), ("---", "---:", "---"), _sizes()),
        "",
        "Of its requests, those around a compaction, and the last one:",
        "",
        *_table(("call", "the client sends", "forwarded", "compactions so far"), ("---:",) * 4, map(_row, shown)),
        "",
        f"In {CALLS} calls the prompt's beginning changes {len(_compactions())} times. Every other request goes on where the one before it ended, so that the",
        "provider reads the rest from its prompt cache.",
    )
    return "\n".join(lines)


def _sizes() -> Iterable[Sequence[str]]:
    last, prompt = _at(CALLS), WINDOW - _at(CALLS).budget.reserved_output
    yield "window", f"{WINDOW:,}", f"`{MODEL}`, as its `model_info` says"
    yield "reply", f"{last.budget.reserved_output:,}", f"`reserve_output`, since the client asks for no length; {prompt:,} are left"
    yield "margin", f"{last.margin:.0%}".replace("%", " %"), "of an estimate; answers make it smaller, and exact counts have none"
    yield "allowed", f"{last.budget.allowed:,}", f"{prompt:,} by {1 + last.margin:.2f}: an estimate of this counts at most what is left"
    yield "trigger", f"{last.budget.trigger:,}", f"{TRIGGER:.2f} of it, for an agent that works alone and has large messages; in steps"
    yield "target", f"{last.budget.target:,}", f"{TARGET:.2f} of it, in steps"


def _row(call: int) -> tuple[str, ...]:
    report = _at(call)
    return str(call), f"{report.tokens_before:,}", f"{report.tokens_after:,}", str(report.epochs)


def _table(head: Sequence[str], rule: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]


def _marked() -> str:
    return f"<!-- example -->\n{_told()}\n<!-- end of example -->"


def test_the_numbers_of_the_example_are_those_of_the_guard() -> None:
    assert _marked() in DOCUMENT.read_text(encoding="utf-8"), "python tests/test_worked_example.py writes them anew"


def test_what_the_example_says_of_its_numbers_is_so() -> None:
    last = _at(CALLS)
    in_steps = WINDOW / 32
    assert last.budget.allowed == int((WINDOW - last.budget.reserved_output) / (1 + last.margin))
    assert last.budget.trigger == pytest.approx(TRIGGER * last.budget.allowed, abs=in_steps)
    assert last.budget.target == pytest.approx(TARGET * last.budget.allowed, abs=in_steps)
    for call in _compactions():
        assert _at(call - 1).tokens_after <= last.budget.trigger
        assert _at(call).tokens_after <= last.budget.target


def test_the_line_of_the_log_is_what_is_logged() -> None:
    (told,) = re.findall(r"noting\.py:\d+ - (.*)", DOCUMENT.read_text(encoding="utf-8"))
    assert _timeless(told) == _timeless(log_line(_at(CALLS)))


def _timeless(line: str) -> str:
    return re.sub(r"[\d.]+ ms$", "ms", line)


if __name__ == "__main__":
    written = DOCUMENT.read_text(encoding="utf-8")
    assert PLACE.search(written), f"{DOCUMENT.name} has no place for the example"
    DOCUMENT.write_text(PLACE.sub(lambda _: _marked(), written), encoding="utf-8")
