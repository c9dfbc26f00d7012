"""Histories that a client broke: mended where compaction touches them, passed as they are where it does not.

The repair of each break through the front door is in test_failures.py, by number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from anthropic_rules import anthropic_refusal
from broken_histories import ASK, Event, as_anthropic, as_chat, as_responses, broken_histories
from build import agent, answer, call, parsed, result, say
from hypothesis import HealthCheck, given, settings
from responses_rules import complaints

from token_guard import Guard
from token_guard.conversation import Conversation, Message
from token_guard.demo.openai_rules import shape_refusal
from token_guard.formats import FORMATS
from token_guard.validity.repair import QUOTE_CHARS, QUOTED_CHARS, repair

LIMIT = 1_000

ROOM = 2 * LIMIT
"""What any history fits that these tests make: one with several open calls holds much that must stay."""


def chat(events: list[Event]) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": as_chat(events)}


def anthropic(events: list[Event]) -> dict[str, Any]:
    return {"model": "claude-sonnet-4-5", "max_tokens": 100, "system": "Be careful.", "messages": as_anthropic(events)}


def responses(events: list[Event]) -> dict[str, Any]:
    return {"model": "gpt-4o", "input": as_responses(events)}


WIRES: Mapping[str, tuple[Callable[[list[Event]], dict[str, Any]], Callable[[Mapping[str, Any]], Any]]] = {
    "openai.chat": (chat, shape_refusal),
    "anthropic.messages": (anthropic, anthropic_refusal),
    "openai.responses": (responses, lambda request: complaints(request["input"])),
}


def conversation(api: str, request: Mapping[str, Any]) -> Conversation:
    found = FORMATS[api].parse(request)
    assert isinstance(found, Conversation)
    return found


@pytest.mark.parametrize("api", WIRES)
@given(events=broken_histories())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_broken_history_never_raises_always_fits_and_is_valid_once_it_is_touched(api: str, events: list[Event]) -> None:
    write, refusal = WIRES[api]
    request = write(events)
    before = json.dumps(request)
    fitted = Guard().process(request, api=api, max_input_tokens=ROOM)
    assert fitted.report.tokens_after <= ROOM
    assert fitted.report.action == ("none" if fitted.request is request else "compacted")
    assert fitted.request is request or not refusal(fitted.request)
    assert ASK in json.dumps(fitted.request)
    assert json.dumps(request) == before


@pytest.mark.parametrize("api", WIRES)
@given(events=broken_histories())
@settings(max_examples=120, deadline=None)
def test_a_repair_is_valid_alone_says_what_it_did_and_mends_nothing_twice(api: str, events: list[Event]) -> None:
    write, refusal = WIRES[api]
    request = write(events)
    parsed_ = conversation(api, request)
    repaired = repair(parsed_.messages, parsed_.answers)
    assert bool(repaired.notes) == (repaired.messages is not parsed_.messages)
    assert not repaired.notes or not refusal(FORMATS[api].render(parsed_.with_messages(repaired.messages)))
    assert repaired.notes or api == "anthropic.messages" or not refusal(request)
    assert repair(repaired.messages, parsed_.answers).notes == ()
    assert [message.index for message in repaired.messages if message.origin] == [
        place for place, message in enumerate(repaired.messages) if message.origin
    ]


@pytest.mark.parametrize("api", WIRES)
@given(events=broken_histories())
@settings(max_examples=100, deadline=None)
def test_a_repair_stays_the_same_when_the_history_goes_on(api: str, events: list[Event]) -> None:
    more = [*events, Event("answer", text="The third."), Event("say", text="And now?")]
    first, second = (conversation(api, WIRES[api][0](history)) for history in (events, more))
    earlier = [(message.role, message.parts) for message in repair(first.messages, first.answers).messages]
    later = [(message.role, message.parts) for message in repair(second.messages, second.answers).messages]
    assert later[: len(earlier)] == earlier


@pytest.mark.parametrize("api", WIRES)
@given(events=broken_histories())
@settings(max_examples=40, deadline=None)
def test_a_broken_session_is_forwarded_the_same_with_and_without_memory(api: str, events: list[Event]) -> None:
    warm = Guard()
    for end in range(4, len(events) + 1, 3):
        request = WIRES[api][0](events[:end])
        options: dict[str, Any] = {"api": api, "max_input_tokens": 2 * LIMIT}  # calls that wait for their results may not go
        assert warm.process(request, **options).request == Guard().process(request, **options).request


@pytest.mark.parametrize("api", WIRES)
@given(events=broken_histories())
@settings(max_examples=100, deadline=None)
def test_a_history_that_breaks_off_anywhere_never_raises_and_fits(api: str, events: list[Event]) -> None:
    for end in (len(events) - 1, len(events) // 2):
        fitted = Guard().process(WIRES[api][0](events[:end]), api=api, max_input_tokens=2 * LIMIT)
        assert fitted.report.tokens_after <= 2 * LIMIT
        assert not fitted.report.note


# -- by name ---------------------------------------------------------------------------------------------------------------


def mended(*history: dict[str, Any]) -> list[Message]:
    return list(repair(parsed(history)).messages)


def thought(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "reasoning_content": "hm"}


def test_what_is_not_broken_is_the_very_same() -> None:
    messages = parsed([*agent(5), call("open")])
    assert repair(messages).messages is messages


def test_messages_before_the_first_repair_are_the_same_objects() -> None:
    messages = parsed([*agent(5), result("nobody", "x"), say("user", "go on")])
    assert all(old is new for old, new in zip(messages, repair(messages).messages[:12], strict=False))


def test_a_call_turn_that_says_nothing_else_goes_with_its_reasoning() -> None:
    assert [message.text for message in mended(say("user", "go"), thought(call("1")), say("user", "well?"))] == ["go", "well?"]


def test_words_beside_an_unanswered_call_stay_without_an_empty_list_of_calls() -> None:
    history = [say("user", "go"), {**call("1"), "content": "I look."}, say("user", "well?")]
    conversation_ = conversation("openai.chat", {"model": "gpt-4o", "messages": history})
    done = FORMATS["openai.chat"].render(conversation_.with_messages(repair(conversation_.messages).messages))
    assert done["messages"][1] == {"role": "assistant", "content": "I look."}


def test_a_long_orphan_is_told_and_not_quoted() -> None:
    note = mended(say("user", "go"), result("nobody", "x" * (QUOTE_CHARS + 1)), answer())[1]
    assert "1 tool output(s)" in note.text
    assert "xx" not in note.text


def test_however_many_orphans_there_are_their_notes_stay_small() -> None:
    history = [message for number in range(500) for message in (answer(), result(f"n{number}", "x" * QUOTE_CHARS))]
    notes = [message for message in mended(say("user", "go"), *history, say("user", "well?")) if message.origin is None]
    assert 0 < sum(len(message.text) for message in notes) <= QUOTED_CHARS


def test_a_note_does_not_stand_between_a_call_and_its_results() -> None:
    roles = [message.role for message in mended(say("user", "go"), call("1"), result("nobody", "x"), result("1", "y"), answer())]
    assert roles == ["user", "assistant", "tool", "user", "assistant"]


def test_a_note_does_not_end_a_tool_loop_that_opened_with_reasoning() -> None:
    loop = [thought(call("1")), result("1", "x"), result("nobody", "lost"), call("2"), result("2", "y")]
    roles = [message.role for message in mended(say("user", "go"), *loop, say("user", "well?"))]
    assert roles == ["user", "assistant", "tool", "assistant", "tool", "user", "user"]


def test_where_nothing_else_is_left_a_note_stands_for_the_user() -> None:
    assert [message.role for message in mended(say("system", "s"), result("nobody", "x" * 900))] == ["system", "user"]
    assert [message.role for message in mended(result("nobody", "x" * 900), answer(), say("user", "well?"))] == [
        "user",
        "assistant",
        "user",
    ]
    assert [message.role for message in mended(say("user", "go"), answer(), result("nobody", "x"))][-1] == "user"


def test_ids_that_a_server_uses_again_and_again_pair_in_their_order() -> None:
    twice = call("0")
    twice["tool_calls"] *= 2
    messages = parsed([say("user", "go"), *[twice, result("0", "a"), result("0", "b")] * 3, answer()])
    assert repair(messages).messages is messages


@pytest.mark.parametrize("answers", ["next message", "later"])
def test_a_result_that_comes_late_counts_where_the_wire_takes_it(answers: Any) -> None:
    messages = parsed([say("user", "go"), call("1"), say("user", "wait"), result("1", "x"), answer()])
    assert bool(repair(messages, answers).notes) == (answers == "next message")


def test_a_request_that_fits_without_what_was_broken_is_forwarded_without_it() -> None:
    request = {"model": "gpt-4o", "messages": [say("user", "go"), result("nobody", "word " * 5_000), answer(), say("user", "well?")]}
    report = Guard().process(request, max_input_tokens=LIMIT).report
    assert (report.action, report.epochs, report.repaired) == ("compacted", 0, ("1 tool result(s) without a call",))
    assert report.tokens_before > 5_000 > report.tokens_after


def test_a_repair_is_reported_only_for_what_was_forwarded() -> None:
    request = {"model": "gpt-4o", "messages": [*agent(30), result("nobody", "x"), answer(), say("user", "well?")]}
    assert Guard().process(request, max_input_tokens=LIMIT).report.repaired
    assert not Guard().process(request, max_input_tokens=10**6).report.repaired
