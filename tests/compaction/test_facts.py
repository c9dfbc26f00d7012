"""What is read off a text: names without the noise around them, the gist of long words."""

from __future__ import annotations

import pytest
from build import Characters
from hypothesis import given
from hypothesis import strategies as st

from token_guard.compaction import facts, remembered

COUNTER = Characters()


def test_a_search_hits_line_number_is_not_part_of_the_path() -> None:
    assert facts.names("cmd/strategy/common.go-143- return nil") == ("cmd/strategy/common.go",)


@pytest.mark.parametrize("address", ["1016", "750i", "445p"])
def test_line_numbers_are_no_names(address: str) -> None:
    assert facts.names(f"{address}\tfoo") == ()


def test_a_drawn_line_is_no_name() -> None:
    assert facts.names("_________ test_load _________ ==== --/--/-- ./-_") == ("test_load",)


def test_the_gist_keeps_the_sentence_that_decides() -> None:
    text = f"{'It was a long day. ' * 20}From now on read the bucket eu-west-7. {'So it goes. ' * 20}"
    assert "From now on read the bucket eu-west-7." in facts.gist(text, 120)
    assert len(facts.gist(text, 120)) <= 120


def test_one_endless_sentence_is_quoted_by_its_beginning() -> None:
    assert facts.gist("word " * 100, 50).startswith("word word")
    assert len(facts.gist("word " * 100, 50)) <= 53


def test_the_worthiest_names_fit_the_room_and_none_repeats_a_part_of_another() -> None:
    weights = {"src/app/main.py": 9.0, "main.py": 4.0, "x" * 80: 1.0, "pay.total": 1.0}
    chosen = facts.worthiest(weights, 30, COUNTER)
    assert chosen == ["src/app/main.py", "pay.total"]


def test_names_that_were_said_are_not_listed_and_are_asked_for_until_the_room_is_full() -> None:
    class Counting(Characters):
        counted: list[str] = []  # noqa: RUF012

        def text(self, text: str) -> int:
            self.counted.append(text)
            return len(text)

    weights = {
        "src/app/main.py": 9.0,
        "pay.total": 8.0,
        "pay.sum": 7.0,
        "pay.tax": 0.0,
        **{f"order_{number}": 1.0 for number in range(500)},
    }
    chosen = facts.worthiest(weights, 30, Counting(), said="- [read] src/app/main.py_old and x/pay.sum-1")
    assert chosen == ["pay.total", "order_0", "order_1"]
    assert len(Counting.counted) == 4


def test_of_names_with_equal_weight_members_come_before_numbers() -> None:
    assert facts.worthiest({"abc_12345": 1.0, "order.pay": 1.0}, 10, COUNTER) == ["order.pay"]
    assert facts.worthiest({"12.30.451": 1.0, "order.pay": 1.0}, 10, COUNTER) == ["order.pay"]


def test_a_short_number_is_no_name_that_tells_anything_in_a_list() -> None:
    assert facts.worthiest({"4.10": 9.0, "12-30": 9.0, "pay_24820": 1.0}, 100, COUNTER) == ["pay_24820"]


def test_what_was_read_once_is_not_read_again_and_texts_too_long_to_remember_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "REMEMBERED_CHARS", 200)
    read: list[str] = []

    @remembered.remembered
    def first_word(text: str) -> tuple[str, ...]:
        read.append(text)
        return (text.split(maxsplit=1)[0],)

    long = "much too long " * 20
    assert [first_word(text) for text in ("a b", "a b", long, long)] == [("a",), ("a",), ("much",), ("much",)]
    assert read == ["a b", long, long]


def test_what_was_read_last_is_remembered_and_what_nobody_asks_for_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "REMEMBERED_CHARS", 4 * (remembered.ENTRY_CHARS + 1))
    read: list[str] = []

    @remembered.remembered
    def same(text: str) -> str:
        read.append(text)
        return text

    for text in ("a", "b", "c", "a", "d", "e", "a"):
        assert same(text) == text
    assert read == ["a", "b", "c", "d", "e"]
    assert [same(text) for text in "abc"] == ["a", "b", "c"]
    assert read == ["a", "b", "c", "d", "e", "b", "c"]


@given(st.text(st.characters(max_codepoint=127)))
def test_words_of_ascii_text_are_those_of_the_pattern(text: str) -> None:
    assert facts.terms(text) == frozenset(filter(None, map(facts.stem, facts.WORD.findall(text.lower()))))
