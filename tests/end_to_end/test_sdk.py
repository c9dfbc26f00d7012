"""litellm without a proxy, a guard installed: each asynchronous call is fitted before it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import litellm
import pytest
from anthropic_chat import translated
from anthropic_upstream import AnthropicUpstream, tokens_of
from responses_rules import as_items
from responses_upstream import ResponsesUpstream, size_of

from token_guard.demo.conversation import conversation
from token_guard.demo.openai_rules import count_prompt
from token_guard.demo.upstream import Upstream
from token_guard.proxy.installation import install
from token_guard.settings import Settings

WINDOW, MAX_TOKENS = 16_000, 500
HISTORY = conversation()
SYSTEM, TURNS = translated(HISTORY)
ITEMS = {"instructions": HISTORY[0]["content"], "input": as_items(HISTORY[1:]), "max_output_tokens": MAX_TOKENS}
MESSAGES = {"system": SYSTEM, "messages": TURNS, "max_tokens": MAX_TOKENS}
GPT, CLAUDE = "openai/gpt-4o", "anthropic/claude-sonnet-4-5"


@dataclass(frozen=True)
class Upstreams:
    chat: Upstream
    responses: ResponsesUpstream
    anthropic: AnthropicUpstream


@pytest.fixture
def upstreams(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstreams]:
    for name in ("callbacks", "input_callback", "success_callback", "failure_callback", "_async_success_callback"):
        monkeypatch.setattr(litellm, name, [])
    windows = {"gpt-4o": WINDOW, "claude-sonnet-4-5": WINDOW}
    install(Settings(store="memory:", limits={"models": windows}))
    with ExitStack() as stack:
        opened = (Upstream(WINDOW), ResponsesUpstream(WINDOW), AnthropicUpstream(WINDOW))
        yield Upstreams(*map(stack.enter_context, opened))


def router(model: str, base: str) -> litellm.Router:
    return litellm.Router([{"model_name": "m", "litellm_params": {"model": model, "api_base": base, "api_key": "none"}}])


CALLS: Mapping[str, Callable[[Upstreams], Awaitable[Any]]] = {
    "acompletion": lambda up: litellm.acompletion(model=GPT, messages=HISTORY, api_base=up.chat.url, api_key="none"),
    "Router.acompletion": lambda up: router(GPT, up.chat.url).acompletion(model="m", messages=HISTORY),
    "aresponses": lambda up: litellm.aresponses(model=GPT, api_base=up.responses.url, api_key="none", **ITEMS),
    "Router.aresponses": lambda up: router(GPT, up.responses.url).aresponses(model="m", **ITEMS),
    "acreate": lambda up: litellm.anthropic.messages.acreate(model=CLAUDE, api_base=up.anthropic.root, api_key="none", **MESSAGES),
    "Router.aanthropic_messages": lambda up: router(CLAUDE, up.anthropic.root).aanthropic_messages(model="m", **MESSAGES),
}


@pytest.mark.parametrize("call", CALLS)
def test_what_is_sent_fits(upstreams: Upstreams, call: str) -> None:
    async def answered() -> Any:
        return await CALLS[call](upstreams)

    assert asyncio.run(answered())
    sent = [
        *map(count_prompt, upstreams.chat.requests),
        *(size_of(body) + MAX_TOKENS for body in upstreams.responses.requests),
        *(tokens_of(body) + MAX_TOKENS for body in upstreams.anthropic.requests),
    ]
    assert len(sent) == 1
    assert sent[0] <= WINDOW
