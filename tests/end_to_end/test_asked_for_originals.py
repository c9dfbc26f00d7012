"""A model asks for the original of what was compacted and gets it from the proxy; its client sees an answer and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import openai
import pytest
from anthropic_chat import translated
from askers import KEY, TOOL, Ways
from build import agent, say
from held_world import World
from keys import ANN
from responses_rules import as_items
from shared_proxies import client_of
from stores.test_stores import until

from token_guard.counting import Calibrations
from token_guard.demo.stand_in import REPLY
from token_guard.formats.retrieval import key_of
from token_guard.stores import open_store

READ = {"name": "read", "description": "Reads a file.", "parameters": {"type": "object", "properties": {"path": {"type": "string"}}}}
HISTORY = [*agent(10, 50)[:-1], say("user", "What did the first file say?")]

Said = tuple[str, list[str]]
"""What a client reads, and the names of the tools that it is to call."""


def of_chat(world: World, model: str, messages: list[Any], *, stream: bool = False, **more: Any) -> Said:
    tools = [{"type": "function", "function": READ}]
    said, _, _ = world.chat("", *messages, model=model, stream=stream, **{"tools": tools, **more})
    if stream:
        return "".join(delta.content or "" for delta in said), [call.function.name for delta in said for call in delta.tool_calls or ()]
    return said.content or "", [call.function.name for call in said.tool_calls or ()]


def of_messages(world: World, model: str, messages: list[Any], *, stream: bool = False, **more: Any) -> Said:
    client = anthropic.Anthropic(base_url=world.proxy.url.removesuffix("/v1"), api_key=ANN, max_retries=0)
    system, rest = translated(messages)
    tools = [{"name": READ["name"], "input_schema": READ["parameters"]}]
    answer = client.messages.create(model=model, max_tokens=500, system=system, messages=rest, stream=stream, tools=tools, **more)
    if stream:
        events = list(answer)
        blocks = [event.content_block for event in events if event.type == "content_block_start"]
        words = "".join(event.delta.text for event in events if event.type == "content_block_delta" and event.delta.type == "text_delta")
        return words, [block.name for block in blocks if block.type == "tool_use"]
    words = "".join(block.text for block in answer.content if block.type == "text")
    return words, [block.name for block in answer.content if block.type == "tool_use"]


def of_responses(world: World, model: str, messages: list[Any], *, stream: bool = False, **more: Any) -> Said:
    tools = [{"type": "function", "strict": False, **READ}]
    request = {"input": as_items(messages), "tools": tools, "max_output_tokens": 500, **more}
    answer = client_of(world.proxy, ANN).responses.create(model=model, stream=stream, **request)
    if stream:
        answer = [event.response for event in answer if event.type == "response.completed"][-1]
    parts = [part for item in answer.output if item.type == "message" for part in item.content]
    return "".join(part.text or "" for part in parts), [item.name for item in answer.output if item.type == "function_call"]


ROUTES: dict[str, tuple[Callable[..., Said], str]] = {
    "chat": (of_chat, "asker"),
    "Messages": (of_messages, "asker-messages"),
    "Responses": (of_responses, "asker-responses"),
    "Responses of vLLM": (of_responses, "asker-responses-vllm"),
    "Responses translated": (of_responses, "asker-messages"),
}
"""Where calls are answered: how a client asks there, and which model."""


class Route:
    """One of them."""

    def __init__(self, world: World, name: str) -> None:
        self.name, self.world = name, world
        self._ask, self.model = ROUTES[name]
        self.upstream: Any = world.upstreams[self.model]

    def ask(self, messages: Any = HISTORY, **more: Any) -> tuple[str, list[str], list[Any]]:
        """What the client gets, and the requests that the upstream got for it."""
        before = len(self.upstream.bodies)
        words, calls = self._ask(self.world, self.model, messages, **more)
        return words.strip(), calls, self.upstream.requests[before:]

    @contextmanager
    def with_a_model_that(self, **ways: Any) -> Iterator[None]:
        self.upstream.ways = Ways(**ways)
        try:
            yield
        finally:
            self.upstream.ways = Ways()


@pytest.fixture(params=ROUTES)
def route(request: pytest.FixtureRequest, held_world: World) -> Route:
    return Route(held_world, request.param)


def said(request: Any) -> list[Any]:
    return list(request.get("messages") or request["input"])


def answers(request: Any) -> list[str]:
    """What the model was told of originals."""
    blocks = [block for one in said(request) for block in (one, *(one["content"] if isinstance(one.get("content"), list) else ()))]
    named = [(block.get("tool_call_id") or block.get("tool_use_id") or block.get("call_id"), block) for block in blocks]
    told = [block.get("output", block.get("content")) for id_, block in named if str(id_).startswith("ask_")]
    return [text if isinstance(text, str) else "".join(part["text"] for part in text) for text in told if text is not None]


def named(request: Any) -> list[str]:
    return [tool.get("name") or tool["function"]["name"] for tool in request["tools"]]


# -- what is answered ------------------------------------------------------------------------------------------------------


def check(words: str, calls: list[str], requests: list[Any]) -> None:
    first, second = requests
    assert (words, calls) == (REPLY, [])
    (answer,) = answers(second)
    key = KEY.findall(json.dumps(said(first)))[0]
    (original,) = [message["content"] for message in HISTORY if message["role"] == "tool" and key_of(message["content"]) == key]
    assert answer == original
    assert json.dumps(original) not in json.dumps(said(first))
    assert named(first) == ["read", TOOL]
    assert json.dumps(said(second)).startswith(json.dumps(said(first))[:-1])  # nothing of it is compacted again


def test_an_original_is_answered_on_the_way(route: Route) -> None:
    check(*route.ask())
    assert route.upstream.refusals == []


def test_an_original_is_answered_within_a_stream_of_messages(held_world: World) -> None:
    check(*Route(held_world, "Messages").ask(stream=True))


def test_the_tool_is_the_same_from_the_first_request_on(route: Route) -> None:
    _, _, (early, *_) = route.ask(agent(2))
    _, _, (late, *_) = route.ask()
    assert early["tools"] == late["tools"]
    assert not KEY.findall(json.dumps(said(early)))


def test_a_model_may_ask_again_and_is_stopped_before_it_asks_for_ever(route: Route) -> None:
    with route.with_a_model_that(wants=99):
        words, calls, requests = route.ask()
    assert (words, calls) == (REPLY, [])
    assert [TOOL in named(request) for request in requests] == [True, True, False]
    assert len(answers(requests[-1])) == 2


def test_a_key_that_nobody_holds_gets_a_clear_text(route: Route) -> None:
    with route.with_a_model_that(wrong=True):
        words, _, requests = route.ask()
    assert words == REPLY
    assert "There is no original under the key 0000000000000000" in answers(requests[1])[0]


@pytest.mark.parametrize("name", ["chat", "Messages", "Responses translated"])
def test_a_call_of_the_clients_own_goes_to_it_alone(held_world: World, name: str) -> None:
    route = Route(held_world, name)
    with route.with_a_model_that(beside=True):
        _, calls, requests = route.ask()
    assert (calls, len(requests)) == (["read"], 1)


@pytest.mark.parametrize("name", ["Responses", "Responses of vLLM"])
def test_a_call_that_a_provider_may_hold_is_answered_before_the_clients_own_are_made_again(held_world: World, name: str) -> None:
    route = Route(held_world, name)
    with route.with_a_model_that(beside=True):
        words, calls, requests = route.ask()
    assert (words, calls, len(requests)) == (REPLY, [], 2)
    assert [item["name"] for item in said(requests[1]) if str(item.get("call_id")).startswith("ask_") and "name" in item] == [TOOL]
    assert len(answers(requests[1])) == 1


def test_reasoning_goes_back_with_what_it_led_to(held_world: World) -> None:
    for more in ({}, {"store": False}):
        _, _, requests = Route(held_world, "Responses").ask(**more)
        thought, call, told = said(requests[1])[-3:]
        assert [item["type"] for item in (thought, call, told)] == ["reasoning", "function_call", "function_call_output"]
        assert thought["encrypted_content"]


@pytest.mark.parametrize("name", ["chat", "Responses", "Responses of vLLM"])
def test_nothing_is_learned_from_a_count_of_what_the_client_did_not_send(held_world: World, name: str) -> None:
    route = Route(held_world, name)
    for _ in range(2):
        route.ask()
    route.ask(agent(3))  # which is learned from
    store = open_store(f"sqlite:///{held_world.file}")
    known = Calibrations(store)
    assert until(lambda: known.get(route.model).samples, 15)
    store.close()
    # the stand-in counts as OpenAI does; an original makes a prompt a fifth longer
    assert all(0.9 < each.actual / each.estimate < 1.1 for each in known.get(route.model).samples)


# -- where it is not ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("chat", {"stream": True}),
        ("chat", {"n": 2}),
        ("Responses", {"stream": True}),
        ("Responses of vLLM", {"stream": True}),
        ("Responses translated", {"stream": True}),
        ("Responses", {"background": True}),
    ],
    ids=str,
)
def test_where_a_call_would_reach_the_client_there_is_no_tool_and_no_key(held_world: World, name: str, more: dict[str, Any]) -> None:
    _, calls, (request,) = Route(held_world, name).ask(**more)
    assert (calls, named(request)) == ([], ["read"])
    assert not KEY.findall(json.dumps(said(request)))


def test_what_the_provider_holds_is_offered_no_tool(held_world: World) -> None:
    first = client_of(held_world.proxy, ANN).responses.create(model="asker-responses", input="Hello")
    _, _, (request,) = Route(held_world, "Responses").ask([say("user", "And now?")], previous_response_id=first.id)
    assert named(request) == ["read"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_provider_that_fails_when_it_is_told_is_an_error_and_no_call_that_nobody_knows(route: Route, stream: bool) -> None:
    if stream and route.name != "Messages":
        pytest.skip("streams are offered the tool in Messages alone")
    # LiteLLM's newest versions hand on the provider's own error
    with route.with_a_model_that(fails=True), pytest.raises((openai.APIError, anthropic.APIError), match=r"try again|retry|out of order"):
        route.ask(stream=stream)
    assert route.ask()[:2] == (REPLY, [])
