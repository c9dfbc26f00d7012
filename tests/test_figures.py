"""What `python benchmarks/figures.py` takes for a figure, and for one that no longer holds."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from figures import FIGURES, Made, Measured, changed

DOCS = Path(__file__).parents[1] / "docs"
PAGE = """# Agents

Of 24 sessions 3 were too long.

| engine | lost | ms |
| --- | ---: | ---: |
| ours | 481 of 6,101 | 10.1 |
| window | 665 of 6,101 | 0.3 |
"""


def test_the_same_page_has_no_differences() -> None:
    assert list(changed(PAGE, PAGE)) == []


def test_what_is_counted_has_to_be_the_same() -> None:
    (one,) = changed(PAGE, PAGE.replace("481", "482"))
    assert (one.place, one.told, one.found) == ("Agents, ours, lost", "481 of 6,101", "482 of 6,101")
    (one,) = changed(PAGE, PAGE.replace("24 sessions", "25 sessions"))
    assert (one.told, one.found) == ("24 3", "25 3")


def test_what_is_timed_may_be_twice_or_half_as_much() -> None:
    assert list(changed(PAGE, PAGE.replace("10.1", "20.1").replace("0.3", "0.2"))) == []
    assert [one.place for one in changed(PAGE, PAGE.replace("10.1", "20.3"))] == ["Agents, ours, ms"]


def test_a_row_that_is_gone_or_new_is_a_difference() -> None:
    shorter = "\n".join(PAGE.splitlines()[:-1])
    assert {(one.told, one.found) for one in changed(PAGE, shorter)} == {("665 of 6,101", ""), ("0.3", "")}
    assert {one.told for one in changed(shorter, PAGE)} == {""}


def test_rows_of_one_label_are_told_apart() -> None:
    twice = f"{PAGE}| ours | 7 of 9 | 1.0 |\n"
    assert [one.told for one in changed(twice, twice.replace("7 of 9", "8 of 9"))] == ["7 of 9"]


@pytest.mark.parametrize("name", [name for name, figure in FIGURES.items() if isinstance(figure, Measured)])
def test_a_measured_figure_stands_in_its_document_and_is_held_to_it(name: str) -> None:
    figure = FIGURES[name]
    assert isinstance(figure, Measured)
    assert list(replace(figure, measure=lambda: figure.told[0]).differences()) == []
    assert len(list(replace(figure, measure=lambda: figure.told[-1] * 3).differences())) == 1


@pytest.mark.parametrize("name", [name for name, figure in FIGURES.items() if isinstance(figure, Made)])
def test_a_page_that_is_made_has_figures(name: str) -> None:
    figure = FIGURES[name]
    assert isinstance(figure, Made)
    told = figure.part((DOCS.parent / figure.document).read_text(encoding="utf-8"))
    assert list(changed(told, "")), f"{figure.document} has no figure where {name} looks for them"


def test_every_page_that_a_benchmark_writes_is_made_anew() -> None:
    written = {
        f"docs/{page.name}"
        for page in DOCS.glob("*.md")
        if re.search(r"^Written by `python benchmarks/", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert written <= {figure.document for figure in FIGURES.values()}
