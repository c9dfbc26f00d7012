"""Facts that a long session says once, in instructions, by the user, by the assistant and in outputs, live through compaction."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from build import agent, say
from planted import PLAN, Planted, planted

from token_guard import Guard, Settings, TokenCounter
from token_guard.compaction import rules

SEEDS = (1, 2, 3)


@pytest.fixture(scope="module", params=SEEDS)
def session(request: pytest.FixtureRequest) -> Planted:
    return planted(request.param)


def forwarded(session: Planted, limit: int) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = (
        Guard(Settings()).process({"model": "gpt-4o", "messages": session.messages}, max_input_tokens=limit).request["messages"]
    )
    return messages


def test_a_seed_gives_the_same_conversation_again() -> None:
    assert planted(1) == planted(1)
    assert planted(1) != planted(2)


def test_a_conversation_is_300_messages_of_about_290k_tokens_with_34_facts(session: Planted) -> None:
    assert len(session.messages) == 300
    assert 270_000 < TokenCounter("gpt-4o").count_tokens_messages(session.messages) < 320_000
    assert Counter(fact.place for fact in session.facts) == PLAN
    assert sum(PLAN.values()) == 34


def test_every_fact_is_said_once_and_none_is_lost_before_compaction(session: Planted) -> None:
    text = json.dumps(session.messages)
    assert [fact for fact in session.facts if text.count(fact.key) != 1] == []
    assert session.lost(session.messages, whole=True) == ()


@pytest.mark.parametrize(("limit", "at_least"), [(128_000, 28), (32_000, 23)])
def test_compaction_keeps_planted_facts(session: Planted, limit: int, at_least: int) -> None:
    """An index of names kept 33 and 31 of them, and told nothing of what was done; the account keeps fewer single lines."""
    lost = session.lost(forwarded(session, limit))
    assert len(session.facts) - len(lost) >= at_least, lost


def test_what_the_user_said_stands_to_the_letter_in_whatever_form() -> None:
    said = [
        "Give me the timings as milliseconds with one decimal.",
        "Dates as 2026-11-27, please.",
        "Put the diff before the explanation.",
        "Write it the way you would tell a colleague.",
        "I had hoped that the cache would make this faster.",
        "Ines will look at the third module on Friday.",
    ]
    messages = agent(240)
    assert not any(map(rules.found, said))
    for number, words in enumerate(said, 1):
        messages.insert(2 + 60 * number, say("user", words))
    for limit in (32_000, 16_000, 8_000):
        forwarded = json.dumps(
            Guard(Settings()).process({"model": "gpt-4o", "messages": messages}, max_input_tokens=limit).request["messages"]
        )
        assert [words for words in said if words not in forwarded] == []
