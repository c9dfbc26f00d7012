"""A proxy that holds conversations and originals for its clients, in front of models that call tools and ask for what was compacted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from anthropic_upstream import AnthropicUpstream
from askers import Asker, AskerOfMessages, AskerOfResponses
from build import call
from cryptography.fernet import Fernet
from keys import ANN
from responses_upstream import ResponsesUpstream
from shared_proxies import client_of, with_this_folder

from token_guard.demo.proxy import Proxy
from token_guard.demo.stand_in import Endpoint, StandIn
from token_guard.demo.upstream import Upstream

__all__ = ["CALL", "SESSION", "WINDOW", "World", "held_world"]

WINDOW, ASKED_WINDOW = 6_000, 8_000
SESSION = "x-token-guard-session"


class Caller(Upstream):
    """An upstream that asks for a tool whenever the user speaks, and answers when it has the result."""

    def __init__(self, window: int) -> None:
        super().__init__(window)
        plain = self._endpoints["/chat/completions"]
        self._endpoints = {"/chat/completions": Endpoint(plain.refusal, lambda request: _answered(plain, request), self._events)}
        self._plain = plain

    def _events(self, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | str]:
        if request["messages"][-1]["role"] != "user":
            yield from self._plain.events(request)
            return
        (asked,) = CALL["tool_calls"]
        head = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": request["model"]}
        begun = {**asked, "index": 0, "function": {**asked["function"], "arguments": ""}}
        deltas = [{"role": "assistant", "content": None, "tool_calls": [begun]}]
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in asked["function"]["arguments"]]
        yield from ({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas)
        yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
        yield "[DONE]"


CALL = call("call_1", path="a.py")


def _answered(plain: Endpoint, request: Mapping[str, Any]) -> Mapping[str, Any]:
    told = plain.answer(request)
    if request["messages"][-1]["role"] != "user":
        return told
    return {**told, "choices": [{"index": 0, "message": CALL, "finish_reason": "tool_calls"}]}


@dataclass(frozen=True)
class World:
    proxy: Proxy
    upstreams: Mapping[str, StandIn]
    file: Path

    def chat(self, session: str, *messages: Any, model: str = "chat", stream: bool = False, key: str = ANN, **more: Any) -> Any:
        """What the openai SDK gets, and what of its history the proxy says."""
        headers = {SESSION: session} if session else {}
        client = client_of(self.proxy, key)
        raw = client.chat.completions.with_raw_response.create(model=model, messages=messages, stream=stream, extra_headers=headers, **more)
        parsed = raw.parse()
        said = _read(parsed) if stream else parsed.choices[0].message
        return said, raw.headers.get("x-token-guard-history"), raw.headers

    def sent(self, model: str = "chat") -> Any:
        """The request that the upstream got last."""
        return self.upstreams[model].requests[-1]

    def routes(self, path: str, by: str = ANN, method: str = "GET") -> httpx.Response:
        url = self.proxy.url.replace("/v1", f"/token-guard/{path}")
        return httpx.request(method, url, headers={"Authorization": f"Bearer {by}"}, trust_env=False, timeout=30)


def _read(stream: Any) -> Any:
    """All that a stream says; like most clients, this one goes on when it has read the last event."""
    return [choice.delta for chunk in stream for choice in chunk.choices]


@pytest.fixture(scope="session")
def held_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    file = tmp_path_factory.mktemp("store") / "store.db"
    with ExitStack() as stack:
        upstreams: dict[str, StandIn] = {"chat": Upstream(WINDOW), "caller": Caller(WINDOW)}
        upstreams |= {"messages": AnthropicUpstream(WINDOW), "responses": ResponsesUpstream(WINDOW)}
        upstreams |= {"asker": Asker(ASKED_WINDOW), "asker-messages": AskerOfMessages(ASKED_WINDOW)}
        upstreams |= {"asker-responses": AskerOfResponses(ASKED_WINDOW), "asker-responses-vllm": AskerOfResponses(ASKED_WINDOW)}
        for upstream in upstreams.values():
            stack.enter_context(upstream)
        kinds = {
            "messages": "anthropic/claude-sonnet-4-5",
            "responses": "openai/gpt-4o",
            "bridged": "openai/gpt-4o",
            "asker-messages": "anthropic/claude-sonnet-4-5",
            "asker-responses": "openai/gpt-4o",
        }
        bases = {**upstreams, "bridged": upstreams["responses"]}
        config = {
            "model_list": [
                {
                    "model_name": name,
                    "litellm_params": {
                        "model": kinds.get(name, "hosted_vllm/gpt-4o"),
                        "api_base": upstream.root if name.endswith("messages") else upstream.url,
                        "api_key": "none",
                    },
                    "model_info": {"id": name, "max_input_tokens": ASKED_WINDOW if name.startswith("asker") else WINDOW},
                }
                for name, upstream in bases.items()
            ],
            "litellm_settings": {"callbacks": ["token_guard.callback"]},
            "general_settings": {"custom_auth": "keys.check_key"},
            "router_settings": {"num_retries": 0, "disable_cooldowns": True},
            "callback_settings": {"token_guard": {"sessions": {"history": True}, "retrieval": {"enabled": True}}},
        }
        environment = {"TOKEN_GUARD_STORE": f"sqlite:///{file}", "TOKEN_GUARD_ENCRYPTION_KEY": Fernet.generate_key().decode()}
        proxy = stack.enter_context(Proxy(config, environment={**with_this_folder(), **environment}))
        yield World(proxy.wait(), upstreams, file)
