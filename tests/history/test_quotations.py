"""How passages are quoted: in their order, under who said them, with what is left out between them marked."""

from __future__ import annotations

import pytest
from build import call, parsed, result, say

from token_guard.conversation import Message
from token_guard.history.passages import Passage, passages_of
from token_guard.history.quotations import quotation

LINES = [f"line {number:02d} of a long report about the harbour and its cranes" for number in range(40)]
HISTORY = parsed(
    [say("user", "First."), say("user", "Second."), call("1", path="a.py"), result("1", "\n".join(LINES)), say("user", "Third.")]
)
FIRST, SECOND, CALL, *REPORT, THIRD = (passage for index, message in enumerate(HISTORY) for passage in passages_of(index, message))


def quoted(*passages: Passage, history: tuple[Message, ...] = HISTORY) -> str:
    return quotation(passages, history).split("quoted\n")[1].split("\nend of")[0]


def test_who_said_what() -> None:
    assert quoted(FIRST, CALL, THIRD) == "user:\n    First.\n...\ncall of read:\n    path: a.py\n...\nuser:\n    Third."


def test_what_follows_goes_on_without_a_mark() -> None:
    assert quoted(FIRST, SECOND) == "user:\n    First.\n    Second."
    assert quoted(*REPORT) == "output of read:\n" + "\n".join(f"    {line}" for line in LINES)


@pytest.mark.parametrize("passages", [(REPORT[0], REPORT[2]), (FIRST, THIRD)])
def test_what_is_left_out_is_marked(passages: tuple[Passage, ...]) -> None:
    assert "\n...\n" in quoted(*passages)


def test_a_stretch_is_quoted_to_the_letter() -> None:
    lines = f"{REPORT[1].text}{REPORT[2].text}".splitlines()
    assert quoted(FIRST, REPORT[1], REPORT[2]).endswith("output of read:\n" + "\n".join(f"    {line}" for line in lines if line))
