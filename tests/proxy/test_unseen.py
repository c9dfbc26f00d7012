"""Calls that no callback is asked about are named once, with what to do."""

from __future__ import annotations

import asyncio
import logging

import litellm
import pytest

from token_guard import fit
from token_guard.demo.upstream import Upstream
from token_guard.proxy.installation import install
from token_guard.proxy.unseen import Unseen
from token_guard.settings import Settings

SHORT = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def place(monkeypatch):
    """Where to send calls to while a guard is installed, without a trace afterwards."""
    for name in ("callbacks", "input_callback", "success_callback", "failure_callback", "_async_success_callback"):
        monkeypatch.setattr(litellm, name, [])
    install(Settings(store="memory:"))
    with Upstream(16_000) as upstream:
        yield {"api_base": upstream.url, "api_key": "none"}


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if "cannot fit this request" in record.getMessage()]


def test_synchronous_calls_are_named_once(place, caplog):
    with caplog.at_level(logging.WARNING, logger="token_guard"):
        for _ in range(2):
            litellm.completion(model="openai/gpt-4o", messages=SHORT, **place)
    (line,) = warnings(caplog)
    assert "litellm.completion(**token_guard.fit(request).request)" in line


def test_so_are_those_of_a_router(place, caplog):
    router = litellm.Router([{"model_name": "m", "litellm_params": {"model": "openai/gpt-4o", **place}}])
    with caplog.at_level(logging.WARNING, logger="token_guard"):
        router.completion(model="m", messages=SHORT)
    assert len(warnings(caplog)) == 1


def test_positional_messages_are_named(place, caplog):
    with caplog.at_level(logging.WARNING, logger="token_guard"):
        asyncio.run(litellm.acompletion("openai/gpt-4o", SHORT, **place))
    (line,) = warnings(caplog)
    assert "messages=" in line


def test_calls_that_are_seen_are_not_named(place, caplog):
    async def calls():
        await litellm.acompletion(model="openai/gpt-4o", messages=SHORT, **place)
        stream = await litellm.acompletion(model="openai/gpt-4o", messages=SHORT, stream=True, **place)
        assert [chunk async for chunk in stream]
        await litellm.anthropic.messages.acreate(model="hosted_vllm/m", messages=SHORT, max_tokens=9, **place)

    with caplog.at_level(logging.WARNING, logger="token_guard"):
        asyncio.run(calls())
    assert warnings(caplog) == []


def test_the_advice_works(place):
    request = {"model": "openai/gpt-4o", "messages": SHORT}
    assert litellm.completion(**fit(request).request, **place).choices[0].message.content


@pytest.mark.parametrize("style", [None, 7, "acompletion", "aresponses"])
def test_other_calls_are_no_news(style, caplog):
    Unseen().notice(style)
    assert not caplog.records
