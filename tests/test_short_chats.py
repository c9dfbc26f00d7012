"""Short chats that certainly fit are answered from the report on an earlier one, and the answer is that of the usual path."""

from __future__ import annotations

import json
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from types import MappingProxyType
from typing import Any

import pytest
from build import say
from hypothesis import given, settings
from hypothesis import strategies as st

from token_guard import Guard, Settings, fit
from token_guard.formats import FORMATS, format_for
from token_guard.formats.plain_chat import short_chat
from token_guard.limits import Deployment
from token_guard.proxy.fitting import CARRIED
from token_guard.report import Fitted, Report

CHAT = [say("system", "Be brief."), say("user", "Which ledger?")]
MODELS = (
    "gpt-4o",
    "gpt-4",
    "anthropic/claude-sonnet-4-5",
    "ollama_chat/never-heard-of",
    "openai/never-heard-of",
    "gemini/gemini-2.0-flash",
)
TOOLS = [{"type": "function", "function": {"name": "ls", "parameters": {}}}]


DEPLOYMENTS = (
    Deployment("d-1", "main", "http://one", model_info={"id": "d-1", "max_input_tokens": 9_000}),
    Deployment("d-1", "main", "http://one", model_info={"id": "d-1", "max_input_tokens": 700}),
    Deployment("d-1", "main", "http://two", model_info={"id": "d-1", "token_guard": {"max_input_tokens": 400}}),
    Deployment("d-2", "main", "http://one", model_info={"base_model": "gpt-4"}),
    Deployment(),
)
"""As nobody should name them: two configurations under one id."""

BETA = {"anthropic-beta": "context-1m-2025-08-07"}
CARRIED_WITH: tuple[dict[str, Any], ...] = (
    {},
    {"metadata": {"model_group": "main"}, "litellm_call_id": "c", "timeout": 600.0, "proxy_server_request": {"headers": {}}},
    {"proxy_server_request": {"headers": BETA}, "api_base": "http://one", "seed": 7},
    {"custom_llm_provider": "ollama_chat", "stop": ["x"]},
    {"num_ctx": 256, "user": "ann"},
)
"""What a proxy adds to a request; the last three may tell another window."""


class Usual:
    """In place of the short chats of a guard: none is ever known."""

    def get(self, *given: Any) -> None: ...

    def keep(self, *given: Any) -> None: ...


def guards(**options: Any) -> tuple[Guard, Guard]:
    """A guard as a proxy has it, and one that takes the usual path for everything."""
    quick, usual = (Guard(Settings(store="memory:", **options), carried=CARRIED) for _ in range(2))
    usual._short_chats = Usual()  # type: ignore[assignment]
    return quick, usual


def outcome(guard: Guard, request: Any, **given: Any) -> object:
    """What a guard makes of a request, but for the time that it took; an error by its words."""
    try:
        fitted = guard.process(request, **given)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "same" if fitted.request is request else fitted.request, replace(fitted.report, seconds=0.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fitted]:
    """`process` of a guard that has decided about CHAT for some models, and must not take the usual path any more."""
    guard = Guard(Settings(store="memory:"))
    for model in MODELS:
        guard.process({"model": model, "messages": CHAT})
    monkeypatch.setattr(guard, "_processed", lambda *_: pytest.fail("the usual path"))
    return guard.process


# -- the same answer -----------------------------------------------------------------------------------------------------

QUICK, USUAL = guards()
WAITING, WAITING_USUAL = guards(policy="overflow", thresholds="fixed", reserve_output=2_000)

