"""Endpoint x deployment x stream through a real proxy: exactly one rewrite for each attempt, bridged or not, and it is what arrives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import pytest
from anthropic_chat import translated
from anthropic_upstream import AnthropicUpstream, strings_of, tokens_of
from responses_rules import as_items
from responses_upstream import ResponsesUpstream
from shared_proxies import WATCHED, Part, Shared, behind
from watched_callback import ASKED

from token_guard import Guard, Settings
from token_guard.demo.conversation import conversation
from token_guard.demo.proxy import Proxy
from token_guard.demo.stand_in import StandIn
from token_guard.demo.upstream import Upstream
from token_guard.limits import Deployment

WINDOW, REPLY_TOKENS = 16_000, 500
SYSTEM, *HISTORY = conversation()
TASK, MESSAGES = translated([SYSTEM, *HISTORY])
PROMPT = "\n".join(f"line {number} of a long text about ledgers" for number in range(4_000))

MODELS = {
    "openai": "openai/gpt-4o",
    "hosted_vllm": "hosted_vllm/a-model",
    "anthropic": "anthropic/claude-sonnet-4-5",
    "text": "text-completion-openai/gpt-3.5-turbo-instruct",
}
"""Deployments by their kind."""


@dataclass(frozen=True)
class Endpoint:
    """An endpoint of the proxy: the format the guard reads there, a body that fits no window here, and one that does."""

    path: str
    api: str
    long: Mapping[str, Any]
    short: Mapping[str, Any]


ENDPOINTS = {
    "chat": Endpoint(
        "chat/completions",
        "openai.chat",
        {"messages": [SYSTEM, *HISTORY], "max_tokens": REPLY_TOKENS},
        {"messages": [SYSTEM, HISTORY[0]], "max_tokens": REPLY_TOKENS},
    ),
    "messages": Endpoint(
        "messages",
        "anthropic.messages",
        {"system": TASK, "messages": MESSAGES, "max_tokens": REPLY_TOKENS},
        {"system": TASK, "messages": MESSAGES[:1], "max_tokens": REPLY_TOKENS},
    ),
    "responses": Endpoint(
        "responses",
        "openai.responses",
        {"instructions": TASK, "input": as_items(HISTORY), "max_output_tokens": REPLY_TOKENS},
        {"instructions": TASK, "input": as_items(HISTORY[:1]), "max_output_tokens": REPLY_TOKENS},
    ),
    "completions": Endpoint(
        "completions", "openai.completions", {"prompt": PROMPT, "max_tokens": REPLY_TOKENS}, {"prompt": "hi", "max_tokens": REPLY_TOKENS}
    ),
}

MATRIX = {
    ("chat", "openai"): "chat",
    ("chat", "hosted_vllm"): "chat",
    ("chat", "anthropic"): "anthropic",
    ("messages", "anthropic"): "anthropic",
    ("messages", "openai"): "responses",
    ("messages", "hosted_vllm"): "chat",
    ("responses", "openai"): "responses",
    ("responses", "hosted_vllm"): "responses",
    ("responses", "anthropic"): "anthropic",
    ("completions", "text"): "responses",
}
"""The stand-in that a request to an endpoint reaches, by the kind of its deployment; where the two differ, litellm bridges."""


@dataclass(frozen=True)
class World:
    """A proxy with a guard that says when it is asked, in front of a stand-in for each wire."""

    proxy: Proxy
    upstreams: Mapping[str, StandIn]

    @property
    def asked(self) -> list[str]:
        """What the guard was asked for so far."""
        return [line.removeprefix(f"{ASKED} ") for line in self.proxy.output.splitlines() if line.startswith(ASKED)]


@behind(WATCHED, "matrix")
def part() -> Part:
    upstreams: dict[str, StandIn] = {
        "chat": Upstream(WINDOW),
        "anthropic": AnthropicUpstream(WINDOW),
        "responses": ResponsesUpstream(WINDOW),
    }
    return Part(upstreams, deployments(upstreams))


@pytest.fixture(scope="module")
def world(watched_proxy: Shared) -> World:
    return World(watched_proxy.proxy, watched_proxy.upstreams["matrix"])


def deployments(upstreams: Mapping[str, StandIn]) -> list[dict[str, Any]]:
    return [
        {
            "model_name": f"{endpoint}-{kind}",
            "litellm_params": {
                "model": MODELS[kind],
                "api_base": upstreams[wire].root if wire == "anthropic" else upstreams[wire].url,
                "api_key": "none",
            },
            "model_info": {"id": f"{endpoint}-{kind}", "max_input_tokens": WINDOW},
        }
        for (endpoint, kind), wire in {**MATRIX, ("gemini", "openai"): "chat"}.items()
    ]


@dataclass(frozen=True)
class Outcome:
    """What a client got, what the guard was asked for, and what arrived where."""

    status: int
    text: str
    headers: Mapping[str, str]
    asked: list[str]
    arrived: list[tuple[str, dict[str, Any]]]

    def header(self, name: str) -> str | None:
        return self.headers.get(f"x-token-guard-{name}")


def ask(world: World, url: str, body: Mapping[str, Any]) -> Outcome:
    asked_before = len(world.asked)
    before = {wire: len(upstream.bodies) for wire, upstream in world.upstreams.items()}
    answer = httpx.post(url, json=body, headers={"Authorization": f"Bearer {world.proxy.key}"}, timeout=60)
    arrived = [(wire, json.loads(sent)) for wire, upstream in world.upstreams.items() for sent in upstream.bodies[before[wire] :]]
    return Outcome(answer.status_code, answer.text, answer.headers, world.asked[asked_before:], arrived)


def ask_model(world: World, endpoint: str, kind: str, body: Mapping[str, Any], *, stream: bool) -> Outcome:
    return ask(world, f"{world.proxy.url}/{ENDPOINTS[endpoint].path}", {"model": f"{endpoint}-{kind}", "stream": stream, **body})


@cache
def put_in(endpoint: str, kind: str) -> list[str]:
    """The texts of one rewrite that the client did not send."""
    group = f"{endpoint}-{kind}"
    deployment = Deployment(id=group, group=group, model_info={"id": group, "max_input_tokens": WINDOW})
    request = {"model": MODELS[kind], **ENDPOINTS[endpoint].long}
    done = Guard(Settings()).process(request, api=ENDPOINTS[endpoint].api, deployment=deployment).request
    known = set(strings_of(request))
    return [text for text in strings_of(dict(done)) if text not in known]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("endpoint", "kind"), MATRIX)
def test_a_request_over_the_limit_is_rewritten_exactly_once_and_the_rewrite_arrives(world, endpoint, kind, stream):
    done = ask_model(world, endpoint, kind, ENDPOINTS[endpoint].long, stream=stream)
    assert (done.status, done.asked) == (200, [ENDPOINTS[endpoint].api]), done.text[:500]
    ((wire, arrived),) = done.arrived
    assert wire == MATRIX[endpoint, kind]
    assert (done.header("action"), done.header("limit"), done.header("limit-source")) == ("compacted", str(WINDOW), "deployment")
    assert int(done.header("tokens-before")) > 2 * WINDOW >= 2 * int(done.header("tokens-after"))
    assert tokens_of({**arrived, "input": arrived.get("input") or arrived.get("prompt")}) <= WINDOW - REPLY_TOKENS
    written = "\n".join(strings_of(arrived))
    assert [written.count(text) for text in put_in(endpoint, kind)] == [1] * len(put_in(endpoint, kind)) != []


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("endpoint", "kind"), MATRIX)
def test_a_request_that_fits_is_looked_at_once_and_says_so(world, endpoint, kind, stream):
    done = ask_model(world, endpoint, kind, ENDPOINTS[endpoint].short, stream=stream)
    assert (done.status, done.asked, len(done.arrived)) == (200, [ENDPOINTS[endpoint].api], 1), done.text[:500]
    assert (done.header("action"), done.header("tokens-before")) == ("none", done.header("tokens-after"))


@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent"])
def test_generate_content_is_rewritten_once_as_the_chat_that_it_is_bridged_to(world, method):
    contents = [
        {"role": "model" if message["role"] == "assistant" else "user", "parts": [{"text": str(message.get("content"))}]}
        for message in HISTORY
    ]
    url = world.proxy.url.replace("/v1", f"/v1beta/models/gemini-openai:{method}")
    done = ask(world, url, {"contents": contents, "generationConfig": {"maxOutputTokens": REPLY_TOKENS}})
    assert (done.status, done.asked) == (200, ["openai.chat"]), done.text[:500]
    ((wire, arrived),) = done.arrived
    assert (wire, done.header("action")) == ("chat", "compacted")
    assert tokens_of(arrived) <= WINDOW - REPLY_TOKENS
