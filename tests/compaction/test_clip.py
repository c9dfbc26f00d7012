"""Words of others on one line of a note are cut between words, and never inside a name."""

from __future__ import annotations

import re
from string import ascii_letters, digits

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from token_guard.compaction.clip import clipped, cut_at, ending, pieces

IN_NAME = re.compile(r"[A-Za-z0-9_./\-]")
WORDS = re.compile(r"[A-Za-z0-9_]+")
NAMES = st.lists(
    st.sampled_from(["src/core/system_prompt.py", "test_rename_field", "a", "to", " " * 90, "AutodetectorTests.run"]), max_size=30
)


@given(NAMES, st.sampled_from([" ", ".", "/", "  "]), st.integers(30, 200))
def test_every_word_of_a_cut_stands_so_in_the_text(names: list[str], between: str, chars: int) -> None:
    text = between.join(names)
    known = set(WORDS.findall(text))
    assert set(WORDS.findall(clipped(text, chars))) <= known
    assert {word for piece in pieces(text, chars) for word in WORDS.findall(piece)} <= known


@pytest.mark.parametrize("text", ["x" * 300, " " * 9_000 + "three words here", "字" * 300])
def test_what_has_no_end_is_cut_all_the_same(text: str) -> None:
    assert len(clipped(text, 40)) <= 42
    assert clipped(text, 40).strip(" …")


@given(st.text("aZ9_+é./-", min_size=41, max_size=50))
def test_a_text_without_spaces_is_cut_at_the_last_end_of_a_name(text: str) -> None:
    ends = [place for place in range(20, 41) if not (IN_NAME.match(text[place - 1]) and IN_NAME.match(text[place]))]
    assert cut_at(text, 40) == (ends[-1] if ends else min(len(text[:41].rstrip(f"{ascii_letters}{digits}_")), 40) or 40)


@given(NAMES, st.integers(30, 80))
@example(["src/core/system_prompt.py"] * 9, 30)
@example(["src/core/system_prompt.py"] * 60, 30)
def test_every_word_of_a_path_in_a_command_that_is_cut_stands_so_in_it(names: list[str], chars: int) -> None:
    command = f"sed -n 1,9p {'/'.join(names)}/models.py"
    assert set(WORDS.findall(ending(command, chars))) <= set(WORDS.findall(command))


def test_of_a_path_in_a_command_the_file_is_told() -> None:
    assert ending("sed -n 1,9p /srv/checkout/project/src/models.py", 40) == "sed -n 1,9p …/src/models.py"
    assert ending("grep -rn 'a/b/c' /srv/checkout/project/src/models.py:12", 40) == "grep -rn 'a/b/c' …/src/models.py:12"
