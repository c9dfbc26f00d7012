"""Prompt and reply together are too long while the prompt alone is not: the same call is answered with a shorter reply."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from anthropic_chat import translated
from anthropic_upstream import AnthropicRefusal, AnthropicUpstream, tokens_of
from shared_proxies import PLAIN, Part, Shared, behind

from token_guard.demo.conversation import conversation
from token_guard.demo.openai_rules import Refusal, count_prompt
from token_guard.demo.proxy import Proxy
from token_guard.demo.stand_in import StandIn
from token_guard.demo.upstream import Upstream

BELIEVED, TRUE = 128_000, 32_000
HISTORY = conversation()[:12]
SYSTEM, TURNS = translated(HISTORY)
ANTHROPIC = (
    "input length and `max_tokens` exceed context limit: {prompt} + {reply} > {window}, decrease input length or `max_tokens` and try again"
)
VLLM = (
    "This model's maximum context length is {window} tokens. However, you requested {reply} output tokens and your prompt contains "
    "{prompt} input tokens, for a total of {total} tokens. Please reduce the length of the input prompt or the number of requested tokens."
)
OPENAI = (
    "This model's maximum context length is {window} tokens. However, you requested {total} tokens ({prompt} in the messages, {reply} in "
    "the completion). Please reduce the length of the messages or completion."
)


def refusing(words: str) -> Callable[[Mapping[str, Any]], Refusal | None]:
    def check(request: Mapping[str, Any]) -> Refusal | None:
        prompt, reply = (
            count_prompt({"messages": request["messages"]}),
            request.get("max_tokens") or request.get("max_completion_tokens") or 16,
        )
        total = prompt + reply
        return Refusal(words.format(window=TRUE, prompt=prompt, reply=reply, total=total)) if total > TRUE else None

    return check


class Anthropic(AnthropicUpstream):
    def refusal(self, request: Mapping[str, Any]) -> Refusal | None:
        prompt, reply = tokens_of(request), request["max_tokens"]
        return AnthropicRefusal(ANTHROPIC.format(prompt=prompt, reply=reply, window=TRUE)) if prompt + reply > TRUE else None


@dataclass(frozen=True)
class World:
    proxy: Proxy
    upstreams: Mapping[str, Any]

    def ask(self, model: str, reply: int, *, stream: bool = False, key: str = "max_tokens") -> httpx.Response:
        own = {"system": SYSTEM, "messages": TURNS} if model.startswith("anthropic") else {"messages": HISTORY}
        path = "messages" if model.startswith("anthropic") else "chat/completions"
        body = {"model": model, key: reply, "stream": stream, **own}
        headers = {"Authorization": f"Bearer {self.proxy.key}"}
        return httpx.post(f"{self.proxy.url}/{path}", json=body, headers=headers, timeout=60, trust_env=False)


@behind(PLAIN, "replies")
def part() -> Part:
    upstreams: dict[str, StandIn] = {
        "vllm": Upstream(BELIEVED, check=refusing(VLLM)),
        "openai": Upstream(BELIEVED, check=refusing(OPENAI)),
        "anthropic": Anthropic(BELIEVED),
    }
    models = {"vllm": "hosted_vllm/gpt-4o", "openai": "openai/gpt-4o", "anthropic": "anthropic/claude-sonnet-4-5"}
    deployments = [
        {
            "model_name": f"{wire}-{kind}",
            "litellm_params": {"model": models[wire], "api_base": up.root if wire == "anthropic" else up.url, "api_key": "none"},
            "model_info": {"id": f"{wire}-{kind}", "max_input_tokens": BELIEVED},
        }
        for wire, up in upstreams.items()
        for kind in ("whole", "stream", "own")
    ]
    return Part(upstreams, deployments)


@pytest.fixture(scope="module")
def world(plain_proxy: Shared) -> World:
    return World(plain_proxy.proxy, plain_proxy.upstreams["replies"])


@pytest.mark.parametrize("kind", ["whole", "stream"])
@pytest.mark.parametrize("wire", ["vllm", "openai", "anthropic"])
def test_the_same_call_is_answered_with_a_shorter_reply_and_the_prompt_as_it_was(world: World, wire: str, kind: str) -> None:
    upstream = world.upstreams[wire]
    start = len(upstream.bodies)
    answer = world.ask(f"{wire}-{kind}", 31_000, stream=kind == "stream")
    assert answer.status_code == 200, answer.text[:500]
    refused, answered = map(json.loads, upstream.bodies[start:])
    assert answered["messages"] == refused["messages"]
    assert refused["max_tokens"] == 31_000
    prompt = tokens_of(answered) if wire == "anthropic" else count_prompt({"messages": answered["messages"]})
    assert TRUE - 64 < prompt + answered["max_tokens"] <= TRUE


@pytest.mark.parametrize("wire", ["vllm", "openai"])
def test_the_clients_own_retry_with_a_shorter_reply_passes_untouched(world: World, wire: str) -> None:
    upstream, model = world.upstreams[wire], f"{wire}-own"
    assert world.ask(model, 31_000).status_code == 200
    start = len(upstream.bodies)
    room = TRUE - count_prompt({"messages": HISTORY})
    answer = world.ask(model, room - 2_000)
    (arrived,) = map(json.loads, upstream.bodies[start:])
    assert (answer.status_code, answer.headers["x-token-guard-action"]) == (200, "none")
    assert (arrived["messages"], arrived["max_tokens"]) == (HISTORY, room - 2_000)


def test_the_window_that_is_learned_is_that_of_both(world: World) -> None:
    world.ask("vllm-own", 31_000)
    assert world.ask("vllm-own", 100).headers["x-token-guard-limit"] == str(TRUE)