words = st.text(max_size=40) | st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=8), st.sampled_from([500, 9_000]))
messages = st.lists(st.builds(say, st.sampled_from(["system", "developer", "user", "assistant", "tool", "critic"]), words), max_size=7)
replies = st.fixed_dictionaries(
    {},
    optional={
        "max_tokens": st.sampled_from([None, 0, -1, 1, True, 1.0, 300, 300.0, 16_000, 120_000, 10**6, "300", []]),
        "max_completion_tokens": st.sampled_from([None, 0, 300, 40_000]),
        "temperature": st.just(0.1),
        "stream": st.booleans(),
    },
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(MODELS),
    messages,
    replies,
    st.sampled_from([None, "openai.chat", "anthropic.messages"]),
    st.sampled_from([None, None, 0, 10, 60, 8_000]),
    st.sampled_from([None, "enforce", "observe", "off"]),
    st.sampled_from([None, *DEPLOYMENTS]),
    st.sampled_from(CARRIED_WITH),
)
def test_the_answer_is_that_of_the_usual_path(
    model: str,
    talk: list[dict[str, Any]],
    reply: dict[str, Any],
    api: str | None,
    cap: int | None,
    mode: str | None,
    deployment: Deployment | None,
    carried: dict[str, Any],
) -> None:
    request = {"model": model, "messages": talk, **reply, **carried}
    given = {"api": api, "max_input_tokens": cap, "mode": mode, "deployment": deployment}
    for quick, usual in ((QUICK, USUAL), (WAITING, WAITING_USUAL)):
        outcome(usual, request, **given)  # from now on all its texts have been counted
        expected = outcome(usual, request, **given)
        assert outcome(quick, request, **given) == expected
        assert outcome(quick, request, **given) == expected


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("size", [0, 1, 100, 5_000, 31_000, 60_000, 130_000, 800_000])
@pytest.mark.parametrize("reply", [{}, {"max_tokens": 16}, {"max_tokens": 3_900}, {"max_completion_tokens": 64_000}])
def test_whatever_the_size_the_answer_is_that_of_the_usual_path(model: str, size: int, reply: dict[str, int]) -> None:
    guard, usual = guards()
    guard.process({"model": model, "messages": CHAT, **reply})
    request = {"model": model, "messages": [say("system", "Be brief."), say("user", "ab " * (size // 3))], **reply}
    outcome(usual, request)  # from now on all its texts have been counted
    assert outcome(guard, request) == outcome(usual, request)


@pytest.mark.parametrize("text", ["", "plain", "Größe", "你好" * 50, "😀", "\ud83d", "\ude00 \ud83d", "a" * 3_000])
def test_all_words_are_sized_by_the_same_bound(quick: Callable[..., Fitted], text: str) -> None:
    usual = guards()[1]
    for model in MODELS:
        request = {"model": model, "messages": [say("user", text), say("user", "\ude00")]}
        assert (quick(request).request, replace(quick(request).report, seconds=0.0)) == (request, outcome(usual, request)[1])  # type: ignore[index]


def test_a_chat_that_came_before_gives_its_own_words_and_no_others(quick: Callable[..., Fitted]) -> None:
    first, second = {"model": "gpt-4o", "messages": CHAT}, {"model": "gpt-4o", "messages": [say("user", "And"), say("assistant", "which?")]}
    assert quick(first).request is first
    assert quick(second).request is second


@pytest.mark.parametrize("api", [None, "openai.chat"])
def test_it_is_found_whether_its_format_is_named_or_not(quick: Callable[..., Fitted], api: str | None) -> None:
    assert quick({"model": "gpt-4o", "messages": CHAT}, api=api).report.decided_by == "bound"


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_it_is_found_at_a_deployment_whatever_a_proxy_carries_with_it(monkeypatch: pytest.MonkeyPatch, deployment: Deployment) -> None:
    guard = guards()[0]
    first, second = ({"model": "gpt-4o", "messages": CHAT, **carried} for carried in CARRIED_WITH[:2])
    report = guard.process(first, deployment=deployment).report
    monkeypatch.setattr(guard, "_processed", lambda *_: pytest.fail("the usual path"))
    again = guard.process(second, deployment=replace(deployment, model_info=dict(deployment.model_info))).report
    assert replace(again, seconds=0.0) == replace(report, seconds=0.0)


def test_the_report_is_frozen_as_any_other(quick: Callable[..., Fitted]) -> None:
    fitted = quick({"model": "gpt-4o", "messages": CHAT})
    assert type(fitted) is Fitted
    assert type(fitted.report) is Report
    with pytest.raises(FrozenInstanceError):
        fitted.report.seconds = 1.0  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        fitted.request = {}  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(fitted.report)) == fitted.report
    assert replace(fitted.report, note="x").note == "x"
    assert json.dumps(fitted.report.as_json())


def test_its_time_is_its_own() -> None:
    now = iter(range(100))
    guard = Guard(Settings(store="memory:"), clock=lambda: float(next(now)))
    seconds = [guard.process({"model": "gpt-4o", "messages": CHAT}).report.seconds for _ in range(3)]
    assert seconds == [1.0, 1.0, 1.0]


def test_observers_are_told_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    guard, seen = Guard(Settings(store="memory:")), list[Report]()
    monkeypatch.setattr(guard.compaction_log, "observe", seen.append)
    reports = [guard.process({"model": "gpt-4o", "messages": CHAT}).report for _ in range(3)]
    assert list(map(id, seen)) == list(map(id, reports))


def test_an_observer_that_fails_is_no_failure_of_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = Guard(Settings(store="memory:"))
    monkeypatch.setattr(guard.compaction_log, "observe", {}.pop)
    request = {"model": "gpt-4o", "messages": CHAT}
    assert [guard.process(request).request is request for _ in range(3)] == [True] * 3


# -- where it steps aside ------------------------------------------------------------------------------------------------


class Odd(dict[str, Any]):
    """A dictionary of somebody's own."""


class Words(str):
    """A text of somebody's own."""

    __slots__ = ()


def chat(**more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": CHAT, **more}


def turn(**message: Any) -> dict[str, Any]:
    return chat(messages=[CHAT[0], message])


OTHER: dict[str, Any] = {
    "tools": chat(tools=TOOLS),
    "functions": chat(functions=[TOOLS[0]["function"]]),
    "a format of the reply": chat(response_format={"type": "json_object"}),
    "thinking": chat(thinking={"type": "enabled", "budget_tokens": 4_000}),
    "documents": chat(documents=[{"text": "a"}]),
    "an extra body": chat(extra_body={"tools": TOOLS}),
    "transforms": chat(transforms=["middle-out"]),
    "a window of Ollama's": chat(num_ctx=256),
    "headers": chat(extra_headers={"anthropic-beta": "context-1m"}),
    "Anthropic's system": chat(system="Be brief."),
    "Anthropic's stop sequences": chat(stop_sequences=["x"]),
    "a Responses request": {"model": "gpt-4o", "input": "Hello"},
    "a completion": {"model": "gpt-4o", "prompt": "Hello"},
    "parts": turn(role="user", content=[{"type": "text", "text": "Hello"}]),
    "an image": turn(role="user", content=[{"type": "image_url", "image_url": {"url": "data:image/png;base64,aa"}}]),
    "no content": turn(role="assistant", content=None),
    "no content at all": turn(role="user"),
    "no role": turn(content="Hello"),
    "a name": turn(role="user", content="Hello", name="ann"),
    "calls": turn(
        role="assistant", content=None, tool_calls=[{"id": "c", "type": "function", "function": {"name": "ls", "arguments": "{}"}}]
    ),
    "a result": turn(role="tool", tool_call_id="c", content="a.py"),
    "a tool without a call": turn(role="tool", content="a.py"),
    "reasoning": turn(role="assistant", content="Hello", reasoning_content="hm"),
    "an unknown role": turn(role="critic", content="Hello"),
    "a role that is no text": turn(role=["user"], content="Hello"),
    "a content that is a number": turn(role="user", content=3),
    "a content that is bytes": turn(role="user", content=b"Hello"),
    "another field in place of one": turn(role="user", text="Hello"),
    "a text of its own kind": turn(role="user", content=Words("Hello")),
    "a message that is no dictionary": chat(messages=[CHAT[0], "Hello"]),
    "a message that is nothing": chat(messages=[None]),
    "a message of its own kind": chat(messages=[Odd(CHAT[0])]),
    "an ordered message": chat(messages=[OrderedDict(CHAT[0])]),
    "messages as a tuple": chat(messages=tuple(CHAT)),
    "messages that are a text": chat(messages="Hello"),
    "messages that are nothing": chat(messages=None),
    "no messages": {"model": "gpt-4o"},
    "six messages": chat(messages=CHAT * 3),
    "a request of its own kind": Odd(chat()),
    "a request that is read only": MappingProxyType(chat()),
    "no model": {"messages": CHAT},
    "a model that is no text": chat(model=["gpt-4o"]),
    "a reply length that is a list": chat(max_tokens=[]),
    "a reply length that is a text": chat(max_tokens="300"),
    "a reply length that is a fraction": chat(max_tokens=300.0),
    "a reply length that is true": chat(max_completion_tokens=True),
}
"""Requests that are no short chats."""


@pytest.mark.parametrize("name", OTHER)
def test_it_steps_aside_for(name: str) -> None:
    guard, usual = guards()
    for reply in ({}, {"max_tokens": 300}, {"max_tokens": 1}, {"max_completion_tokens": 1}):
        guard.process(chat(**reply))
    assert short_chat(OTHER[name]) is None
    assert outcome(guard, OTHER[name]) == outcome(usual, OTHER[name])


@pytest.mark.parametrize(
    "given",
    [
        {"force": True},
        {"mode": "off"},
        {"mode": "observe"},
        {"at_most": 5},
        {"deployment": Deployment(model_info={"max_input_tokens": 300})},
    ],
)
def test_it_steps_aside_for_what_is_asked_beside_the_request(given: dict[str, Any]) -> None:
    guard, usual = guards()
    guard.process(chat())
    assert outcome(guard, chat(), **given) == outcome(usual, chat(), **given)


@pytest.mark.parametrize("api", sorted(set(FORMATS) - {"openai.chat"}))
def test_what_another_format_said_is_not_said_of_a_chat(api: str) -> None:
    guard, usual = guards()
    model = "anthropic/claude-sonnet-4-5"  # for which LiteLLM fills in the longest reply, in a chat alone
    guard.process(chat(model=model), api=api)
    for size in (1, 120_000, 150_000):
        request = chat(model=model, messages=[CHAT[0], say("user", "a" * size)])
        outcome(usual, request)  # from now on all its texts have been counted
        assert outcome(guard, request) == outcome(usual, request)
        assert outcome(guard, request, api=api) == outcome(usual, request, api=api)


def test_an_unknown_format_is_still_an_error() -> None:
    guard = guards()[0]
    guard.process(chat())
    with pytest.raises(ValueError, match="none of the formats"):
        guard.process(chat(), api="openai.chats")


def test_what_it_takes_is_a_chat_by_its_shape() -> None:
    requests = [
        chat(**more) for more in ({}, {"max_tokens": 3}, {"stream": True, "temperature": 0.1, "top_p": 1, "max_completion_tokens": 3})
    ]
    assert all(short_chat(request) for request in requests)
    assert {format_.api for request in requests if (format_ := format_for(None, request))} == {"openai.chat"}


# -- what is new ---------------------------------------------------------------------------------------------------------


def test_a_window_that_was_learned_counts_at_once() -> None:
    guard = Guard(Settings(store="memory:"), sources=[learned()])
    request = chat(messages=[say("system", "Be brief."), say("user", "Which ledger? " * 30)])
    assert guard.process(request).report.limit.max_input_tokens == 128_000
    assert guard.process(request).report.limit.max_input_tokens == 128_000
    guard.limits.learn("gpt-4o", None, 1_000)
    report = guard.process(request).report
    assert (report.limit.max_input_tokens, report.limit.source) == (1_000, "learned")


def test_a_calibration_counts_at_once() -> None:
    guard = Guard(Settings(store="memory:"))
    guard.process(chat())
    assert guard.process(chat()).report.correction is None
    guard.learn(chat(), 40)
    report = guard.process(chat()).report
    assert report.correction is not None
    assert guard.process(chat()).report.correction == report.correction


def learned() -> Any:
    from token_guard.limits import Learned
    from token_guard.stores import open_store

    return Learned(open_store("memory:"), ttl_seconds=1_000.0)


def test_one_guard_serves_fit_with_and_without_a_cap() -> None:
    usual = guards()[1]
    for cap in (None, 30, 8_000, None, 30, 8_000):
        fitted = fit(chat(), max_input_tokens=cap)
        assert replace(fitted.report, seconds=0.0) == outcome(usual, chat(), max_input_tokens=cap)[1]  # type: ignore[index]
