"""Calls of the tool for originals in answers, and what follows them, as each format words it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from token_guard.formats.asked import Asked, asked_in, followed_up, without_asked
from token_guard.formats.retrieval import NAME, RETRIEVAL_APIS, offers, with_tool

THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": None}
SEALED = {**THOUGHT, "encrypted_content": "c2VhbGVk"}


def item(call_id: str, name: str = NAME) -> dict[str, Any]:
    return {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": name, "arguments": '{"key":"k"}', "status": None}


def response(*items: dict[str, Any]) -> dict[str, Any]:
    return {"object": "response", "status": "completed", "output": list(items)}


@pytest.mark.parametrize("api", RETRIEVAL_APIS)
def test_each_format_has_a_definition_that_is_found_among_tools(api: str) -> None:
    assert offers(with_tool(api, []))
    assert with_tool(api, [])[0] is with_tool(api, [{"name": "read"}])[-1]


def test_calls_of_responses_are_told_from_those_of_the_clients_and_of_the_providers() -> None:
    ours = (Asked("a", '{"key":"k"}'),)
    searched = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    assert asked_in("openai.responses", response(THOUGHT, searched, item("a"))) == (ours, False)
    assert asked_in("openai.responses", response(item("a"), item("b", "read"))) == (ours, True)
    for other in ({"type": "custom_tool_call", "call_id": "c", "name": "edit", "input": ""}, {"type": "mcp_approval_request", "id": "m"}):
        assert asked_in("openai.responses", response(item("a"), other)) == (ours, True)
    assert asked_in("openai.responses", SimpleNamespace(output=[SimpleNamespace(**item("a"))])) == (ours, False)


@pytest.mark.parametrize("api", RETRIEVAL_APIS)
@pytest.mark.parametrize("answer", [{}, {"choices": [], "content": None, "output": None}, SimpleNamespace(), None])
def test_an_answer_of_another_shape_has_no_calls(api: str, answer: Any) -> None:
    assert asked_in(api, answer) == ((), False)


def test_what_follows_in_responses_is_the_answer_and_an_output_for_each_call() -> None:
    said = [{"role": "user", "content": "Hi"}]
    sent = followed_up("openai.responses", said, response(SEALED, item("a"), item("b")), {"a": "one", "b": "two"})
    assert sent[0] is said[0]
    assert [one.get("type") for one in sent[1:]] == ["reasoning", "function_call", "function_call", *["function_call_output"] * 2]
    assert [one["output"] for one in sent[-2:]] == ["one", "two"]
    assert all(value is not None for one in sent for value in one.values())


@pytest.mark.parametrize(
    ("thought", "is_stored", "types", "ids"),
    [
        (THOUGHT, True, ["reasoning", "function_call"], True),
        (SEALED, False, ["reasoning", "function_call"], True),
        (THOUGHT, False, ["function_call"], False),
    ],
    ids=["found by its id", "sealed", "neither"],
)
def test_reasoning_goes_back_where_the_provider_can_read_it(thought: Any, is_stored: bool, types: list[str], ids: bool) -> None:
    sent = followed_up("openai.responses", [], response(thought, item("a")), {"a": "one"}, is_stored=is_stored)[:-1]
    assert [one["type"] for one in sent] == types
    assert all(("id" in one) is ids for one in sent)


def test_calls_of_the_clients_own_are_left_for_the_model_to_make_again() -> None:
    answer = response(THOUGHT, item("b", "read"), item("a"))
    call, told = followed_up("openai.responses", [], answer, {"a": "one"})
    assert (call["name"], call["call_id"], "id" in call) == (NAME, "a", False)
    assert told == {"type": "function_call_output", "call_id": "a", "output": "one"}
    assert without_asked("openai.responses", answer) is None
