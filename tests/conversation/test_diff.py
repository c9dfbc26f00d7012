"""A diff tells the fate of every message, whatever a compaction did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from token_guard import fit
from token_guard.conversation import Conversation, Message, Text, ToolCall, ToolResult
from token_guard.conversation.diff import compare
from token_guard.formats import format_for


def _said(role: str, text: str) -> Message:
    return Message(role, (Text(text),))


def _answered(call_id: str, text: str) -> Message:
    return Message("tool", (ToolResult(call_id, (Text(text),)),))


def _states(before: Sequence[Message], after: Sequence[Message]) -> list[str]:
    return [change.state for change in compare(before, after)]


def _parsed(request: Mapping[str, Any]) -> Conversation:
    format_ = format_for(None, request)
    conversation = format_.parse(request) if format_ else None
    assert isinstance(conversation, Conversation)
    return conversation


def test_what_is_equal_is_kept() -> None:
    messages = [_said("user", "one"), _said("assistant", "two")]
    assert _states(messages, list(messages)) == ["kept", "kept"]


def test_a_tool_result_with_another_text_is_masked() -> None:
    assert _states([_answered("1", "all of it")], [_answered("1", "a placeholder")]) == ["masked"]


def test_a_result_of_another_call_is_another_message() -> None:
    assert _states([_answered("1", "text")], [_answered("2", "text")]) == ["dropped", "inserted"]


def test_shortened_arguments_are_an_edit_of_the_same_message() -> None:
    call = Message("assistant", (ToolCall("1", "write", '{"text": "long"}'),))
    short = replace(call, parts=(ToolCall("1", "write", '{"text": "l"}'),))
    assert _states([call], [short]) == ["shortened"]


def test_a_message_that_kept_its_head_or_its_tail_is_shortened() -> None:
    long = _said("user", "first\nmiddle\nlast")
    assert _states([long], [_said("user", "first\n[cut]")]) == ["shortened"]
    assert _states([long], [_said("user", "[cut]\nlast")]) == ["shortened"]


def test_a_summary_stands_after_what_it_replaces() -> None:
    before = [_said("user", "task"), _said("assistant", "a"), _said("user", "b"), _said("user", "now")]
    assert _states(before, [before[0], _said("user", "summary"), before[3]]) == ["kept", "dropped", "dropped", "inserted", "kept"]


def test_every_message_of_both_sides_is_told_of_once_and_in_order(corpus: Callable[[str], tuple[dict[str, Any], ...]]) -> None:
    for session in corpus("tool_dialogues")[:10]:
        request = {"model": "gpt-4o", "messages": session["messages"][:-1]}
        before, after = _parsed(request).messages, _parsed(fit(request, max_input_tokens=4_000).request).messages
        changes = compare(before, after)
        assert tuple(change.before for change in changes if change.before) == before
        assert tuple(change.after for change in changes if change.after) == after
