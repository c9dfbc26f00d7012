"""Histories in passages, and how much each of them has to do with a question."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from build import answer, call, parsed, result, say

from token_guard import Guard, Settings
from token_guard.conversation import Message
from token_guard.history import passages as passages_module
from token_guard.history import quotations, recall
from token_guard.history.passages import Passages, text_of, with_neighbours, words
from token_guard.history.states import Memo

TALK = parsed(
    [say("user", f"Number {number} speaks of {subject}.") for number, subject in enumerate(["cats", "dogs", "the ferry", "rain"])]
)


def best(passages: Passages, question: str, count: int) -> int:
    scores = passages.scores(passages.weights(question, count), count)
    return scores.index(max(scores))


def test_the_passage_with_the_rare_words_of_the_question_scores_highest() -> None:
    assert best(Passages.of(TALK), "Which number speaks of ferries or a ferry?", 4) == 2


def test_what_is_asked_about_the_beginning_depends_on_the_beginning_alone() -> None:
    longer = Passages.of((*TALK, *parsed([say("user", "ferry ferry ferry")] * 5)))
    weights = Passages.of(TALK).weights("the ferry", 4)
    assert longer.weights("the ferry", 4) == weights
    assert longer.scores(weights, 4) == Passages.of(TALK).scores(weights, 4)


@pytest.mark.parametrize(
    "text",
    ["line of words\n" * 400, "A sentence of words. " * 300, '{"id": 1}, ' * 500, "x" * 5_000, "\n" * 3_000, "short"],
    ids=["lines", "sentences", "json", "one word", "blank", "short"],
)
def test_passages_put_together_are_the_text(text: str) -> None:
    history = parsed([say("user", text)])
    pieces = Passages.of(history).all
    assert "".join(piece.text for piece in pieces) == text_of(history[0].parts[0]) or not text.strip()
    assert max(len(piece.text) for piece in pieces) <= 1_000


def test_calls_and_results_have_passages_and_instructions_have_none() -> None:
    history = parsed([say("system", "Be brief."), say("user", "Go."), call("1", path="a.py"), result("1", "class A: ...")])
    assert [passage.message for passage in Passages.of(history).all] == [1, 2, 3]
    assert Passages.of(history).before(3) == 2


def test_every_character_of_unspaced_scripts_is_a_word_and_other_scripts_keep_theirs() -> None:
    assert list(words("東京 Москва")) == ["東", "京", "москва"]


def test_a_passage_gets_a_share_of_the_scores_around_it_that_falls_with_distance() -> None:
    near = with_neighbours([0.0] * 6 + [1.0] + [0.0] * 6)
    assert near[6] == 1.0
    assert near[5] == near[7] > near[4] > near[2] > near[0] == 0.0


def test_an_index_that_grew_is_the_one_that_was_built_at_once() -> None:
    longer = (*TALK, *parsed([say("user", "ferry ferry " * 200), say("user", "and dogs")]))
    grown, index = Passages(), Passages.of(longer)
    for end in range(len(longer) + 1):
        grown.upto(longer[:end])
    assert grown == index
    assert grown.size == index.size > 0


def test_in_a_long_talk_the_newest_passages_are_scored() -> None:
    index = Passages.of(TALK)
    weights = index.weights("the ferry speaks", 4)
    assert index.scores(weights, 4, 2) == index.scores(weights, 4)[2:]


def test_of_very_many_uses_those_of_the_rarest_words_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passages_module, "MOST_USES", 6)
    assert list(Passages.of(TALK).weights("Which number speaks of rain?", 4)) == ["number", "rain"]


def test_a_word_that_most_passages_have_tells_nothing_where_there_are_many() -> None:
    index = Passages.of(parsed([say("user", f"page {number}") for number in range(40)]))
    assert list(index.weights("page 7", 40, telling=True)) == ["7"]
    assert list(index.weights("page 7", 40)) == ["page", "7"]
    assert list(index.weights("page 7", 1, telling=True)) == ["page"]


# -- turn after turn ------------------------------------------------------------------------------------------------------


def chat(turns: int) -> list[dict[str, Any]]:
    said = [
        (f"What of item {turn} and the {'ferry' if turn % 3 else 'harbour'} in it?", f"Item {turn}. {'Noted. ' * 20}")
        for turn in range(turns)
    ]
    messages = [message for asked, told in said for message in (say("user", asked), answer(told))]
    return [say("system", "Be brief."), *messages, say("user", "And which items have a ferry?")]


def test_a_turn_of_talk_reads_its_new_messages_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def counted(index: int, message: Message) -> Iterator[Any]:
        read.append(index)
        return passages_of(index, message)

    passages_of = passages_module.passages_of
    monkeypatch.setattr(passages_module, "passages_of", counted)
    guard, longer = Guard(Settings()), chat(62)
    guard.process({"model": "gpt-4o", "messages": chat(60)}, max_input_tokens=2_000)
    read.clear()
    warm = guard.process({"model": "gpt-4o", "messages": [*chat(60), *longer[-4:]]}, max_input_tokens=2_000)
    assert read == list(range(122, 126))
    assert (
        warm.request
        == Guard(Settings()).process({"model": "gpt-4o", "messages": [*chat(60), *longer[-4:]]}, max_input_tokens=2_000).request
    )


def test_an_index_belongs_to_who_took_it() -> None:
    memo, index = Memo(10**6), Passages.of(TALK)
    memo.put_passages(b"4", index)
    assert memo.size == index.size
    assert memo.take_passages([b"3", b"4", b"5"]) is index
    assert memo.take_passages([b"3", b"4", b"5"]) == Passages()


def test_an_index_that_has_no_room_is_not_remembered() -> None:
    memo = Memo(1_000)
    memo.put_passages(b"4", Passages.of(TALK))
    assert memo.size == 0


def test_a_question_asks_of_the_passages_that_are_quoted_alone_whether_they_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    has = recall._Readable.has
    monkeypatch.setattr(recall._Readable, "has", lambda self, passage: asked.append(passage) or has(self, passage))
    Guard(Settings()).process({"model": "gpt-4o", "messages": chat(200)}, max_input_tokens=2_000)
    most = 1_000 // 10  # what a question may bring, in the smallest passages
    assert 0 < len(asked) < 200 * most


def test_quotes_of_talk_look_for_no_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotations, "tool_names", lambda _: pytest.fail("looked through the history"))
    history = parsed(chat(3))
    assert "item 1" in quotations.quotation(Passages.of(history).all[2:3], history)
