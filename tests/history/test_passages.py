"""Histories in passages, and how much each of them has to do with a question."""

from __future__ import annotations

import pytest
from build import call, parsed, result, say

from token_guard.history.passages import Passages, text_of, with_neighbours, words

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
