"""A model asks for the original of what was compacted and gets it from the proxy; its client sees an answer and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic_chat import translated
from build import agent, say
from held_world import KEY, World
from keys import ANN

from token_guard.demo.stand_in import REPLY
from token_guard.formats.retrieval import key_of

TOOL = "token_guard_original"
TOOLS = [{"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {"path": {"type": "string"}}}}}]
OF_MESSAGES = [{"name": "read", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}}}]


@pytest.fixture(params=["asker", "asker-messages"])
def model(request: pytest.FixtureRequest, held_world: World) -> Iterator[str]:
    upstream: Any = held_world.upstreams[request.param]
    yield request.param
    upstream.wants, upstream.beside, upstream.wrong = 1, False, False


HISTORY = [*agent(10, 50)[:-1], say("user", "What did the first file say?")]


def ask(world: World, model: str, *, messages: Any = None, stream: bool = False, **more: Any) -> tuple[str, list[Any]]:
    """What the client gets in words, and the requests that the upstream got for it."""
    before = len(world.upstreams[model].bodies)
    history = messages or HISTORY
    if model == "asker":
        said, _, _ = world.chat("", *history, model=model, stream=stream, **{"tools": TOOLS, **more})
        words = said.content if not stream else "".join(delta.content or "" for delta in said)
    else:
        client = anthropic.Anthropic(base_url=world.proxy.url.removesuffix("/v1"), api_key=ANN, max_retries=0)
        system, rest = translated(history)
        told = {"tools": OF_MESSAGES, **more}
        answer = client.messages.create(model=model, max_tokens=500, system=system, messages=rest, stream=stream, **told)
        if stream:
            events = list(answer)
            assert not any(getattr(event, "content_block", None) and event.content_block.type == "tool_use" for event in events)
            words = "".join(event.delta.text for event in events if event.type == "content_block_delta")
        else:
            words = "".join(block.text for block in answer.content if block.type == "text")
            assert [block.type for block in answer.content] == ["text"]
    return words.strip(), world.upstreams[model].requests[before:]


def answers(request: Any) -> list[str]:
    """What the model was told of originals."""
    told = []
    for message in request["messages"]:
        content = message.get("content")
        blocks = content if isinstance(content, list) else []
        results = [block for block in blocks if block.get("type") == "tool_result"]
        if message["role"] == "tool":
            results = [message]
        told += [json.dumps(one["content"]) for one in results if str(one.get("tool_call_id", one.get("tool_use_id"))).startswith("ask_")]
    return told


def named(request: Any) -> list[str]:
    return [tool.get("name") or tool["function"]["name"] for tool in request["tools"]]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_original_is_answered_on_the_way(held_world: World, model: str, stream: bool) -> None:
    if model == "asker" and stream:
        pytest.skip("the call would reach the client there, so that the tool is not offered")
    words, (first, second) = ask(held_world, model, stream=stream)
    assert words == REPLY
    (answer,) = answers(second)
    key = KEY.findall(json.dumps(first["messages"]))[0]
    (original,) = [message["content"] for message in HISTORY if message["role"] == "tool" and key_of(message["content"]) == key]
    assert answer == json.dumps(original)
    assert answer not in json.dumps(first["messages"])
    assert named(first) == ["read", TOOL]
    assert json.dumps(second["messages"]).startswith(json.dumps(first["messages"])[:-1])  # nothing of it is compacted again
    assert held_world.upstreams[model].refusals == []


def test_the_tool_is_the_same_from_the_first_request_on(held_world: World, model: str) -> None:
    _, (early, *_) = ask(held_world, model, messages=agent(2))
    _, (late, *_) = ask(held_world, model)
    assert early["tools"] == late["tools"]
    assert not KEY.findall(json.dumps(early["messages"]))


def test_a_model_may_ask_again_and_is_stopped_before_it_asks_for_ever(held_world: World, model: str) -> None:
    held_world.upstreams[model].wants = 99  # type: ignore[attr-defined]
    words, requests = ask(held_world, model)
    assert words == REPLY
    assert [TOOL in named(request) for request in requests] == [True, True, False]
    assert len(answers(requests[-1])) == 2


def test_a_key_that_nobody_holds_gets_a_clear_text(held_world: World, model: str) -> None:
    held_world.upstreams[model].wrong = True  # type: ignore[attr-defined]
    words, requests = ask(held_world, model)
    assert words == REPLY
    assert "There is no original under the key 0000000000000000" in answers(requests[1])[0]


def test_a_call_of_the_clients_own_goes_to_it_alone(held_world: World, model: str) -> None:
    if model != "asker":
        pytest.skip("shown for chat")
    held_world.upstreams[model].beside = True  # type: ignore[attr-defined]
    said, _, _ = held_world.chat("", *HISTORY, model=model, tools=TOOLS)
    assert [call.function.name for call in said.tool_calls] == ["read"]


def test_where_a_call_would_reach_the_client_there_is_no_tool_and_no_key(held_world: World) -> None:
    _, (request,) = ask(held_world, "asker", stream=True)
    assert named(request) == ["read"]
    assert not KEY.findall(json.dumps(request["messages"]))
    held_world.chat("", say("user", "Hi"), model="asker")
    assert "tools" not in held_world.sent("asker")
