"""The pages that put a test beside each claim: every test is there, no claim is without one, and promises are README's own words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
NAMED: Final = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")
PAGES: Final = ("security", "faults", "promises")
BOLD: Final = re.compile(r"^- \*\*(.+?)\*\* (.*?)(?=^- |^$)", re.MULTILINE | re.DOTALL)

TAKES_AWAY: Final = ("Mend Python 3.11.",)
"""Of README's list of what it does not do those that promise nothing."""


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def claims(page: str) -> list[str]:
    """The rows of a page's tables, without their heads."""
    rows = [line for line in read(f"docs/{page}.md").splitlines() if line.startswith("| ")]
    return [row for row in rows if not row.startswith(("| what", "| claim", "| ---"))]


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_the_page_names_is_there(page: str) -> None:
    named = NAMED.findall(read(f"docs/{page}.md"))
    assert len(named) >= 15
    for file, test in named:
        assert not test or re.search(rf"^ *(?:async )?def {test}\(", read(file), re.MULTILINE), f"{file} has no {test}"


@pytest.mark.parametrize("page", PAGES)
def test_no_claim_of_the_page_is_without_a_test(page: str) -> None:
    assert claims(page)
    assert [row for row in claims(page) if not NAMED.search(row)] == []


def promises() -> list[str]:
    return [row.split(" | ")[0].removeprefix("| ") for row in claims("promises")]


def test_promises_are_in_the_words_of_readme() -> None:
    words = " ".join(read("README.md").split())
    assert [promise for promise in promises() if promise not in words] == []


def test_no_bold_promise_of_readme_is_left_out() -> None:
    told = {title: " ".join(text.split()) for title, text in BOLD.findall(read("README.md"))}
    assert len(told) >= 10
    assert [title for title, text in told.items() if not any(promise in text for promise in promises())] == [*TAKES_AWAY]
