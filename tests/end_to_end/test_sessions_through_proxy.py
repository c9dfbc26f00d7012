"""Recorded agent sessions through a real proxy, at each API, with each client: every request is answered, none is refused.

Four ways to send a request (SDK or httpx, streaming or not) take turns: by default over a sample, with ALL_REQUESTS=1 in the
environment over every fifth request of every session.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import anthropic
import httpx
import openai
import pytest
from anthropic_rules import thinking_of
from anthropic_upstream import AnthropicUpstream
from recorded_requests import AS, as_messages, heads
from responses_upstream import ResponsesUpstream
from shared_proxies import PLAIN, Part, Shared, behind, client_of

from token_guard.demo.proxy import Proxy
from token_guard.demo.stand_in import REPLY, StandIn
from token_guard.demo.upstream import Upstream

WINDOW = 32_000
SAMPLE = 5
"""Requests of each file in each way by default: 28 times as many in all, so that this takes under a minute."""
LONGEST = 450
"""Messages of a session that is sampled by default: up to 200,000 tokens, six times the window; all agents have such sessions."""
WAYS = 4
MODELS = {"openai.chat": "openai/gpt-4o", "anthropic.messages": "anthropic/claude-sonnet-4-5", "openai.responses": "openai/gpt-4o"}
FILES = {
    "agent_sessions": tuple(MODELS),
    "coding_agents": tuple(MODELS),
    "anthropic_messages": ("anthropic.messages",),
}
"""Recordings, and the APIs that they are sent to."""


@dataclass(frozen=True)
class World:
    """A proxy with the guard in front of a stand-in for each API."""

    proxy: Proxy
    upstreams: Mapping[str, StandIn]


@behind(PLAIN, "sessions")
def part() -> Part:
    upstreams: dict[str, StandIn] = {
        "openai.chat": Upstream(WINDOW),
        "anthropic.messages": AnthropicUpstream(WINDOW),
        "openai.responses": ResponsesUpstream(WINDOW),
    }
    return Part(upstreams, deployments(upstreams))


@pytest.fixture(scope="module")
def world(plain_proxy: Shared, corpus: Any) -> World:
    upstreams = plain_proxy.upstreams["sessions"]
    upstreams["anthropic.messages"].signed = frozenset(signed(corpus))
    return World(plain_proxy.proxy, upstreams)


def signed(corpus: Any) -> Iterator[tuple[str, str]]:
    """All thinking of the recordings with its signatures."""
    for record in (record for file in FILES for record in corpus(file)):
        yield from thinking_of(as_messages(record["messages"])["messages"])


def deployments(upstreams: Mapping[str, StandIn]) -> list[dict[str, Any]]:
    bases = {api: upstream.root if api == "anthropic.messages" else upstream.url for api, upstream in upstreams.items()}
    return [
        {
            "model_name": api,
            "litellm_params": {"model": model, "api_base": bases[api], "api_key": "none"},
            "model_info": {"id": api, "max_input_tokens": WINDOW},
        }
        for api, model in MODELS.items()
    ]


# -- clients -------------------------------------------------------------------------------------------------------------


def chat_sdk(proxy: Proxy, request: dict[str, Any]) -> str:
    answer = client_of(proxy).chat.completions.create(**request)
    if not request["stream"]:
        return str(answer.choices[0].message.content)
    return "".join(choice.delta.content or "" for chunk in answer for choice in chunk.choices)


def responses_sdk(proxy: Proxy, request: dict[str, Any]) -> str:
    answer = client_of(proxy).responses.create(**request)
    if not request["stream"]:
        return str(answer.output_text)
    return "".join(event.delta for event in answer if event.type == "response.output_text.delta")


def messages_sdk(proxy: Proxy, request: dict[str, Any]) -> str:
    answer = anthropic_client(proxy).messages.create(**request)
    if not request["stream"]:
        return str(answer.content[0].text)
    return "".join(event.delta.text for event in answer if event.type == "content_block_delta")


def raw(proxy: Proxy, request: dict[str, Any]) -> str:
    path = {"openai.chat": "chat/completions", "anthropic.messages": "messages", "openai.responses": "responses"}[request["model"]]
    answer = httpx.post(f"{proxy.url}/{path}", json=request, headers={"Authorization": f"Bearer {proxy.key}"}, timeout=60)
    return " ".join(word for word in REPLY.split(" ") if word in answer.text) if answer.is_success else answer.text


@cache
def anthropic_client(proxy: Proxy) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=proxy.url.removesuffix("/v1"), api_key=proxy.key, max_retries=0)


SDK: Mapping[str, Callable[[Proxy, dict[str, Any]], str]] = {
    "openai.chat": chat_sdk,
    "anthropic.messages": messages_sdk,
    "openai.responses": responses_sdk,
}


# -- requests ------------------------------------------------------------------------------------------------------------


def requests(corpus: Any, file: str, api: str, way: int) -> Iterator[dict[str, Any]]:
    """Those requests of a file that are sent in one of the ways."""
    every = bool(os.environ.get("ALL_REQUESTS"))
    sessions = [record["messages"] for record in corpus(file) if every or len(record["messages"]) <= LONGEST]
    histories = [head for messages in sessions for head in heads(messages)]
    step = WAYS if every else len(histories) // SAMPLE
    yield from (AS[api](history) for history in histories[way * step // WAYS :: step])


def refusal(ask: Callable[[Proxy, dict[str, Any]], str], proxy: Proxy, request: dict[str, Any]) -> str | None:
    """What the client was told instead of the answer."""
    try:
        text = ask(proxy, request).strip()
    except (openai.APIError, anthropic.APIError, httpx.HTTPError) as error:
        return f"{type(error).__name__}: {error}"
    return None if text == REPLY else text


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("client", ["sdk", "httpx"])
@pytest.mark.parametrize(("file", "api"), [(file, api) for file, apis in FILES.items() for api in apis])
def test_every_request_of_recorded_sessions_is_answered(world: World, corpus: Any, file: str, api: str, client: str, stream: bool) -> None:
    ask, upstream = SDK[api] if client == "sdk" else raw, world.upstreams[api]
    refused = {}
    for number, request in enumerate(requests(corpus, file, api, 2 * (client == "sdk") + stream)):
        refused[number] = refusal(ask, world.proxy, {"model": api, "stream": stream, **request})
        upstream.bodies.clear()  # gigabytes, in the end
    assert {number: words for number, words in refused.items() if words} == {}
    assert len(refused) >= SAMPLE
    assert [refusal.message for refusal in upstream.refusals] == []
