"""The budget of one request: what its model takes, what its reply gets, and what is left where neither is known for sure."""

from __future__ import annotations

from typing import Any

import pytest
from build import agent, call, result, say

from token_guard import Guard, Settings
from token_guard.errors import ContextOverflowError
from token_guard.limits import Deployment

MODELS = ["gpt-4o", "hosted_vllm/qwen3-coder", "openai/my-model", "anthropic/claude-sonnet-4-5"]
"""One whose counts are exact, and three whose counts are estimates."""


def guard(**limits: int) -> Guard:
    models = {model: {"max_input_tokens": limits["window"], "max_output_tokens": 32_000} for model in MODELS}
    return Guard(Settings(store="memory:", limits={"models": models}))


def first_turn(model: str, tokens: int, reply: int) -> dict[str, Any]:
    return {"model": model, "max_tokens": reply, "messages": [say("system", " rule" * tokens), say("user", "Do the task.")]}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("window", "tokens", "reply"), [(64_000, 19_500, 32_000), (40_000, 14_500, 16_000), (16_000, 4_500, 8_000)])
def test_a_first_turn_that_fits_with_its_reply_is_the_very_same_request(model: str, window: int, tokens: int, reply: int) -> None:
    request = first_turn(model, tokens, reply)
    fitted = guard(window=window).process(request, api="openai.chat")
    assert fitted.request is request
    assert fitted.report.action == "none"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("reply", [33_000, 64_000])
def test_the_reply_gives_way_before_anything_is_refused(model: str, reply: int) -> None:
    fitted = guard(window=64_000).process(first_turn(model, 31_990, reply), api="openai.chat")
    assert fitted.report.action == "clamped"
    assert fitted.request["messages"] is not None
    assert fitted.report.tokens_after + fitted.request["max_tokens"] <= 64_000
    assert fitted.request["max_tokens"] >= 256


@pytest.mark.parametrize("window", [24_000, 40_000, 48_000, 64_000])
def test_thinking_gives_way_with_the_reply_that_holds_it(window: int) -> None:
    request = first_turn("anthropic/claude-sonnet-4-5", 15_000, 32_000) | {"thinking": {"type": "enabled", "budget_tokens": 31_999}}
    fitted = guard(window=window).process(request, api="openai.chat")
    reply, thinking = fitted.request["max_tokens"], fitted.request["thinking"]
    assert fitted.request["messages"] == request["messages"]
    assert fitted.report.tokens_after + reply <= window
    assert 1_024 <= thinking["budget_tokens"] < reply


def test_a_request_is_refused_only_when_the_least_reply_does_not_fit() -> None:
    fitted = guard(window=32_000).process(first_turn("gpt-4o", 31_700, 8_000), api="openai.chat")
    assert 256 <= fitted.request["max_tokens"] < 300
    with pytest.raises(ContextOverflowError):
        guard(window=32_000).process(first_turn("gpt-4o", 31_800, 8_000), api="openai.chat")


def test_within_the_margin_of_an_estimate_the_provider_decides() -> None:
    fitted = guard(window=32_000).process(first_turn("openai/my-model", 30_000, 8_000), api="openai.chat")
    assert fitted.request["messages"][0]["content"] == " rule" * 30_000
    assert fitted.request["max_tokens"] == 256


def test_a_reply_is_clamped_by_the_count_and_not_by_a_bound() -> None:
    request = {"model": "gpt-4o", "max_tokens": 32_000, "messages": [say("user", "word " * 2_000)]}
    fitted = guard(window=32_768).process(request, api="openai.chat")
    assert fitted.report.decided_by != "bound"
    assert fitted.request["max_tokens"] == 32_768 - fitted.report.tokens_after > 30_700


def test_the_conversation_gets_a_third_of_the_window_before_the_reply_gets_more() -> None:
    rounds = [message for number in range(60) for message in (call(f"c{number}"), result(f"c{number}", f"out_{number} " * 400))]
    request = {
        "model": "gpt-4o",
        "max_tokens": 32_000,
        "messages": [say("system", " rule" * 24_000), say("user", "Do the task."), *rounds],
    }
    fitted = guard(window=80_000).process(request, api="openai.chat")
    assert fitted.report.budget.allowed >= 24_000 + 80_000 // 3
    assert fitted.report.tokens_after - 24_000 >= 80_000 // 3 // 3
    assert fitted.report.tokens_after + fitted.request["max_tokens"] <= 80_000


