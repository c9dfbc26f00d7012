"""What an id binds leaves together or not at all, over any distance and between any two types; loaded tools stay loaded."""

from __future__ import annotations

from typing import Any

import pytest
from build import listing, say

from token_guard import fit
from token_guard.formats import FORMATS

CAPS = (6_000, 9_000, 14_000, 22_000)


def program_rounds(rounds: int) -> list[dict[str, Any]]:
    """Anthropic: code of the model's calls tools; its result comes in a later turn."""
    wires: list[dict[str, Any]] = [say("user", "Add up the sales of each shop.")]
    for number in range(rounds):
        caller = {"type": "code_execution_20250825", "tool_id": f"srv_{number}"}
        server = {"type": "server_tool_use", "id": f"srv_{number}", "name": "code_execution", "input": {"code": listing(number, 8)}}
        for call in range(2):
            use = {"type": "tool_use", "id": f"t_{number}_{call}", "name": "sales", "input": {"page": call}, "caller": caller}
            found = {"type": "tool_result", "tool_use_id": f"t_{number}_{call}", "content": listing(number * 2 + call, 20)}
            wires.append({"role": "assistant", "content": [use] if call else [server, use]})
            wires.append({"role": "user", "content": [found]})
        done = {"type": "code_execution_tool_result", "tool_use_id": f"srv_{number}", "content": {"stdout": str(number)}}
        wires += [{"role": "assistant", "content": [done, {"type": "text", "text": f"Shop {number} is done."}]}, say("user", "Go on.")]
    return wires


@pytest.mark.parametrize("cap", CAPS)
def test_a_program_of_anthropics_goes_with_its_calls_and_its_result(cap: int) -> None:
    fitted = fit(
        {"model": "claude-sonnet-4-5", "max_tokens": 900, "messages": program_rounds(24)}, api="anthropic.messages", max_input_tokens=cap
    )
    blocks = [block for wire in fitted.request["messages"] if isinstance(wire["content"], list) for block in wire["content"]]
    begun = {block["id"] for block in blocks if block["type"] == "server_tool_use"}
    assert begun == {block["tool_use_id"] for block in blocks if block["type"] == "code_execution_tool_result"}
    assert {block["caller"]["tool_id"] for block in blocks if "caller" in block} == begun
    assert fitted.report.action == "compacted"


def item(role: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "output_text" if role == "assistant" else "input_text", "text": text}]}


def program_items(rounds: int) -> list[dict[str, Any]]:
    """The same as items of Responses."""
    items = [item("developer", "Be brief."), item("user", "Add up the sales of each shop.")]
    for number in range(rounds):
        caller = {"type": "program", "caller_id": f"prog_{number}"}
        items.append({"type": "program", "id": f"p_{number}", "call_id": f"prog_{number}", "code": listing(number, 8)})
        for call in range(2):
            call_id = f"c_{number}_{call}"
            items.append({"type": "function_call", "call_id": call_id, "name": "sales", "arguments": "{}", "caller": caller})
            items.append({"type": "function_call_output", "call_id": call_id, "output": listing(number + call, 20), "caller": caller})
        items.append({"type": "program_output", "id": f"o_{number}", "call_id": f"prog_{number}", "result": str(number)})
        items += [item("assistant", f"Shop {number} is done."), item("user", "Go on.")]
    return items


@pytest.mark.parametrize("cap", CAPS)
def test_a_program_of_responses_goes_with_its_calls_and_its_output(cap: int) -> None:
    fitted = fit({"model": "gpt-5.4", "input": program_items(30)}, api="openai.responses", max_input_tokens=cap)
    out = fitted.request["input"]
    begun = {one["call_id"] for one in out if one.get("type") == "program"}
    assert begun == {one["call_id"] for one in out if one.get("type") == "program_output"}
    assert {one["caller"]["caller_id"] for one in out if "caller" in one} == begun
    assert fitted.report.repaired == ()


@pytest.mark.parametrize("call_id", [None, "search_1"])
def test_tools_that_a_search_found_stay_loaded(call_id: str | None) -> None:
    search = {"type": "tool_search_call", "call_id": call_id, "arguments": {"goal": "mail"}}
    found = {"type": "tool_search_output", "call_id": call_id, "tools": [{"type": "function", "name": "send", "parameters": {}}]}
    items = [item("user", "Write to all of them."), search, found]
    for number in range(60):
        items.append({"type": "function_call", "call_id": f"c{number}", "name": "send", "arguments": "{}"})
        items.append({"type": "function_call_output", "call_id": f"c{number}", "output": listing(number, 20)})
    items += [item("assistant", "Sixty are sent."), item("user", "Go on.")]
    fitted = fit({"model": "gpt-5.4", "input": items}, api="openai.responses", max_input_tokens=9_000)
    assert fitted.report.action == "compacted"
    assert [one for one in fitted.request["input"] if str(one.get("type")).startswith("tool_search")] == [search, found]


def test_tools_that_a_reference_loaded_stay_loaded() -> None:
    use = {"type": "tool_use", "id": "s", "name": "ToolSearch", "input": {"query": "mail"}}
    loaded = {"type": "tool_result", "tool_use_id": "s", "content": [{"type": "tool_reference", "tool_name": "send"}]}
    wires = [say("user", "Write to all."), {"role": "assistant", "content": [use]}, {"role": "user", "content": [loaded]}]
    for number in range(60):
        call = {"type": "tool_use", "id": f"c{number}", "name": "send", "input": {"to": number}}
        sent = {"type": "tool_result", "tool_use_id": f"c{number}", "content": listing(number, 20)}
        wires += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [sent]}]
    request = {"model": "claude-sonnet-4-5", "max_tokens": 900, "messages": wires}
    fitted = fit(request, api="anthropic.messages", max_input_tokens=9_000)
    assert fitted.report.action == "compacted"
    assert loaded in [block for wire in fitted.request["messages"] for block in wire["content"] if isinstance(block, dict)]


@pytest.mark.parametrize("cap", CAPS)
def test_a_reference_to_an_item_goes_with_that_item(cap: int) -> None:
    items = [item("developer", "Be brief."), item("user", "Add up the sales of each shop.")]
    for number in range(40):
        items += [{**item("assistant", listing(number, 40)), "id": f"m{number}"}, item("user", "Go on."), item("assistant", "I do.")]
        items += [{"type": "item_reference", "id": f"m{number}"}, item("user", f"And shop {number}?")]
    fitted = fit({"model": "gpt-5.4", "input": items}, api="openai.responses", max_input_tokens=cap)
    out = fitted.request["input"]
    referred = {one["id"] for one in out if one.get("type") == "item_reference"}
    assert referred <= {one["id"] for one in out if one.get("type") == "message" and "id" in one}
    assert len(out) < len(items)
    assert fitted.report.action == "compacted"


def test_ids_of_plain_calls_and_ids_that_are_null_bind_nothing() -> None:
    wires = [say("user", "a"), {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "x", "input": {}}]}]
    wires.append(
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "y"}, {"type": "unknown", "id": None}]}
    )
    parsed: Any = FORMATS["anthropic.messages"].parse({"model": "m", "max_tokens": 9, "messages": wires})
    assert [message.origin.bonds for message in parsed.messages] == [frozenset()] * 3
