"""`/v1/messages` through a real litellm proxy: to Anthropic itself, and bridged to OpenAI Responses and to chat completions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from anthropic_chat import translated
from anthropic_rules import cache_marks
from anthropic_upstream import AnthropicUpstream, strings_of, tokens_of
from responses_upstream import ResponsesUpstream
from shared_proxies import WATCHED, Part, Shared, behind

from token_guard import Guard, Settings
from token_guard.demo.conversation import conversation
from token_guard.demo.proxy import Proxy
from token_guard.demo.stand_in import StandIn
from token_guard.demo.upstream import Upstream
from token_guard.limits import Deployment

WINDOW = 16_000
MAX_TOKENS = 500
LONG = 60
"""Strings of more characters are words of the conversation; shorter ones may be arguments, which the bridges write as JSON."""
ASKED = "the guard was asked for"
CACHED = {"cache_control": {"type": "ephemeral"}}
TASK, HISTORY = translated(conversation())
SYSTEM = [{"type": "text", "text": TASK, **CACHED}]
MODELS = {"native": "anthropic/claude-sonnet-4-5", "bridged-responses": "openai/gpt-4o", "bridged-chat": "hosted_vllm/a-model"}


@dataclass
class World:
    """A proxy with the guard in front of a stand-in of each kind."""

    proxy: Proxy
    upstreams: tuple[StandIn, ...]

    @property
    def seen(self) -> list[dict[str, Any]]:
        """What has arrived so far, wherever."""
        return [request for upstream in self.upstreams for request in upstream.requests]


@behind(WATCHED, "messages")
def part() -> Part:
    anthropic, responses, chat = AnthropicUpstream(WINDOW), ResponsesUpstream(WINDOW), Upstream(WINDOW)
    bases = {"native": anthropic.root, "bridged-responses": responses.url, "bridged-chat": chat.url}
    return Part({"anthropic": anthropic, "responses": responses, "chat": chat}, deployments(bases))


@pytest.fixture(scope="module")
def world(watched_proxy: Shared) -> World:
    return World(watched_proxy.proxy, tuple(watched_proxy.upstreams["messages"].values()))


def deployments(bases: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "model_name": group,
            "litellm_params": {"model": MODELS[group], "api_base": base, "api_key": "none"},
            "model_info": {"id": group, "max_input_tokens": WINDOW},
        }
        for group, base in bases.items()
    ]


def ask(world: World, group: str, messages: Any, *, stream: bool = False, **more: Any) -> tuple[httpx.Response, list[dict[str, Any]]]:
    """The answer, and what arrived upstream for it."""
    before = world.seen
    body = {"model": group, "max_tokens": MAX_TOKENS, "messages": messages, "stream": stream, **more}
    answer = httpx.post(f"{world.proxy.url}/messages", json=body, headers={"x-api-key": world.proxy.key}, timeout=60)
    return answer, [request for request in world.seen if request not in before]


def asked(world: World) -> list[str]:
    """What the guard was asked so far, once a line."""
    return [line for line in world.proxy.output.splitlines() if line.startswith(ASKED)]


def rewritten(group: str, **more: Any) -> Any:
    """What one rewrite makes of the session for that deployment."""
    request = {"model": MODELS[group], "max_tokens": MAX_TOKENS, "messages": HISTORY, **more}
    deployment = Deployment(id=group, group=group, model_info={"id": group, "max_input_tokens": WINDOW})
    return Guard(Settings()).process(request, api="anthropic.messages", deployment=deployment).request


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("group", MODELS)
def test_a_session_over_the_limit_is_answered_after_exactly_one_rewrite(world, group, stream):
    asked_before = asked(world)
    question = [*HISTORY[:-1], {"role": "user", "content": f"Which invoice was charged twice first? {stream}"}]
    answer, (arrived,) = ask(world, group, question, stream=stream, system=SYSTEM)
    assert answer.status_code == 200
    assert "stand-in" in answer.text
    assert answer.headers["x-token-guard-action"] == "compacted"
    assert int(answer.headers["x-token-guard-tokens-before"]) > 50_000
    assert tokens_of(arrived) <= WINDOW - MAX_TOKENS
    once = [text for text in strings_of(rewritten(group, messages=question, system=SYSTEM)["messages"]) if len(text) > LONG]
    assert len(once) >= 4
    assert [text for text in strings_of(arrived) if text in once] == once
    assert asked(world)[len(asked_before) :] == [f"{ASKED} anthropic.messages"]


def test_what_arrives_natively_is_the_rewrite_with_all_other_fields_untouched(world):
    more = {"system": SYSTEM, "metadata": {"user_id": "u"}, "temperature": 0.2, "stop_sequences": ["x"]}
    _, (arrived,) = ask(world, "native", HISTORY, **more)
    assert arrived["messages"] == rewritten("native", **more)["messages"]
    assert {name: arrived[name] for name in more} == more
    assert list(cache_marks(arrived)) == [CACHED["cache_control"]]


@pytest.mark.parametrize("group", MODELS)
def test_a_session_that_fits_arrives_as_it_was_sent(world, group):
    messages = [{"role": "user", "content": "What is a ledger? Grüße, 你好"}, *HISTORY[1:3], {"role": "user", "content": f"And {group}?"}]
    answer, (arrived,) = ask(world, group, messages, system="Be brief.")
    assert (answer.status_code, answer.headers["x-token-guard-action"]) == (200, "none")
    assert set(strings_of(messages)) & set(strings_of(arrived)) >= {"What is a ledger? Grüße, 你好", f"And {group}?"}
    if group == "native":
        assert (arrived["messages"], arrived["system"]) == (messages, "Be brief.")


@pytest.mark.parametrize("group", MODELS)
def test_what_cannot_fit_is_refused_and_never_arrives(world, group):
    answer, arrived = ask(world, group, HISTORY[:1], system="The rules of the house are these. " * 4_000)
    assert (answer.status_code, arrived) == (400, [])
    assert "system" in answer.json()["error"]["message"]
