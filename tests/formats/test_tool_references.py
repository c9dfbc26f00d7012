"""Deferred tools are in the prompt from where a search has found them."""

from __future__ import annotations

from typing import Any

import pytest

from token_guard import fit

TOOLS = [
    {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
    *(
        {"name": f"op_{n}", "description": "a field of the record " * 400, "input_schema": {"type": "object"}, "defer_loading": True}
        for n in range(50)
    ),
]


def _found(*names: str) -> list[dict[str, Any]]:
    references = [{"type": "tool_reference", "tool_name": name} for name in names]
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "tool_search_tool_regex", "input": {"query": "op"}}
    found = {"type": "tool_search_tool_search_result", "tool_references": references}
    return [search, {"type": "tool_search_tool_result", "tool_use_id": "srvtoolu_1", "content": found}]


def _tokens(messages: list[dict[str, Any]]) -> int:
    request = {"model": "claude-sonnet-4-5", "max_tokens": 1_000, "tools": TOOLS, "messages": messages}
    return fit(request, api="anthropic.messages", max_input_tokens=10**7).report.tokens_before


def test_a_deferred_tool_counts_once_it_is_found_and_only_once() -> None:
    asked, goes_on = {"role": "user", "content": "Look it up."}, {"role": "user", "content": "Go on."}
    none = _tokens([asked])
    one = _tokens([asked, {"role": "assistant", "content": _found("op_3")}, goes_on])
    again = _tokens([asked, {"role": "assistant", "content": _found("op_3", "op_3")}, goes_on])
    two = _tokens([asked, {"role": "assistant", "content": _found("op_3", "op_7")}, goes_on])
    assert none < 3_000
    assert one - none > 1_500
    assert again - one < 100
    assert two - one > 1_500


def test_a_tool_that_is_added_in_the_middle_of_a_conversation_counts_from_there_on() -> None:
    asked = {"role": "user", "content": "Look it up."}
    added = {"role": "system", "content": [{"type": "tool_addition", "tool": {"type": "tool_reference", "name": "op_3"}}]}
    assert _tokens([asked, added]) - _tokens([asked]) > 1_500


@pytest.mark.parametrize("place", ["result of the client's own search"])
def test_a_reference_in_a_tool_result_loads_too(place: str) -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "tool_reference", "tool_name": "op_3"}]}
    turn = [{"role": "user", "content": place}, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    empty = [*turn[:2], {"role": "user", "content": [{**result, "content": []}]}]
    assert _tokens(turn) - _tokens(empty) > 1_500
