"""Real litellm proxies, started once for all tests of this folder, in front of upstreams that enforce their window."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import openai
import pytest
from held_world import held_world
from pluggy import Result
from shared_proxies import PLAIN, WATCHED, Shared, client_of, started, with_this_folder

from token_guard.demo.openai_rules import Refusal
from token_guard.demo.proxy import Proxy
from token_guard.demo.upstream import Upstream

__all__ = ["held_world"]

WINDOW, SMALL_WINDOW, LARGE_WINDOW = 16_000, 6_000, 64_000
LAST_WORDS = 8_000
"""Characters of a proxy's output that a failed test shows: a crash's trace and what came before it."""
OUTAGE = Refusal("The server is overloaded.", type="server_error", param=None, status=503)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Function, call: pytest.CallInfo[None]) -> Generator[None, Result[pytest.TestReport], None]:
    """A failed test shows what its proxies wrote."""
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        report.sections += [(f"output of the proxy at {proxy.url}", proxy.output[-LAST_WORDS:]) for proxy in proxies_in(item.funcargs)]


def proxies_in(value: Any) -> Iterator[Proxy]:
    """The proxies that a test was given, in whatever held them."""
    if isinstance(value, Proxy):
        yield value
    elif isinstance(value, dict):
        yield from (proxy for inner in value.values() for proxy in proxies_in(inner))
    elif is_dataclass(value):
        yield from (proxy for each in fields(value) for proxy in proxies_in(getattr(value, each.name)))


@dataclass
class World:
    """Three upstreams and three proxies: with the guard, without it, and with a guard that fails on every request."""

    upstream: Upstream
    small: Upstream
    large: Upstream
    down: Upstream
    proxies: dict[str, Proxy] = field(default_factory=dict)

    def client(self, name: str) -> openai.OpenAI:
        return client_of(self.proxies[name])


def deployment(group: str, upstream: Upstream, window: int, **params: Any) -> dict[str, Any]:
    return {
        "model_name": group,
        "litellm_params": {"model": "openai/gpt-4o", "api_base": upstream.url, "api_key": "none", **params},
        "model_info": {"id": group, "max_input_tokens": window},
    }


def config(world: World, callbacks: list[str]) -> dict[str, Any]:
    return {
        "model_list": [
            deployment("main", world.upstream, WINDOW),
            deployment("small", world.small, SMALL_WINDOW),
            deployment("large", world.large, LARGE_WINDOW),
            deployment("flaky", world.down, WINDOW),
            deployment("routed-up", world.upstream, WINDOW),
        ],
        "litellm_settings": {"callbacks": callbacks},
        "router_settings": {
            "num_retries": 1,
            "disable_cooldowns": True,
            "fallbacks": [{"flaky": ["small"]}],
            "context_window_fallbacks": [{"routed-up": ["large"]}],
        },
        "callback_settings": {"token_guard": {"client_overrides": ["mode"]}},
    }


@pytest.fixture(scope="session")
def plain_proxy() -> Iterator[Shared]:
    yield from started(PLAIN, {})


@pytest.fixture(scope="session")
def watched_proxy() -> Iterator[Shared]:
    yield from started(WATCHED, with_this_folder())


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with ExitStack() as stack:
        windows = (WINDOW, SMALL_WINDOW, LARGE_WINDOW)
        upstreams = [stack.enter_context(Upstream(window)) for window in windows]
        down = stack.enter_context(Upstream(WINDOW, check=lambda request: OUTAGE))
        world = World(*upstreams, down)
        for name, callbacks in {"guarded": ["token_guard.callback"], "bare": [], "faulty": ["faulty_callback.callback"]}.items():
            world.proxies[name] = stack.enter_context(Proxy(config(world, callbacks), environment=with_this_folder()))
        for proxy in world.proxies.values():
            proxy.wait()
        yield world


@dataclass(frozen=True)
class Outcome:
    """What a client got, and the raw bodies that the upstreams got in the meantime."""

    status: int
    text: str
    error: Mapping[str, Any]
    headers: Mapping[str, str]
    bodies: list[bytes]


@pytest.fixture
def ask(world: World) -> Callable[..., Outcome]:
    """`ask(messages, proxy="guarded", model="main", stream=False, **more)` through the openai SDK."""

    def ask(messages: Any, *, proxy: str = "guarded", model: str = "main", stream: bool = False, **more: Any) -> Outcome:
        upstreams = (world.down, world.upstream, world.small, world.large)
        before = [len(upstream.bodies) for upstream in upstreams]
        status, text, error, headers = _answer(world.client(proxy), model=model, messages=messages, stream=stream, **more)
        seen = [body for upstream, start in zip(upstreams, before, strict=True) for body in upstream.bodies[start:]]
        return Outcome(status, text, error, headers, seen)

    return ask


def _answer(client: openai.OpenAI, **request: Any) -> tuple[int, str, Mapping[str, Any], Mapping[str, str]]:
    try:
        response = client.chat.completions.with_raw_response.create(**request)
    except openai.APIStatusError as error:
        return error.status_code, "", error.body if isinstance(error.body, dict) else {}, error.response.headers
    answer = response.parse()
    if request["stream"]:
        text = "".join(choice.delta.content or "" for chunk in answer for choice in chunk.choices)
    else:
        text = answer.choices[0].message.content
    return response.status_code, text, {}, response.headers
