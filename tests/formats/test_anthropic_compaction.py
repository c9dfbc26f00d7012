"""What stands before the provider's own compaction is ignored there, and so it is here."""

from __future__ import annotations

from typing import Any

from token_guard.formats import FORMATS
from token_guard.guard import Guard
from token_guard.settings import Settings

FORMAT = FORMATS["anthropic.messages"]
SUMMARY = {"type": "compaction", "content": "The billing service is half migrated."}


def _turn(number: int, lines: int = 40) -> list[dict[str, Any]]:
    call = {"type": "tool_use", "id": f"toolu_{number}", "name": "bash", "input": {"cmd": f"run {number}"}}
    result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": f"line of {number} in the ledger\n" * lines}
    return [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]


def _request(before: int, after: int) -> dict[str, Any]:
    call = {"type": "tool_use", "id": "toolu_c", "name": "bash", "input": {"cmd": "ls"}}
    compacted = {"role": "assistant", "content": [SUMMARY, {"type": "text", "text": "Going on."}, call]}
    answered = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_c", "content": "a.py"}]}
    head = [{"role": "user", "content": "Migrate it."}, *(wire for n in range(before) for wire in _turn(1_000 + n))]
    tail = [wire for n in range(after) for wire in _turn(n)]
    return {"model": "claude-sonnet-4-5", "max_tokens": 1_000, "system": "Be brief.", "messages": [*head, compacted, answered, *tail]}


def test_the_history_before_a_compaction_is_not_counted() -> None:
    guard = Guard(Settings())
    short = guard.process(_request(0, 5), api="anthropic.messages", max_input_tokens=10**6).report.tokens_before
    assert guard.process(_request(200, 5), api="anthropic.messages", max_input_tokens=10**6).report.tokens_before == short


def test_a_compaction_that_failed_hides_nothing() -> None:
    guard = Guard(Settings())
    request = _request(20, 5)
    failed = {**request["messages"][41], "content": [{"type": "compaction", "content": None}, *request["messages"][41]["content"][1:]]}
    whole = {**request, "messages": [*request["messages"][:41], failed, *request["messages"][42:]]}
    counted = [guard.process(one, api="anthropic.messages", max_input_tokens=10**6).report.tokens_before for one in (request, whole)]
    assert counted[1] > 3 * counted[0]


def test_tools_that_a_compaction_has_loaded_count() -> None:
    waiting = {"name": "query", "description": "a field of the record " * 400, "input_schema": {"type": "object"}, "defer_loading": True}
    change = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "query"}}
    sizes = []
    for changes in ([], [change]):
        request = {**_request(3, 3), "tools": [waiting]}
        request["messages"][7]["content"][0] = {**SUMMARY, "tool_changes": changes}
        sizes.append(Guard(Settings()).process(request, api="anthropic.messages", max_input_tokens=10**6).report.tokens_before)
    assert sizes[1] - sizes[0] > 1_500


def test_a_request_with_a_compaction_comes_back_as_it_was_when_nothing_is_edited() -> None:
    request = _request(3, 3)
    parsed = FORMAT.parse(request)
    assert FORMAT.render(parsed) is request


def test_a_compaction_and_what_stands_before_it_stay_when_what_comes_after_is_compacted() -> None:
    request = _request(3, 120)
    before = request["messages"][:7]
    done = Guard(Settings()).process(request, api="anthropic.messages", max_input_tokens=6_000)
    messages = done.request["messages"]
    assert done.report.action == "compacted"
    assert all(there is here for there, here in zip(before, messages, strict=False))
    assert messages[7]["content"][0] == SUMMARY
    calls = [block["id"] for wire in messages for block in wire["content"] if isinstance(block, dict) and block["type"] == "tool_use"]
    results = [
        block["tool_use_id"] for wire in messages for block in wire["content"] if isinstance(block, dict) and block["type"] == "tool_result"
    ]
    assert calls == results
