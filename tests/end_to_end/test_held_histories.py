"""Conversations held for clients, as a client uses them: it sends what is new with the name of its session, and the model sees the whole."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from anthropic_upstream import AnthropicUpstream
from build import agent, call, result, say
from cryptography.fernet import Fernet
from keys import ANN, BOB
from responses_upstream import ResponsesUpstream
from shared_proxies import client_of, with_this_folder

from token_guard.demo.proxy import Proxy
from token_guard.demo.stand_in import REPLY, Endpoint, StandIn
from token_guard.demo.upstream import Upstream

WINDOW = 6_000
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


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    file = tmp_path_factory.mktemp("store") / "store.db"
    with ExitStack() as stack:
        upstreams: dict[str, StandIn] = {"chat": Upstream(WINDOW), "caller": Caller(WINDOW)}
        upstreams |= {"messages": AnthropicUpstream(WINDOW), "responses": ResponsesUpstream(WINDOW)}
        for upstream in upstreams.values():
            stack.enter_context(upstream)
        kinds = {"messages": "anthropic/claude-sonnet-4-5", "responses": "openai/gpt-4o", "bridged": "openai/gpt-4o"}
        bases = {**upstreams, "bridged": upstreams["responses"]}
        config = {
            "model_list": [
                {
                    "model_name": name,
                    "litellm_params": {
                        "model": kinds.get(name, "hosted_vllm/gpt-4o"),
                        "api_base": upstream.root if name == "messages" else upstream.url,
                        "api_key": "none",
                    },
                    "model_info": {"id": name, "max_input_tokens": WINDOW},
                }
                for name, upstream in bases.items()
            ],
            "litellm_settings": {"callbacks": ["token_guard.callback"]},
            "general_settings": {"custom_auth": "keys.check_key"},
            "router_settings": {"num_retries": 0, "disable_cooldowns": True},
            "callback_settings": {"token_guard": {"sessions": {"history": True}}},
        }
        environment = {"TOKEN_GUARD_STORE": f"sqlite:///{file}", "TOKEN_GUARD_ENCRYPTION_KEY": Fernet.generate_key().decode()}
        proxy = stack.enter_context(Proxy(config, environment={**with_this_folder(), **environment}))
        yield World(proxy.wait(), upstreams, file)


@pytest.fixture
def name() -> str:
    return f"chat-{uuid.uuid4().hex[:8]}"


ANSWER = {"role": "assistant", "content": REPLY}
STREAMED = {"role": "assistant", "content": f"{REPLY} "}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_client_sends_what_is_new_and_the_model_sees_the_whole(world: World, name: str, stream: bool) -> None:
    expected: list[Any] = [say("system", "Be brief.")]
    for number, words in enumerate(("One", "Two", "Three")):
        new = [say("system", "Be brief."), say("user", words)] if number == 0 else [say("user", words)]
        _, told, _ = world.chat(name, *new, stream=stream)
        expected.append(say("user", words))
        assert world.sent()["messages"] == expected
        assert told == ("started" if number == 0 else f"added;messages={2 * number}")
        expected.append(STREAMED if stream else ANSWER)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_client_that_sends_its_history_is_not_doubled(world: World, name: str, stream: bool) -> None:
    history: list[Any] = []
    for words in ("One", "Two", "Three"):
        history.append(say("user", words))
        _, told, _ = world.chat(name, *history, stream=stream)
        assert world.sent()["messages"] == history
        assert told == ("started" if words == "One" else "sent")
        history.append(ANSWER)


def test_two_keys_with_a_session_of_one_name_never_meet(world: World, name: str) -> None:
    world.chat(name, say("user", "I am Ann."))
    _, told, _ = world.chat(name, say("user", "I am Bob."), key=BOB)
    assert told == "started"
    assert world.sent()["messages"] == [say("user", "I am Bob.")]
    world.chat(name, say("user", "Who am I?"))
    assert world.sent()["messages"] == [say("user", "I am Ann."), ANSWER, say("user", "Who am I?")]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_calls_stay_with_their_results(world: World, name: str, stream: bool) -> None:
    tools = [{"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {}}}}]
    for number in (1, 2):
        world.chat(name, say("user", "Read a.py."), model="caller", stream=stream, tools=tools)
        world.chat(name, result("call_1", f"text {number}"), model="caller", stream=stream, tools=tools)
    told = [(message["role"], message.get("tool_calls"), message.get("content")) for message in world.sent("caller")["messages"]]
    calls = CALL["tool_calls"]
    first = [("user", None, "Read a.py."), ("assistant", calls, None), ("tool", None, "text 1")]
    answer = [("assistant", None, f"{REPLY} " if stream else REPLY)]
    assert told == [*first, *answer, *first[:2], ("tool", None, "text 2")]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", ["messages", "bridged"])
def test_messages_are_held(world: World, name: str, stream: bool, model: str) -> None:
    client = anthropic.Anthropic(base_url=world.proxy.url.removesuffix("/v1"), api_key=ANN, max_retries=0)
    client = client.with_options(default_headers={SESSION: name, "Authorization": f"Bearer {ANN}"})
    for words in ("One", "Two"):
        more: dict[str, Any] = {"system": "Be brief."} if words == "One" else {}
        answer = client.messages.create(model=model, max_tokens=50, messages=[say("user", words)], stream=stream, **more)
        if stream:
            assert [event.type for event in answer][-1] == "message_stop"
    sent = world.sent("messages" if model == "messages" else "responses")
    texts = json.dumps(sent)
    places = [texts.find(words) for words in ("One", REPLY, "Two")]
    assert -1 not in places
    assert places == sorted(places)
    assert "Be brief." in texts


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_responses_are_held(world: World, name: str, stream: bool) -> None:
    client = client_of(world.proxy, ANN)
    for words in ("One", "Two"):
        answer = client.responses.create(model="responses", input=words, stream=stream, extra_headers={SESSION: name})
        if stream:
            assert [event.type for event in answer][-1] == "response.completed"
    items = world.sent("responses")["input"]
    assert [item["role"] for item in items] == ["user", "assistant", "user"]
    assert [item["content"] for item in items if item["role"] == "user"] == ["One", "Two"]
    assert items[1]["content"][0]["text"] == REPLY


def test_compaction_sees_the_whole(world: World, name: str) -> None:
    messages = agent(40)
    world.chat(name, *messages[:2])
    actions = set()
    for place in range(2, len(messages) - 1, 2):
        # a client that keeps its own calls sends them with their results
        _, told, headers = world.chat(name, messages[place], messages[place + 1], say("user", "Go on."))
        actions.add(headers["x-token-guard-action"])
        assert told.startswith("added;")
        assert int(headers["x-token-guard-tokens-after"]) <= WINDOW
    assert actions == {"none", "compacted"}
    assert world.upstreams["chat"].refusals == []


def test_a_request_that_failed_is_not_held(world: World, name: str) -> None:
    world.chat(name, say("user", "One"))
    with pytest.raises(openai.BadRequestError):
        world.chat(name, result("nowhere", "text"))
    world.chat(name, say("user", "Two"))
    assert world.sent()["messages"] == [say("user", "One"), ANSWER, say("user", "Two")]


def test_without_a_name_nothing_is_held(world: World) -> None:
    for _ in range(2):
        _, told, _ = world.chat("", say("user", "Hi"))
        assert told is None
        assert world.sent()["messages"] == [say("user", "Hi")]


def test_a_session_is_listed_shown_and_deleted_with_its_history(world: World, name: str) -> None:
    for words in ("One", "Two"):
        world.chat(name, say("user", words))
    assert name in [one["session"] for one in world.routes("sessions").json()["sessions"]]
    assert world.routes(f"sessions/{name}").json()["requests"] == 2
    assert world.routes(f"sessions/{name}", BOB, "DELETE").status_code == 404
    assert world.routes(f"sessions/{name}", ANN, "DELETE").json()["deleted"] is True
    assert world.routes(f"sessions/{name}").status_code == 404
    _, told, _ = world.chat(name, say("user", "Three"))
    assert told == "started"
    assert world.sent()["messages"] == [say("user", "Three")]


def test_nobody_reads_it_in_the_store_or_in_the_log(world: World, name: str) -> None:
    secret = f"passphrase-{uuid.uuid4().hex}"
    world.chat(name, say("user", secret))
    world.chat(name, say("user", "What did I say?"))
    assert world.sent()["messages"][0] == say("user", secret)
    assert all(secret.encode() not in file.read_bytes() for file in world.file.parent.iterdir())
    assert secret not in world.proxy.output


def test_an_exchange_that_the_store_did_not_take_is_told_and_no_half_history_is_sent(world: World, name: str) -> None:
    world.chat(name, say("user", "One"))
    locking = sqlite3.connect(world.file, isolation_level=None)
    locking.execute("begin immediate")
    try:
        assert world.chat(name, say("user", "Two"))[1] == "added;messages=2"  # it can be read, and not written
    finally:
        locking.execute("rollback")
        locking.close()
    whole = [say("user", "One"), ANSWER, say("user", "Two"), ANSWER, say("user", "Four")]
    for _ in range(40):  # until the store has answered again
        _, told, _ = world.chat(name, say("user", "Three"))
        assert world.sent()["messages"] == [say("user", "Three")]
        if told != "unavailable":
            break
    assert told == "incomplete"
    assert world.chat(name, *whole)[1] == "sent"
    assert world.chat(name, say("user", "Five"))[1] == "added;messages=6"
    assert world.sent()["messages"] == [*whole, ANSWER, say("user", "Five")]
