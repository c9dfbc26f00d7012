"""Learning from answers: what litellm's success events say, and how the budget follows."""

from __future__ import annotations

import asyncio
from typing import Any

import litellm
import pytest
from build import agent, parsed, say

from token_guard import Guard, Settings
from token_guard.counting import Calibrations, meter_for
from token_guard.demo.upstream import Upstream
from token_guard.limits import Deployment
from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.proxy.usage import usage_of
from token_guard.stores import open_store

DEPLOYMENT = Deployment(id="d1", model_info={"max_input_tokens": 16_000})


def event(**more: Any) -> dict[str, Any]:
    """A success event as litellm 1.106 makes it."""
    return {
        "call_type": "acompletion",
        "model": "gpt-4o",
        "messages": [say("user", "hello")],
        "stream": False,
        "cache_hit": None,
        "optional_params": {"tools": [{"type": "function", "function": {"name": "f"}}], "max_retries": 0},
        "litellm_params": {
            "metadata": {"model_group": "m", "token_guard": {"estimate": 77}},
            "model_info": {"id": "d1"},
            "api_base": "http://x",
        },
        "standard_logging_object": {"prompt_tokens": 100},
        **more,
    }


def test_an_event_tells_the_request_the_deployment_and_both_numbers() -> None:
    usage = usage_of(event())
    assert usage
    assert (usage.deployment.id, usage.prompt_tokens, usage.estimate, usage.guessed) == ("d1", 100, 77, ())
    assert usage.request["tools"]


@pytest.mark.parametrize(
    "more",
    [
        {"call_type": "aembedding"},
        {"cache_hit": True},
        {"standard_logging_object": {"prompt_tokens": 0}},
        {"standard_logging_object": None},
        {"stream": True, "model": "meta/llama-3-8b"},
        {"litellm_params": {"metadata": {"model_group": "m", "token_guard": {"estimate": 77, "retrieved": 1}}, "model_info": {"id": "d1"}}},
    ],
)
def test_an_event_that_teaches_nothing_is_passed_over(more: dict[str, Any]) -> None:
    assert usage_of(event(**more)) is None


def answered(guard: Guard, factor: float, count: int = 8) -> None:
    for turns in range(1, count + 1):
        request = {"model": "gpt-4o", "messages": agent(turns)}
        estimate = meter_for("gpt-4o").messages(parsed(request["messages"])) + 3
        guard.learn(request, round(factor * estimate), deployment=DEPLOYMENT)


def test_a_provider_that_counts_more_gets_less() -> None:
    guard = Guard()
    before = guard.process({"model": "gpt-4o", "messages": agent(120)}, deployment=DEPLOYMENT).report
    answered(guard, 1.1)
    after = guard.process({"model": "gpt-4o", "messages": agent(120)}, deployment=DEPLOYMENT).report
    assert before.correction is None
    assert after.correction
    assert after.correction.slope == pytest.approx(1.1, rel=0.05)
    assert after.correction.samples == 8
    assert after.budget.allowed == pytest.approx(before.budget.allowed / 1.1, rel=0.12)


def test_a_count_that_is_right_leaves_the_budget_nearly_as_it_is() -> None:
    guard = Guard()
    before = guard.process({"model": "gpt-4o", "messages": agent(120)}, deployment=DEPLOYMENT).report.budget.allowed
    answered(guard, 1.0)
    assert guard.process({"model": "gpt-4o", "messages": agent(120)}, deployment=DEPLOYMENT).report.budget.allowed >= 0.94 * before


def test_a_hard_cap_is_not_corrected() -> None:
    guard = Guard()
    answered(guard, 1.3)
    assert guard.process({"model": "gpt-4o", "messages": agent(120)}, max_input_tokens=8_000).report.budget.allowed == 8_000


