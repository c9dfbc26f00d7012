"""Sessions are told apart by name or opening, and their logs hold the last compactions and nothing that was said."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from build import agent, parsed, say

from token_guard import ContextLimit, Guard, Settings
from token_guard.budget import Budget
from token_guard.history.fingerprint import session_of
from token_guard.report import Quality, Report, Step
from token_guard.sessions.compaction_log import MAX_EVENTS, MAX_SESSIONS, CompactionEvent, CompactionLog

LONG = {"model": "gpt-4o", "messages": agent(120)}
CAP = 8_000


def report(session: str = "s", epochs: int = 1, model: str = "m", action: Any = "compacted") -> Report:
    steps, budget = (Step("truncate", 900, 81),), Budget(99, 80, 30, 0)
    return Report(action, model, ContextLimit(99), budget, 900, 81, steps=steps, quality=Quality(0.5), epochs=epochs, session=session)


def events_of(guard: Guard, turns: int) -> tuple[CompactionEvent, ...]:
    session = ""
    for end in range(2, turns, 2):
        session = guard.process({**LONG, "messages": LONG["messages"][:end]}, max_input_tokens=CAP).report.session or session
    return guard.compaction_log(session)


# -- names ---------------------------------------------------------------------------------------------------------------


def test_turns_of_a_conversation_have_one_name_and_other_openings_have_others() -> None:
    first, later, other = parsed(agent(2)), parsed(agent(9)), parsed(agent(2, system="You are bold."))
    assert session_of({}, first) == session_of({}, later) != session_of({}, other)
    assert session_of({}, parsed([say("user", "a")])) != session_of({}, parsed([say("user", "b")]))


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        ({"litellm_session_id": "chat-7", "metadata": {"session_id": "other"}}, "chat-7"),
        ({"metadata": {"session_id": "chat-8", "trace_id": "run-1"}}, "chat-8"),
        ({"litellm_metadata": {"trace_id": "run-2"}}, "run-2"),
    ],
)
def test_a_name_that_was_given_counts(request_: dict[str, Any], name: str) -> None:
    assert session_of(request_, parsed(agent(2))) == name


TRACED = {"litellm_trace_id": "4bf92f35", "litellm_metadata": {"trace_id": "4bf92f35"}}
"""As the proxy does where a request is traced: another one for each request."""


@pytest.mark.parametrize(
    "request_", [{"litellm_session_id": ""}, {"metadata": "text"}, {"litellm_trace_id": "made up"}, {"metadata": {"session_id": 3}}, TRACED]
)
def test_anything_else_is_no_name(request_: dict[str, Any]) -> None:
    assert session_of(request_, parsed(agent(2))) == session_of({}, parsed(agent(2)))


def test_a_conversation_without_a_user_has_a_name_too() -> None:
    assert session_of({}, parsed([say("system", "a")])) != session_of({}, ())


# -- events --------------------------------------------------------------------------------------------------------------


def test_every_compaction_of_a_session_is_one_event_and_repeating_it_is_none() -> None:
    events = events_of(Guard(), 240)
    assert [event.epochs for event in events] == sorted({event.epochs for event in events})
    assert len(events) == min(MAX_EVENTS, events[-1].epochs)


def test_an_event_says_what_the_report_said() -> None:
    guard = Guard()
    told = guard.process(LONG, max_input_tokens=CAP).report
    (event,) = guard.compaction_log(told.session)
    figures = (told.tokens_before, told.tokens_after, told.steps, told.retention, told.epochs, told.quality.by_class)
    assert event == CompactionEvent(event.time, "gpt-4o", *figures)
    assert event.time > 1_700_000_000


def test_events_are_plain_values_without_content() -> None:
    text = json.dumps([event.as_json() for event in events_of(Guard(), 60)])
    assert "handler" not in text
    assert "mask_observations" in text


def test_a_fallback_to_another_model_is_an_event_of_its_own_once() -> None:
    log = CompactionLog()
    for model in ("large", "small", "large", "small"):
        log.observe(report(model=model))
    assert [event.model for event in log("s")] == ["large", "small"]


@pytest.mark.parametrize("action", ["none", "clamped", "bypassed", "observed", "rejected"])
def test_what_was_not_compacted_is_no_event(action: str) -> None:
    log = CompactionLog()
    log.observe(report(action=action))
    assert (log("s"), len(log)) == ((), 0)


def test_observing_leaves_no_event() -> None:
    assert events_of(Guard(Settings(mode="observe")), 240) == ()


def test_the_log_is_bounded() -> None:
    log = CompactionLog(clock=lambda: 1.0)
    for epochs in range(1, 50):
        log.observe(report(epochs=epochs))
    assert [event.epochs for event in log("s")] == list(range(30, 50))
    for number in range(MAX_SESSIONS):
        log.observe(report(session=str(number)))
    assert (len(log), log("s"), log("unknown")) == (MAX_SESSIONS, (), ())


def test_threads_share_a_log() -> None:
    log = CompactionLog()

    def work(name: str) -> None:
        for epochs in range(1, 200):
            log.observe(report(session=name, epochs=epochs))

    threads = [threading.Thread(target=work, args=(str(number % 3),)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(log(str(number))) for number in range(3)] == [MAX_EVENTS] * 3
