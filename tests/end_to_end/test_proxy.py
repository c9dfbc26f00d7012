"""What a client of a real litellm proxy sees, and what its upstream gets."""

from __future__ import annotations

import json
import os
import re
from itertools import islice
from typing import Any

import pytest

from token_guard.demo.conversation import conversation
from token_guard.demo.openai_rules import count_prompt

REQUESTS = 200 if os.environ.get("ALL_REQUESTS") else 60
HISTORY = conversation()
SHORT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a ledger? Grüße, 你好 \U0001f600"}]
TOOL = {
    "type": "function",
    "function": {"name": "query", "description": "Run SQL.", "parameters": {"type": "object", "properties": {"sql": {"type": "string"}}}},
}
TURN = [
    {"role": "user", "content": [{"type": "text", "text": "List the invoices."}], "name": "ann"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "query", "arguments": '{"sql":"select 1"}'}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "1"},
    {"role": "user", "content": "Thanks."},
]
SYSTEM_TOO_LARGE = [{"role": "system", "content": "The rules of the house are these. " * 4_000}, {"role": "user", "content": "Hello"}]


def header(outcome: Any, name: str) -> str | None:
    return outcome.headers.get(f"x-token-guard-{name}")


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_over_the_limit_is_refused_without_the_guard_and_answered_with_it(ask, stream):
    refused = ask(HISTORY, proxy="bare", stream=stream)
    answered = ask(HISTORY, stream=stream)
    assert (refused.status, answered.status) == (400, 200)
    assert "maximum context length is 16000 tokens" in refused.error["message"]
    assert "the stand-in model" in answered.text
    assert count_prompt(json.loads(answered.bodies[0])) <= 16_000


@pytest.mark.parametrize("stream", [False, True])
def test_headers_tell_what_was_done(ask, stream):
    done = ask([*HISTORY, {"role": "user", "content": f"And now? {stream}"}], stream=stream)
    assert header(done, "action") == "compacted"
    assert int(header(done, "tokens-before")) > 50_000
    assert int(header(done, "tokens-after")) <= 16_000
    assert (header(done, "limit"), header(done, "limit-source")) == ("16000", "deployment")
    assert "summarize;removed=" in header(done, "passes")
    assert 0 < float(header(done, "retention")) <= 1


def test_a_request_that_fits_says_so(ask):
    fits = ask(SHORT)
    assert (fits.status, header(fits, "action")) == (200, "none")
    assert header(fits, "tokens-before") == header(fits, "tokens-after")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "more",
    [{}, {"tools": [TOOL], "tool_choice": "auto", "temperature": 0.2}, {"max_tokens": 77, "user": "ann", "seed": 7, "stop": ["x"]}],
)
@pytest.mark.parametrize("messages", [SHORT, TURN])
def test_a_request_that_fits_reaches_the_upstream_byte_for_byte_as_without_the_guard(ask, messages, more, stream):
    guarded, bare = (ask(messages, proxy=proxy, stream=stream, **more) for proxy in ("guarded", "bare"))
    assert (guarded.status, bare.status) == (200, 200)
    assert guarded.bodies == bare.bodies
    assert guarded.text == bare.text


@pytest.mark.parametrize(
    "messages",
    [
        [*SHORT, "not an object"],
        [{"content": "no role"}],
        [{"role": "user", "content": 7}],
        [{"role": "user", "content": {"text": "an object"}}],
        [{"role": 3, "content": "x"}],
        [{"role": "tool", "tool_call_id": "nobody", "content": "an orphan"}],
        [{"role": "assistant", "content": None, "tool_calls": "no list"}, {"role": "user", "content": "x"}],
        [],
        "a text",
    ],
)
def test_a_malformed_request_is_left_to_the_provider(ask, messages):
    guarded, bare = (ask(messages, proxy=proxy, extra_body={"num_retries": 0}) for proxy in ("guarded", "bare"))
    assert guarded.status == bare.status
    assert guarded.bodies == bare.bodies
    assert guarded.error.get("message") == bare.error.get("message")


@pytest.mark.parametrize("stream", [False, True])
def test_what_cannot_fit_is_refused_in_openais_shape_with_the_arithmetic_and_without_a_call(ask, stream):
    refused = ask(SYSTEM_TOO_LARGE, stream=stream)
    assert refused.status == 400
    assert (refused.error["type"], refused.error["code"]) == ("invalid_request_error", "context_length_exceeded")
    assert "maximum context length" in refused.error["message"]
    assert re.search(r"count 3\d,\d{3} \(system 3\d,\d{3}, tools", refused.error["message"])
    assert header(refused, "action") == "rejected"
    assert refused.bodies == []


def test_what_cannot_fit_goes_to_the_users_context_window_fallback(ask):
    routed = ask(SYSTEM_TOO_LARGE, model="routed-up")
    assert (routed.status, len(routed.bodies)) == (200, 1)
    assert header(routed, "limit") == "64000"


def test_each_attempt_gets_one_rewrite_of_the_original_for_its_own_deployment(ask):
    attempts, bare = ask(HISTORY, model="flaky"), ask([{"role": "user", "content": "Hello"}], model="flaky", proxy="bare")
    alone = {model: ask(HISTORY, model=model) for model in ("main", "small")}
    *refused, fallback = attempts.bodies
    assert (attempts.status, len(attempts.bodies)) == (200, len(bare.bodies))
    assert set(refused) == {alone["main"].bodies[0]}
    assert fallback == alone["small"].bodies[0]
    assert header(attempts, "limit") == "6000"


def test_a_client_may_choose_a_mode_where_the_operator_allows_it(ask):
    off = ask(HISTORY, extra_headers={"x-token-guard-mode": "off"})
    observed = ask(HISTORY, extra_headers={"x-token-guard-mode": "observe"})
    assert (off.status, observed.status) == (400, 400)
    assert header(observed, "action") == "observed"


@pytest.mark.parametrize("words", ["hello", "panic"])
def test_when_the_guard_fails_the_original_is_forwarded_and_one_line_without_content_is_logged(world, ask, words):
    messages = [{"role": "user", "content": words}]
    lines_before = log_lines(world)
    failed = ask(messages, proxy="faulty")
    assert (failed.status, header(failed, "action")) == (200, "bypassed")
    assert failed.bodies == ask(messages, proxy="bare").bodies
    (line,) = log_lines(world)[len(lines_before) :]
    assert "the original is forwarded" in line
    assert "the words of the client" not in world.proxies["faulty"].output


def log_lines(world: Any) -> list[str]:
    return [line for line in world.proxies["faulty"].output.splitlines() if "token_guard failed" in line]


def test_consecutive_requests_of_real_sessions_over_the_limit_are_answered(world, ask, corpus):
    requests = list(islice(_requests_over(16_000, corpus("coding_agents")), REQUESTS))
    statuses = [ask(messages, stream=bool(number % 2)).status for number, messages in enumerate(requests)]
    assert statuses == [200] * REQUESTS


def _requests_over(window: int, sessions: Any) -> Any:
    """The requests that the agent sent in these sessions, each a prefix before an assistant turn, if longer than `window`."""
    for session in sessions:
        messages = session["messages"]
        costs = [count_prompt({"messages": [message]}) for message in messages]
        for index, message in enumerate(messages):
            if message["role"] == "assistant" and sum(costs[:index]) > window + 3 * index:
                yield messages[:index]
