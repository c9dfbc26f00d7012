"""Observing changes nothing and foretells what enforcing then does; who may choose what, through a real proxy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from anthropic_upstream import AnthropicUpstream
from build import agent, say
from conftest import with_this_folder

from token_guard.demo.conversation import conversation
from token_guard.demo.proxy import Proxy
from token_guard.demo.upstream import Upstream

WINDOW = 16_000
FORETOLD = ("tokens-before", "tokens-after", "limit", "limit-source", "passes", "kept", "rules", "retention")
"""Not whether a number is exact: the answer to the observed request teaches how its deployment counts."""

LONG = conversation()
TOO_LARGE = [say("system", "The rules of the house are these. " * 4_000), say("user", "Hello")]
AGENT = agent(140)


def _turns(messages: list[Any], *places: int) -> list[list[Any]]:
    return [messages[:place] for place in places]


REQUESTS: list[list[Any]] = [
    [say("user", "Hello")],
    *_turns(AGENT, 10, 60, 100, 140, 180, 220, 260, len(AGENT)),
    LONG,
    [*LONG, say("user", "And what was the first invoice?")],
    TOO_LARGE,
    [say("system", "Be brief."), say("user", "one line of a file\n" * 9_000), say("user", "Sum it up.")],
]


@dataclass(frozen=True)
class Outcome:
    status: int
    headers: Mapping[str, str]
    bodies: list[bytes]

    def told(self, name: str) -> str | None:
        return self.headers.get(f"x-token-guard-{name}")


Ask = Callable[..., Outcome]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """`ask(body, key=..., guarded=True, route="/chat/completions")` before upstreams whose own windows are much larger."""
    with ExitStack() as stack:
        chat = stack.enter_context(Upstream(400_000))
        claude = stack.enter_context(AnthropicUpstream(400_000))
        proxies = {
            guarded: stack.enter_context(Proxy(_config(chat, claude, guarded=guarded), environment=with_this_folder()))
            for guarded in (True, False)
        }
        for proxy in proxies.values():
            proxy.wait()

        def ask(body: Any, *, key: str = "sk-bob", guarded: bool = True, route: str = "/chat/completions", headers: Any = None) -> Outcome:
            before = [len(upstream.bodies) for upstream in (chat, claude)]
            sent = {"Authorization": f"Bearer {key}", "anthropic-version": "2023-06-01", **(headers or {})}
            answer = httpx.post(f"{proxies[guarded].url}{route}", json=body, headers=sent, timeout=60, trust_env=False)
            seen = [body for one, start in zip((chat, claude), before, strict=True) for body in one.bodies[start:]]
            return Outcome(answer.status_code, answer.headers, seen)

        yield ask


def _config(chat: Upstream, claude: AnthropicUpstream, *, guarded: bool) -> dict[str, Any]:
    def deployment(group: str, **options: Any) -> dict[str, Any]:
        model = ("anthropic/claude-sonnet-4-5", claude.root) if group == "claude" else ("openai/gpt-4o", chat.url)
        return {
            "model_name": group,
            "litellm_params": {"model": model[0], "api_base": model[1], "api_key": "none"},
            "model_info": {"id": group, "max_input_tokens": WINDOW, "token_guard": options},
        }

    groups = [deployment("m"), deployment("claude"), deployment("watched", mode="observe"), deployment("eager", trigger=0.5, target=0.2)]
    return {
        "model_list": groups,
        "litellm_settings": {"callbacks": ["token_guard.callback"] if guarded else []},
        "general_settings": {"custom_auth": "keyed_auth.check_key"},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "callback_settings": {"token_guard": {"client_overrides": ["strategy"], "thresholds": "fixed"}},
    }


def _chat(messages: list[Any], **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": messages, **more}


@pytest.mark.parametrize("number", range(len(REQUESTS)))
def test_observing_forwards_the_clients_bytes_and_foretells_what_enforcing_does(ask: Ask, number: int) -> None:
    body = _chat(REQUESTS[number], stream=bool(number % 2))
    bare, observed, enforced = ask(body, guarded=False), ask(body, key="sk-ann"), ask(body)
    assert (observed.status, observed.told("action")) == (bare.status, "observed")
    assert observed.bodies == bare.bodies
    assert observed.told("would") == enforced.told("action")
    foretold = FORETOLD[:4] if enforced.told("action") == "rejected" else FORETOLD
    assert {name: observed.told(name) for name in foretold} == {name: enforced.told(name) for name in foretold}


def test_among_the_requests_are_all_that_enforcing_does(ask: Ask) -> None:
    done = {ask(_chat(messages)).told("action") for messages in REQUESTS}
    assert {"none", "compacted", "rejected"} <= done


@pytest.mark.parametrize("messages", [AGENT[1:9], [say("user", "Compare. " * 9_000), say("assistant", "Done."), say("user", "Again.")]])
def test_so_it_is_on_messages(ask: Ask, messages: list[Any]) -> None:
    talk = [{"role": each["role"], "content": str(each["content"])} for each in messages if each["role"] in ("user", "assistant")]
    talk = [each for each in talk if each["content"] != "None"][:1] if talk[0]["role"] != "user" else talk
    body = {"model": "claude", "max_tokens": 500, "messages": talk}
    bare, observed, enforced = (
        ask(body, key=key, guarded=on, route="/messages") for key, on in (("sk-bob", False), ("sk-ann", True), ("sk-bob", True))
    )
    assert (observed.status, observed.bodies) == (bare.status, bare.bodies)
    assert observed.told("would") == enforced.told("action")
    assert observed.told("tokens-after") == enforced.told("tokens-after")


def test_a_reply_that_would_be_shortened_is_foretold(ask: Ask) -> None:
    body = _chat([say("user", "word " * 9_000)], max_tokens=9_000)
    bare, observed, enforced = ask(body, guarded=False), ask(body, key="sk-ann"), ask(body)
    assert observed.bodies == bare.bodies != enforced.bodies
    assert (observed.told("would"), enforced.told("action")) == ("clamped", "clamped")


def test_a_deployment_has_options_of_its_own(ask: Ask) -> None:
    watched = ask({**_chat(LONG), "model": "watched"})
    assert (watched.told("action"), len(json.loads(watched.bodies[0])["messages"])) == ("observed", len(LONG))
    usual, eager = (ask({**_chat(LONG), "model": model}) for model in ("m", "eager"))
    assert int(eager.told("tokens-after") or 0) < int(usual.told("tokens-after") or 0)


def test_a_team_and_a_key_have_options_of_their_own_and_the_key_stands_above(ask: Ask) -> None:
    assert ask(_chat(LONG), key="sk-tom").told("action") is None or ask(_chat(LONG), key="sk-tom").told("action") == "bypassed"
    assert ask(_chat(LONG), key="sk-tom").bodies == ask(_chat(LONG), guarded=False).bodies
    assert ask(_chat(LONG), key="sk-eve").told("action") == "bypassed"  # its team's mode, with a strategy of its own


@pytest.mark.parametrize(
    "asked",
    [{"headers": {"x-token-guard-strategy": "sliding_window"}}, {"body": {"metadata": {"token_guard": {"strategy": "sliding_window"}}}}],
)
def test_a_client_chooses_what_it_is_allowed_to(ask: Ask, asked: Any) -> None:
    done = ask({**_chat(LONG), **asked.get("body", {})}, headers=asked.get("headers"))
    assert (done.told("passes") or "").startswith("truncate;")
    assert done.told("remark") is None
    assert b"sliding_window" not in done.bodies[0]


@pytest.mark.parametrize(
    "asked",
    [{"headers": {"x-token-guard-mode": "off"}}, {"body": {"metadata": {"token_guard": {"mode": "off"}}}}],
    ids=["header", "metadata"],
)
def test_what_a_client_may_not_choose_is_ignored_and_reported(ask: Ask, asked: Any) -> None:
    done = ask({**_chat(LONG), **asked.get("body", {})}, headers=asked.get("headers"))
    assert done.told("action") == "compacted"
    assert (done.told("remark") or "").endswith("is not heeded: client_overrides does not allow mode")


def test_clients_who_ask_for_nothing_are_told_nothing_of_it(ask: Ask) -> None:
    assert ask(_chat(LONG)).told("remark") is None


COUNTS = {"route": "/messages/count_tokens"}


def _talk() -> dict[str, Any]:
    lines = "a line of the ledger of the house\n" * 400
    return {
        "model": "claude",
        "max_tokens": 500,
        "messages": [say(role, f"{n} {lines}") for n in range(8) for role in ("user", "assistant")][:-1],
    }


@pytest.mark.parametrize(
    ("key", "headers", "told"),
    [
        ("sk-bob", {}, ("compacted", None)),
        ("sk-ann", {}, ("observed", None)),
        ("sk-tom", {}, (None, None)),
        ("sk-bob", {"x-token-guard-strategy": "sliding_window"}, ("compacted", None)),
        ("sk-bob", {"x-token-guard-mode": "off"}, ("compacted", "x-token-guard-mode")),
    ],
    ids=["nobody's", "a key's", "a team's", "a client's", "not allowed"],
)
def test_token_counts_go_by_the_options_of_the_key_the_team_and_the_client(ask: Ask, key: str, headers: Any, told: Any) -> None:
    counted = ask(_talk(), key=key, headers=headers, **COUNTS)
    sent = ask(_talk(), key=key, headers=headers, route="/messages")
    assert (counted.told("action"), (counted.told("remark") or "").split(" ")[0] or None) == told
    for name in ("would", "tokens-after", "passes", "remark", "limit") if told[0] else ():
        assert counted.told(name) == sent.told(name), name
