"""Answers to Messages and Responses teach as those to chat completions do, each once, bridged or not, whole or streamed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import litellm
import pytest
from anthropic_chat import translated
from anthropic_upstream import AnthropicUpstream
from build import agent
from responses_rules import as_items
from responses_upstream import ResponsesUpstream

from token_guard.demo.upstream import Upstream
from token_guard.proxy.installation import install
from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.settings import Settings

WINDOW, CALLS = 64_000, 6
PATHS: Mapping[str, tuple[str, str]] = {
    "messages": ("anthropic", "anthropic/claude-sonnet-4-5"),
    "messages -> chat": ("chat", "hosted_vllm/gpt-4o"),
    "messages -> responses": ("responses", "openai/gpt-4o"),
    "responses": ("responses", "openai/gpt-4o"),
    "responses -> messages": ("anthropic", "anthropic/claude-sonnet-4-5"),
}


@pytest.fixture(scope="module")
def bases() -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        chat, responses = stack.enter_context(Upstream(WINDOW)), stack.enter_context(ResponsesUpstream(WINDOW))
        anthropic = stack.enter_context(AnthropicUpstream(WINDOW))
        yield {"chat": chat.url, "responses": responses.url, "anthropic": anthropic.root}


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> TokenGuardCallback:
    for name in ("callbacks", "input_callback", "success_callback", "failure_callback", "_async_success_callback"):
        monkeypatch.setattr(litellm, name, [])
    return install(Settings(store="memory:"))


async def answered(router: litellm.Router, path: str, turns: int, stream: bool) -> None:
    if path.startswith("messages"):
        system, messages = translated([{"role": "system", "content": "Be brief. " * 300}, *agent(turns)])
        request = {"system": system, "messages": messages, "max_tokens": 100}
        answer = await router.aanthropic_messages(model="m", stream=stream, **request)
    else:
        request = {"instructions": "Be brief. " * 300, "input": as_items(agent(turns)), "max_output_tokens": 100}
        answer = await router.aresponses(model="m", stream=stream, **request)
    if stream:
        assert [event async for event in answer]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("path", PATHS)
def test_each_answer_teaches_once(bases: dict[str, str], guard: TokenGuardCallback, path: str, stream: bool) -> None:
    place, model = PATHS[path]
    params = {"model": model, "api_base": bases[place], "api_key": "none"}

    async def talk() -> None:
        router = litellm.Router([{"model_name": "m", "litellm_params": params, "model_info": {"id": "d1", "max_input_tokens": WINDOW}}])
        for call in range(1, CALLS):
            await answered(router, path, 4 * call, stream)
            await _sampled(guard, call)
        await asyncio.sleep(0.3)

    asyncio.run(talk())
    assert len(samples(guard)) == CALLS - 1
    # the stand-ins count the strings alone; without the system prompt or the tool results it would be far more than twice
    assert 0.5 < guard.guard.calibrations.get("d1").correct(10_000) / 10_000 < 1.5


def samples(guard: TokenGuardCallback) -> Any:
    return guard.guard.calibrations.get("d1").samples


async def _sampled(guard: TokenGuardCallback, count: int) -> None:
    """Success events come after the answer."""
    deadline = time.monotonic() + 5
    while len(samples(guard)) < count and time.monotonic() < deadline:
        await asyncio.sleep(0.02)


def test_a_call_whose_answer_never_came_is_given_up(guard: TokenGuardCallback) -> None:
    for number in range(200):
        guard.sent.keep("anthropic.messages", {"litellm_call_id": str(number), "messages": []})
    event = {"standard_logging_object": {"prompt_tokens": 9}, "litellm_params": {}}
    assert guard.sent.usage_of({**event, "litellm_call_id": "0"}) is None
    assert guard.sent.usage_of({**event, "litellm_call_id": "199"}).prompt_tokens == 9
    assert guard.sent.usage_of({**event, "litellm_call_id": "199"}) is None
