"""Whoever tells a window tells the one to which requests are fitted."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import httpx
import litellm
import pytest
from build import say
from fastapi import FastAPI
from litellm import Router

from token_guard.commands import litellm_config
from token_guard.commands.limits import limits
from token_guard.limits import Served
from token_guard.proxy.callers import served
from token_guard.proxy.count_tokens import Asking, forecast
from token_guard.proxy.listings import with_windows
from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.proxy.prechecks import admissible
from token_guard.settings import Settings
from token_guard.web import Host, routes

BETA = {"anthropic-beta": "context-1m-2025-08-07"}
DEPLOYMENTS: Mapping[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "parameter": ("ollama_chat/qwen3", {"num_ctx": 12_288}, {}),
    "option": ("ollama_chat/qwen3", {"extra_body": {"options": {"num_ctx": 12_288}}}, {}),
    "provider": ("qwen3", {"custom_llm_provider": "ollama_chat", "num_ctx": 12_288}, {}),
    "written": ("ollama_chat/qwen3", {"num_ctx": 32_768}, {"max_input_tokens": 10_000}),
    "beta": ("anthropic/claude-sonnet-4-5", {"extra_headers": BETA}, {}),
    "claude": ("anthropic/claude-sonnet-4-5", {}, {}),
    "plain": ("openai/gpt-4o", {}, {}),
    "own/*": ("openai/*", {}, {"max_input_tokens": 9_000}),
}
WINDOWS = {
    "parameter": 12_288,
    "option": 12_288,
    "provider": 12_288,
    "written": 10_000,
    "beta": 1_000_000,
    "claude": 200_000,
    "plain": 128_000,
    "own/gpt-4o": 9_000,
    "alias": 12_288,
}
"""What each name's requests have to fit."""


class Auth:
    """What the proxy makes of an administrator's key."""

    api_key, user_role, team_id, metadata, team_metadata = "admin", "proxy_admin", None, {}, {}


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenGuardCallback]:
    """A callback beside a router with all deployments."""
    model_list = [
        {"model_name": name, "litellm_params": {"model": model, "api_key": "none", **params}, "model_info": {"id": name, **info}}
        for name, (model, params, info) in DEPLOYMENTS.items()
    ]
    router = Router(model_list=model_list, model_group_alias={"alias": "parameter"}, num_retries=0)
    monkeypatch.setitem(sys.modules, "litellm.proxy.proxy_server", SimpleNamespace(llm_router=router))
    callback = TokenGuardCallback(Settings(store="memory:"))
    monkeypatch.setattr(litellm, "callbacks", [callback])
    yield callback
    router.discard()


def fitted_to(name: str, **body: Any) -> int:
    """The window that a request for a model was fitted to, on its way through the router."""
    note: dict[str, Any] = {}
    call = sys.modules["litellm.proxy.proxy_server"].llm_router.acompletion
    asyncio.run(call(model=name, messages=[say("user", "Hello")], mock_response="Hi", metadata={"token_guard": note}, **body))
    return int(note["headers"]["x-token-guard-limit"])


def counted_with(guard: TokenGuardCallback, name: str, **body: Any) -> int:
    """The window that `POST /token-guard/count` tells."""

    async def away(_caller: str, work: Any) -> Any:
        return work()

    async def may_use(_model: str, _auth: Any) -> bool:
        return True

    async def asked() -> httpx.Response:
        app, host = FastAPI(), Host(Auth, served, may_use, away)
        for each in routes(guard.guard, guard.noting.recent, None, host, "enforce"):
            app.include_router(each)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://proxy") as client:
            sent = {"request": {"messages": [say("user", "Hello")], **body}, "model": name}
            return await client.post("/token-guard/count", json=sent)

    return int(asyncio.run(asked()).json()["limit"])


def foretold(guard: TokenGuardCallback, name: str, headers: Mapping[str, str] = {}, **body: Any) -> int:
    """The window that a token count's headers tell."""
    sent = {"model": name, "max_tokens": 100, "messages": [say("user", "Hello")], **body}
    found = forecast(guard.guard, guard.overrides, Asking(json.dumps(sent).encode(), headers))
    return int(found.headers["x-token-guard-limit"])


def listed(guard: TokenGuardCallback, name: str) -> int:
    """The window that `/v1/models` tells."""
    (entry,) = with_windows(guard.guard, {"data": [{"id": name}]}, False)["data"]
    return int(entry["context_window"]["max_input_tokens"])


@pytest.mark.parametrize(("name", "window"), WINDOWS.items())
def test_whoever_tells_a_window_tells_the_one_that_requests_are_fitted_to(guard: TokenGuardCallback, name: str, window: int) -> None:
    told = [fitted_to(name), counted_with(guard, name), foretold(guard, name), listed(guard, name)]
    assert told == [window] * 4


@pytest.mark.parametrize("name", [name for name in DEPLOYMENTS if "*" not in name])
def test_so_do_the_details_the_page_and_the_command_line(guard: TokenGuardCallback, name: str, tmp_path: Any) -> None:
    model, params, info = DEPLOYMENTS[name]
    entry = {"model_name": name, "litellm_params": {"model": model, **params}, "model_info": {"id": name, **info}}
    (detail,) = with_windows(guard.guard, {"data": [entry]}, True)["data"]
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"model_list": [entry]}), encoding="utf-8")
    (known,) = limits([], str(config), False, {}).known
    (one,) = served(name)
    told = (detail["model_info"]["context_window"]["max_input_tokens"], known.limit.max_input_tokens)
    assert (*told, one.shown_limit(guard.guard.limits).max_input_tokens) == (WINDOWS[name],) * 3
    assert list(litellm_config.served({"model_list": [entry]})) == [Served.read(entry, place=0)]


def test_a_window_that_the_request_names_counts_for_those_who_see_the_request(guard: TokenGuardCallback) -> None:
    told = [
        fitted_to("parameter", num_ctx=4_096),
        counted_with(guard, "parameter", num_ctx=4_096),
        foretold(guard, "parameter", num_ctx=4_096),
    ]
    assert told == [4_096] * 3
    assert listed(guard, "parameter") == 12_288


def test_so_does_the_beta_that_a_client_names_in_a_header(guard: TokenGuardCallback) -> None:
    assert foretold(guard, "claude", BETA) == fitted_to("claude", proxy_server_request={"headers": BETA}) == 1_000_000


def test_the_routers_check_prefers_what_takes_the_request_by_the_window_of_its_parameters(guard: TokenGuardCallback) -> None:
    entries = [
        {"model_name": "both", "litellm_params": {"model": "ollama_chat/qwen3", "num_ctx": window}, "model_info": {"id": str(window)}}
        for window in (2_048, 16_384)
    ]
    request = {"messages": [say("user", "some words of a file\n" * 1_000)]}
    chosen = admissible(guard.guard, "both", entries, request, "openai.chat")
    assert [one["model_info"]["id"] for one in chosen] == ["16384"]


def test_a_reply_that_a_deployment_asks_for_by_itself_takes_its_room_wherever_that_is_told(guard: TokenGuardCallback) -> None:
    entry = {"model_name": "talks", "litellm_params": {"model": "openai/gpt-4o", "max_tokens": 16_000}, "model_info": {}}
    got = Served.read(entry).received({"messages": [say("user", "Hello")]})
    report = guard.guard.process(got, api="openai.chat").report
    assert report.budget.reserved_output == 16_000
