"""The page of what the guard costs is written by three scripts, each of which leaves the others' parts as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from performance import SOAK, STORES, page, rewritten

SECTION = STORES.format(rounds=3) + "| a table |\n"


def test_a_section_takes_the_place_of_the_one_before_and_the_rest_stays(tmp_path: Path) -> None:
    place = tmp_path / "performance.md"
    place.write_text("# What the guard costs\n\ntables\n", encoding="utf-8")
    for text in (SECTION, SECTION.replace("a table", "another")):
        rewritten(place, text)
        assert place.read_text(encoding="utf-8") == f"# What the guard costs\n\ntables\n\n{text}"


@pytest.mark.filterwarnings("ignore:No artists with labels")
def test_the_other_script_keeps_the_section(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="draws a plot")
    first = page({}, 5, tmp_path)
    rewritten(tmp_path / "performance.md", SECTION)
    assert page({}, 5, tmp_path) == first
    assert (tmp_path / "performance.md").read_text(encoding="utf-8") == f"{first}\n{SECTION}"


def test_two_sections_stand_side_by_side(tmp_path: Path) -> None:
    place, other = tmp_path / "performance.md", SOAK.format(clients=2, minutes=1, window=16_000) + "- answered: 9 with 200\n"
    for part in (SECTION, other, "# What the guard costs\n", SECTION.replace("a table", "another")):
        rewritten(place, part)
    assert place.read_text(encoding="utf-8") == "\n".join(("# What the guard costs\n", SECTION.replace("a table", "another"), other))


def test_without_a_page_the_section_is_one(tmp_path: Path) -> None:
    place = tmp_path / "performance.md"
    rewritten(place, SECTION)
    assert place.read_text(encoding="utf-8") == SECTION


def test_the_page_as_it_is_ends_with_the_section() -> None:
    page = (Path(__file__).parents[1] / "docs" / "performance.md").read_text(encoding="utf-8")
    assert page.count(STORES.partition("\n")[0]) == 1