def test_what_was_learned_survives_in_the_store(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/facts.db"
    store = open_store(url)
    answered(Guard(calibrations=Calibrations(store)), 1.1, count=5)
    store.close()
    known = Calibrations(open_store(url)).get("d1")
    assert known.trusted
    assert known.slope == pytest.approx(1.1, rel=0.05)


@pytest.mark.parametrize(
    "text", ["", "rubbish", "{}", '{"slope": "x", "offset": 0, "samples": []}', '{"slope": 1, "offset": 0, "samples": [1]}']
)
def test_a_store_with_rubbish_in_it_is_an_empty_one(text: str) -> None:
    store = open_store("memory:")
    store.put("calibration", "d1", text)
    assert not Calibrations(store).get("d1").samples


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_answers_through_a_router_are_learned_from(monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    callback = TokenGuardCallback(Settings(store="memory:"))
    monkeypatch.setattr(litellm, "callbacks", [callback])
    # litellm takes a second instance with equal fields for the first one
    monkeypatch.setattr(litellm, "_async_success_callback", [])

    async def talk(url: str) -> None:
        params = {"model": "openai/gpt-4o", "api_base": url, "api_key": "none"}
        router = litellm.Router([{"model_name": "m", "litellm_params": params, "model_info": {"id": "d1", "max_input_tokens": 16_000}}])
        for turns in range(1, 40, 6):
            options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
            answer = await router.acompletion(model="m", messages=agent(turns), **options)
            if stream:
                assert [chunk async for chunk in answer]
        for _ in range(100):
            if callback.guard.calibrations.get("d1").trusted:
                break
            await asyncio.sleep(0.05)

    with Upstream(16_000) as upstream:
        asyncio.run(talk(upstream.url))
    known = callback.guard.calibrations.get("d1")
    assert known.trusted
    # the stand-in upstream counts calls without what OpenAI bills around them
    assert 0.8 < known.slope <= 1.01
    assert known.spread < 0.1


def test_a_learned_budget_near_the_planned_one_changes_no_bytes() -> None:
    taught, fresh = Guard(), Guard()
    answered(taught, 1.02)
    for turns in range(20, 160, 7):
        request = {"model": "gpt-4o", "messages": agent(turns)}
        assert taught.process(request, deployment=DEPLOYMENT).request == fresh.process(request, deployment=DEPLOYMENT).request


def test_what_is_forwarded_fits_by_the_providers_own_count() -> None:
    guard = Guard()
    answered(guard, 1.5)
    for turns in range(20, 160, 7):
        report = guard.process({"model": "gpt-4o", "messages": agent(turns)}, deployment=DEPLOYMENT).report
        assert 1.5 * report.tokens_after <= 12_000


def test_what_is_learned_little_by_little_changes_the_budget_once() -> None:
    guard, rooms = Guard(), set()
    for sample in range(6):
        answered(guard, 1.4 + sample / 100, count=6)
        rooms.add(guard.process({"model": "gpt-4o", "messages": agent(120)}, deployment=DEPLOYMENT).report.tokens_after)
    assert len(rooms) <= 2


def test_a_window_named_inside_a_stream_is_learned_for_the_next_request() -> None:
    """The event is the one of litellm 1.106 for a stream of HTTP 200 whose first event is an error."""
    callback = TokenGuardCallback(Settings(store="memory:"))
    words = "The input (19577 tokens) is longer than the model's context length (16000 tokens)."
    failed = {**event(stream=True), "exception": litellm.APIError(400, words, "openai", "m")}
    asyncio.run(callback.async_log_failure_event({**failed, "stream": False}, None, None, None))
    before = callback.guard.limits.resolve("gpt-4o", Deployment(id="d1")).max_input_tokens
    asyncio.run(callback.async_log_failure_event(failed, None, None, None))
    learned = callback.guard.limits.resolve("gpt-4o", Deployment(id="d1"))
    assert (before, learned.max_input_tokens, learned.source) == (128_000, 16_000, "learned")
