"""The main path: what fits passes, what does not is fitted, and the report tells the truth."""

from __future__ import annotations

import copy
import json
import threading
from typing import Any

import pytest
from build import agent, answer, call, parsed, result, say

from token_guard import ContextLimit, Guard, Settings, fit
from token_guard.counting import meter_for
from token_guard.errors import ContextOverflowError
from token_guard.limits import Deployment
from token_guard.marks import is_marked
from token_guard.validity.rules import complaint

LONG = {"model": "gpt-4o", "messages": agent(120)}
CAP = 8_000


def size(messages: list[dict[str, Any]], model: str = "gpt-4o") -> int:
    meter = meter_for(model)
    return meter.messages(parsed(messages)) + 3


def deployment(**model_info: Any) -> Deployment:
    return Deployment(id="d1", group="alias", model_info=model_info)


def words(count: int) -> str:
    return "\n".join(f"line {number} of the report says something of its own" for number in range(count // 11))


# -- what fits -----------------------------------------------------------------------------------------------------------


def test_a_request_that_fits_is_the_same_object() -> None:
    request = {"model": "gpt-4o", "messages": agent(3)}
    fitted = fit(request)
    assert fitted.request is request
    assert (fitted.report.action, fitted.report.retention, fitted.report.steps) == ("none", 1.0, ())


def test_a_short_request_is_decided_by_the_byte_bound() -> None:
    assert fit({"model": "gpt-4o", "messages": [say("user", "hello")]}).report.decided_by == "bound"


def test_one_question_over_a_long_document_is_untouched_until_it_does_not_fit() -> None:
    request = {"model": "gpt-4o", "messages": [say("system", "Answer."), say("user", words(15_000)), say("user", "What is missing?")]}
    tokens = size(request["messages"])
    assert fit(request, max_input_tokens=int(tokens / 0.97)).request is request
    allowed = int(tokens / 1.05)
    fitted = fit(request, max_input_tokens=allowed)
    assert 0.9 * allowed <= size(fitted.request["messages"]) <= allowed
    assert fitted.request["messages"][-1] == request["messages"][-1]


# -- what does not -------------------------------------------------------------------------------------------------------


def test_a_long_session_fits_and_is_valid_and_the_report_counts_it() -> None:
    fitted = fit(LONG, max_input_tokens=CAP)
    report = fitted.report
    assert report.action == "compacted"
    assert report.tokens_after == size(fitted.request["messages"]) <= CAP < report.tokens_before == size(LONG["messages"])
    assert complaint(parsed(LONG["messages"]), parsed(LONG["messages"])) is None
    assert report.limit == ContextLimit(CAP, None, "argument", separate_output=True)
    assert 0 < report.retention < 1
    assert report.epochs > 1
    assert {step.name for step in report.steps} <= {"mask_observations", "deduplicate", "summarize", "truncate"}
    assert report.seconds > 0


def test_the_input_is_never_mutated() -> None:
    request = copy.deepcopy(LONG)
    fitted = fit(request, max_input_tokens=CAP)
    assert request == LONG
    assert fitted.request["messages"] is not request["messages"]


def test_everything_beside_the_messages_stays() -> None:
    fitted = fit({**LONG, "temperature": 0.3, "metadata": {"a": 1}}, max_input_tokens=CAP)
    assert {key: value for key, value in fitted.request.items() if key != "messages"} == {
        "model": "gpt-4o",
        "temperature": 0.3,
        "metadata": {"a": 1},
    }


def test_fitting_twice_is_fitting_once() -> None:
    for cap in (3_000, 8_000, 20_000, 40_000):
        once = fit(LONG, max_input_tokens=cap).request
        assert fit(once, max_input_tokens=cap).request is once


def test_system_task_last_turn_and_tools_stay() -> None:
    tools = [
        {"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {"path": {"type": "string"}}}}}
    ]
    fitted = fit({**LONG, "tools": tools}, max_input_tokens=CAP)
    messages = fitted.request["messages"]
    assert messages[:2] == LONG["messages"][:2]
    assert messages[-2:] == LONG["messages"][-2:]
    assert fitted.request["tools"] is tools


def test_tool_definitions_count() -> None:
    tools = [{"type": "function", "function": {"name": f"tool_{number}", "description": words(200)}} for number in range(12)]
    bare, armed = fit(LONG, max_input_tokens=CAP), fit({**LONG, "tools": tools}, max_input_tokens=CAP)
    assert size(armed.request["messages"]) < CAP - 2_000
    assert armed.report.tokens_before > bare.report.tokens_before + 2_000


def test_a_forced_compaction_needs_no_threshold() -> None:
    request = {"model": "gpt-4o", "messages": agent(40)}
    guard = Guard()
    assert guard.process(request).request is request
    forced = guard.force(request, max_input_tokens=size(request["messages"]) + 100)
    assert forced.report.action == "compacted"
    assert forced.report.tokens_after < forced.report.tokens_before / 2


def test_threads_share_a_guard() -> None:
    guard, outputs = Guard(), []

    def work() -> None:
        outputs.append(json.dumps(guard.process(LONG, max_input_tokens=CAP).request))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outputs) == 6
    assert len(set(outputs)) == 1


# -- limits and budgets --------------------------------------------------------------------------------------------------


def test_the_limit_of_the_deployment_counts_and_room_for_the_reply_is_reserved() -> None:
    report = Guard().process(LONG, deployment=deployment(max_input_tokens=16_000)).report
    assert (report.limit.max_input_tokens, report.limit.source) == (16_000, "deployment")
    assert report.budget.reserved_output == 4_000
    assert report.tokens_after <= report.budget.allowed == 12_000


def test_a_requested_reply_length_is_reserved_instead() -> None:
    report = Guard().process({**LONG, "max_tokens": 1_000}, deployment=deployment(max_input_tokens=16_000)).report
    assert (report.budget.reserved_output, report.budget.allowed, report.max_output_tokens) == (1_000, 15_000, None)


def test_a_reply_length_that_leaves_too_little_is_clamped_not_the_prompt_destroyed() -> None:
    fitted = Guard().process({**LONG, "max_tokens": 15_500}, deployment=deployment(max_input_tokens=16_000))
    assert fitted.report.budget.allowed == 16_000 - fitted.report.budget.reserved_output
    assert fitted.report.budget.allowed >= 16_000 // 3
    assert fitted.request["max_tokens"] == fitted.report.max_output_tokens == 16_000 - fitted.report.tokens_after


def test_a_short_prompt_with_an_impossible_reply_length_is_clamped_alone() -> None:
    request = {"model": "gpt-4o", "messages": [say("user", "hello")], "max_completion_tokens": 16_000}
    fitted = Guard().process(request, deployment=deployment(max_input_tokens=16_000))
    assert fitted.report.action == "clamped"
    assert fitted.request["messages"] is request["messages"]
    assert 15_900 < fitted.request["max_completion_tokens"] < 16_000


def test_a_reply_length_below_the_floor_stays_as_the_client_asked() -> None:
    request = {"model": "gpt-4o", "messages": [say("user", "word " * 7_700)], "max_tokens": 50}
    assert Guard().process(request, deployment=deployment(max_input_tokens=7_800)).request is request


def test_no_more_is_used_than_the_caller_says() -> None:
    at_most = Guard().process(LONG, deployment=deployment(max_input_tokens=64_000), at_most=9_000).report
    assert at_most.budget.allowed == 9_000
    assert at_most.tokens_after <= 9_000


def test_what_fits_is_told_without_compacting() -> None:
    guard = Guard()
    fits = [guard.fits(LONG, api="openai.chat", deployment=Deployment(model_info={"max_input_tokens": size})) for size in (16_000, 10**6)]
    assert fits == [False, True]
    assert guard.fits({"messages": 3}, api="openai.chat", deployment=Deployment())


def test_a_varying_reply_length_does_not_reshuffle_the_history() -> None:
    guard = Guard()
    outputs = [
        guard.process({**LONG, "max_tokens": asked}, deployment=deployment(max_input_tokens=16_000)) for asked in (1_010, 1_050, 1_200)
    ]
    assert len({json.dumps(fitted.request["messages"]) for fitted in outputs}) == 1


def test_the_policy_overflow_waits_until_it_does_not_fit() -> None:
    guard = Guard(Settings(policy="overflow"))
    tokens = size(LONG["messages"])
    assert guard.process(LONG, max_input_tokens=tokens).request is LONG
    after = guard.process(LONG, max_input_tokens=tokens - 1).report.tokens_after
    assert 0.5 * tokens < after < 0.75 * tokens


def test_fixed_thresholds_are_used_as_they_are() -> None:
    guard = Guard(Settings(thresholds="fixed", trigger=0.95, target=0.5))
    tokens = size(LONG["messages"])
    assert guard.process(LONG, max_input_tokens=int(tokens / 0.93)).request is LONG
    assert guard.process(LONG, max_input_tokens=int(tokens / 0.99)).report.action == "compacted"


# -- what cannot be helped -----------------------------------------------------------------------------------------------


def test_what_must_stay_and_does_not_fit_is_an_error_that_names_the_parts() -> None:
    with pytest.raises(ContextOverflowError) as caught:
        fit({"model": "gpt-4o", "messages": [say("system", words(9_000)), say("user", "hi")]}, max_input_tokens=4_000)
    error = caught.value
    assert error.parts["system"] > 4_000
    assert error.tokens == sum(error.parts.values()) > error.allowed == 4_000
    assert "system" in str(error)


def test_or_it_is_forwarded_as_it_is_where_the_operator_wants_that() -> None:
    request = {"model": "gpt-4o", "messages": [say("system", words(9_000)), say("user", "hi")]}
    fitted = fit(request, max_input_tokens=4_000, settings=Settings(on_overflow="forward"))
    assert fitted.request is request
    assert fitted.report.action == "bypassed"
    assert "cannot be compacted" in fitted.report.note


def test_a_last_user_message_that_is_too_long_is_cut_visibly() -> None:
    fitted = fit({"model": "gpt-4o", "messages": [say("system", "s"), *agent(20)[1:], say("user", words(9_000))]}, max_input_tokens=4_000)
    last = fitted.request["messages"][-1]["content"]
    assert "omitted here" in last
    assert size(fitted.request["messages"]) <= 4_000


@pytest.mark.parametrize("mode", ["observe", "off"])
def test_other_modes_forward_the_request_as_it_is(mode: str) -> None:
    fitted = Guard().process(LONG, max_input_tokens=CAP, mode=mode)
    assert fitted.request is LONG
    assert fitted.report.action == {"observe": "observed", "off": "bypassed"}[mode]


def test_observing_reports_what_would_have_been_done() -> None:
    observed = Guard(Settings(mode="observe")).process(LONG, max_input_tokens=CAP).report
    assert observed.tokens_after == fit(LONG, max_input_tokens=CAP).report.tokens_after < observed.tokens_before


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"messages": "hello"},
        {"messages": ["hello"]},
        {"messages": [{"content": "x"}]},
        {"contents": "x"},
        {"model": 7, "messages": [7]},
    ],
)
def test_what_cannot_be_read_passes_by(request_: dict[str, Any]) -> None:
    fitted = fit(request_)
    assert fitted.request is request_
    assert fitted.report.action == "bypassed"
    assert fitted.report.note


def test_what_was_broken_when_it_came_is_forwarded_broken_no_further() -> None:
    broken = [*agent(60)[:-1], say("user", "go on"), result("nobody", "x"), call("open"), say("user", "well?")]
    fitted = fit({"model": "gpt-4o", "messages": broken}, max_input_tokens=4_000)
    assert complaint(parsed(broken), ()) is not None
    assert size(fitted.request["messages"]) <= 4_000


def test_masks_and_notes_say_that_they_are_the_guards() -> None:
    added = [message for message in fit(LONG, max_input_tokens=CAP).request["messages"] if message not in LONG["messages"]]
    assert added
    assert all(is_marked(message["content"]) for message in added)
    assert not any(message["role"] == "assistant" for message in added)


def test_an_assistant_prefill_stays_the_end() -> None:
    messages = [*agent(60), answer("Let me think"), say("user", "go"), answer("The answer is")]
    assert fit({"model": "gpt-4o", "messages": messages}, max_input_tokens=4_000).request["messages"][-1] == messages[-1]
