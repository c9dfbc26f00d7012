"""Words of others on one line of a note are cut between words, and never inside a name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_guard.compaction.clip import clipped, pieces

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
