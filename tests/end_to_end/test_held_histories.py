"""Conversations held for clients, as a client uses them: it sends what is new with the name of its session, and the model sees the whole."""

from __future__ import annotations

import json
import sqlite3
import uuid
from typing import Any

import anthropic
import openai
import pytest
from build import agent, result, say
from held_world import CALL, SESSION, WINDOW, World
from keys import ANN, BOB
from shared_proxies import client_of

from token_guard.demo.stand_in import REPLY

ANSWER = {"role": "assistant", "content": REPLY}
STREAMED = {"role": "assistant", "content": f"{REPLY} "}


@pytest.fixture
def world(held_world: World) -> World:
    return held_world


@pytest.fixture
def name() -> str:
    return f"chat-{uuid.uuid4().hex[:8]}"


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


@pytest.mark.parametrize("how", ["header", "metadata"])
def test_a_session_may_be_named_as_litellm_has_it(world: World, name: str, how: str) -> None:
    headers = {"x-litellm-session-id": name} if how == "header" else {}
    body = {"metadata": {"session_id": name}} if how == "metadata" else {}
    for words in ("One", "Two"):
        messages: Any = [say("user", words)]
        client_of(world.proxy, ANN).chat.completions.create(model="chat", messages=messages, extra_headers=headers, extra_body=body)
    assert [message["content"] for message in world.sent()["messages"]] == ["One", REPLY, "Two"]


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
        # it can be read, and not written; where a record waits to be written, that comes first
        assert world.chat(name, say("user", "Two"))[1] in ("added;messages=2", "unavailable")
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