def test_what_stays_whole_is_not_cut_while_a_smaller_reply_would_let_it_in() -> None:
    newest = "line of the newest result, " * 4_000
    request = {"model": "gpt-4o", "max_tokens": 20_000, "messages": [*agent(4), call("last"), result("last", newest)]}
    fitted = guard(window=32_000).process(request, api="openai.chat")
    assert fitted.request["messages"][-1]["content"] == newest
    assert fitted.report.action == "clamped" or fitted.report.kept.newest == "whole"
    assert fitted.report.tokens_after + fitted.request["max_tokens"] <= 32_000


def test_a_client_that_asks_for_more_than_the_model_replies_keeps_the_room_for_its_conversation() -> None:
    deployment = Deployment(id="d", model_info={"max_input_tokens": 16_000, "max_output_tokens": 4_000})
    request = {"model": "anthropic/claude-sonnet-4-5", "max_tokens": 16_384, "messages": agent(60)}
    fitted = Guard(Settings(store="memory:")).process(request, api="openai.chat", deployment=deployment)
    assert fitted.report.budget.reserved_output == 4_000
    assert 4_000 <= fitted.request["max_tokens"] <= 16_000 - fitted.report.tokens_after


# -- what LiteLLM fills in ---------------------------------------------------------------------------------------------------


def test_the_reply_that_litellm_would_ask_for_is_set_where_it_does_not_fit() -> None:
    request = {"model": "anthropic/claude-sonnet-4-5", "messages": [say("user", "word " * 110_000)]}
    deployment = Deployment(id="d", model_info={"max_input_tokens": 200_000, "max_output_tokens": 64_000})
    fitted = Guard(Settings(store="memory:")).process(request, api="openai.chat", deployment=deployment)
    assert fitted.request["messages"] is request["messages"]
    assert fitted.report.tokens_after * 1.12 + fitted.request["max_tokens"] <= 200_000
    assert fitted.report.action == "clamped"


@pytest.mark.parametrize(("model", "words"), [("anthropic/claude-sonnet-4-5", 1_000), ("openai/gpt-4o", 90_000)])
def test_a_reply_that_fits_or_that_nobody_fills_in_is_left_unsaid(model: str, words: int) -> None:
    request = {"model": model, "messages": [say("user", "word " * words)]}
    deployment = Deployment(id="d", model_info={"max_input_tokens": 128_000, "max_output_tokens": 64_000})
    assert Guard(Settings(store="memory:")).process(request, api="openai.chat", deployment=deployment).request is request


# -- windows that nobody knows -----------------------------------------------------------------------------------------------

LONG = {"model": "openai/never-heard-of", "messages": [say("user", "word " * 20_000)], "max_tokens": 9_000}


def test_nobody_is_cut_on_a_guess() -> None:
    fitted = Guard(Settings(store="memory:")).process(LONG, api="openai.chat")
    assert fitted.request is LONG
    assert fitted.report.limit.source == "default"
    assert "guess" in fitted.report.note


def test_an_operator_may_go_by_the_default_window() -> None:
    settings = Settings(store="memory:", limits={"unknown": "default"})
    fitted = Guard(settings).process({**LONG, "messages": [*agent(60)]}, api="openai.chat")
    assert fitted.report.tokens_after <= 8_192


def test_servers_that_cut_in_silence_get_what_fits_the_default() -> None:
    fitted = Guard(Settings(store="memory:")).process({"model": "ollama_chat/never-heard-of", "messages": agent(60)}, api="openai.chat")
    assert fitted.report.tokens_after <= 8_192


def test_what_was_refused_before_is_cut_whoever_guessed() -> None:
    fitted = Guard(Settings(store="memory:")).process({"model": LONG["model"], "messages": agent(90)}, api="openai.chat", at_most=6_000)
    assert fitted.report.tokens_after <= 6_000


# -- what was learned --------------------------------------------------------------------------------------------------------


def taught(real_share: float) -> Guard:
    learned = guard(window=32_000)
    for turns in (10, 14, 18, 22, 26, 30, 34, 38):
        request = {"model": "openai/my-model", "messages": agent(turns)}
        estimate = learned.process(request, api="openai.chat", max_input_tokens=10**9).report.tokens_before
        exact = {**request, "messages": agent(turns)}
        learned.learn(exact, int(estimate * real_share), api="openai.chat", estimate=estimate)
    return learned


def test_a_learned_correction_raises_budgets_as_well_as_it_lowers_them() -> None:
    request = {"model": "openai/my-model", "messages": agent(200)}
    usual, less, more = (
        one.process(request, api="openai.chat").report.budget.allowed for one in (guard(window=32_000), taught(1.4), taught(0.8))
    )
    assert less < usual < more <= 32_000 - 4_096
