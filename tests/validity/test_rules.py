"""Provider rules: each complains about what it names, and about nothing that the client's own request did."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from build import answer, call, parsed, result, say

from token_guard.conversation import Message, Reasoning, Text
from token_guard.validity.rules import RULES, complaint, messages_keep_their_order

SESSION = [
    say("system", "Be careful."),
    say("user", "task"),
    {**call("1", path="a"), "reasoning_content": "hm"},
    result("1", "x"),
    call("2", path="b"),
    result("2", "y"),
    answer("Both."),
    say("user", "and now?"),
    {**call("3", path="c"), "reasoning_content": "hm"},
    result("3", "z"),
]
BEFORE = parsed(SESSION)


def without(*places: int) -> tuple[Message, ...]:
    return tuple(message for place, message in enumerate(BEFORE) if place not in places)


def with_part(place: int, number: int, part: Any) -> tuple[Message, ...]:
    return tuple(message.with_part(number, part) if here == place else message for here, message in enumerate(BEFORE))


BROKEN = {
    "results_follow_their_calls": without(2),
    "calls_are_answered": without(3),
    "arguments_stay_json": with_part(4, 0, replace(BEFORE[4].calls[0], arguments='{"path": "b')),
    "nothing_becomes_empty": with_part(1, 0, Text("  ")),
    "instructions_stay_whole": with_part(0, 0, Text("Be")),
    "the_last_user_message_stays": without(7),
    "the_last_assistant_turn_is_untouched": without(8, 9),
    "reasoning_stays_with_its_message": with_part(2, 0, Reasoning("")),
    "a_tool_loop_keeps_its_opening_reasoning": without(2, 3),
    "reasoning_opens_its_turn": without(7),
    "the_first_turn_stays_a_user_turn": without(1),
    "the_last_role_stays": without(9),
    "results_are_unique": (*BEFORE[:4], BEFORE[3], *BEFORE[4:]),
    "calls_and_results_go_together": without(4),
    "messages_keep_their_order": (BEFORE[0], BEFORE[1], *BEFORE[4:6], *BEFORE[2:4], *BEFORE[6:]),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_complains_about_what_it_names(rule: Any) -> None:
    assert rule(BEFORE, BROKEN[rule.__name__])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_accepts_the_request_itself_and_whole_exchanges_taken_out(rule: Any) -> None:
    assert rule(BEFORE, BEFORE) is None
    assert rule(BEFORE, without(4, 5)) is None
    assert rule(BEFORE, without(2, 3, 4, 5, 6)) is None


# the client's own order is the order of the places: it cannot be broken by the client
@pytest.mark.parametrize("rule", [rule for rule in RULES if rule is not messages_keep_their_order], ids=lambda rule: rule.__name__)
def test_a_rule_accepts_what_the_client_broke_itself(rule: Any) -> None:
    broken = BROKEN[rule.__name__]
    assert rule(broken, broken) is None


def test_the_first_broken_rule_is_named() -> None:
    assert complaint(BEFORE, without(3)) == "1 tool call(s) without a result"
    assert complaint(BEFORE, BEFORE) is None


def test_a_note_between_the_turns_breaks_nothing() -> None:
    note = Message("user", (Text("reference"),))
    assert complaint(BEFORE, (*BEFORE[:2], note, *BEFORE[7:])) is None


def test_a_loop_that_opened_without_reasoning_may_come_right_after_the_task() -> None:
    reasoned, plain = {**answer(), "reasoning_content": "hm"}, answer("Yes.")
    before = parsed([say("user", "task"), reasoned, say("user", "more"), plain, say("user", "and now?")])
    assert complaint(before, (before[0], *before[3:])) is None


def test_every_recorded_request_passes_all_rules(corpus: Any) -> None:
    for record in corpus("agent_sessions")[:4]:
        messages = parsed(record["messages"])
        assert complaint(messages, messages) is None


def test_arguments_that_were_broken_before_are_the_clients_own() -> None:
    half = {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a'}}]}
    before = parsed([say("user", "a"), half, result("1", "x"), answer()])
    assert complaint(before, before) is None


def test_every_rule_is_listed_once() -> None:
    assert len({rule.__name__ for rule in RULES}) == len(RULES) == len(BROKEN)
