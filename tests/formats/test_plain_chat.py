"""What is read at once is read as it is with all care."""

from __future__ import annotations

from typing import Any

import pytest

from token_guard.conversation import Conversation, Message
from token_guard.formats import FORMATS
from token_guard.formats.plain_chat import plain_message

CALL = {"id": "a", "type": "function", "function": {"name": "read", "arguments": '{"path": "a.py"}'}}

PLAIN = [
    {"role": "user", "content": "Go on."},
    {"role": "developer", "content": ""},
    {"role": "tool", "tool_call_id": "a", "content": "done"},
    {"role": "tool", "tool_call_id": "", "content": ""},
    {"role": "tool", "tool_call_id": "a", "content": "done", "name": "read"},
    {"role": "user", "content": "Go on.", "name": "ann"},
    {"role": "user", "content": "Go on.", "tool_calls": [CALL]},
    {"role": "user", "content": [{"type": "text", "text": "Go"}, {"type": "text", "text": "on.", "cache_control": {"type": "ephemeral"}}]},
    {"role": "user", "content": []},
    {"role": "system"},
    {"role": "assistant", "content": "I read.", "tool_calls": [CALL], "reasoning_content": "why"},
    {"role": "assistant", "content": None, "reasoning_content": "", "thinking_blocks": None, "tool_calls": [CALL]},
    {"role": "assistant", "reasoning_content": "why", "thinking_blocks": [{"type": "thinking", "thinking": "why", "signature": "c2ln"}]},
    {"role": "assistant", "reasoning_content": "why", "thinking_blocks": [{"type": "redacted_thinking", "data": "ZGF0YQ=="}, "odd", 3]},
    {"role": "assistant", "content": "I read.", "tool_calls": [CALL, {**CALL, "id": "b"}]},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "assistant", "content": "", "tool_calls": []},
    {"role": "assistant", "content": "I read.", "tool_calls": [{**CALL, "function": {**CALL["function"], "strict": True}}]},  # type: ignore[dict-item]
]

OTHERS = [
    {"role": "tool", "content": "done"},
    {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "done"}]},
    {"role": "tool", "tool_call_id": None, "content": "done"},
    {"role": "tool", "tool_call_id": "a", "content": "done", "name": 7},
    {"role": "tool", "tool_call_id": "a", "content": "done", "is_error": True},
    {"role": "function", "name": "read", "content": "done"},
    {"role": "user", "content": [{"type": "text", "text": 7}]},
    {"role": "user", "content": [{"type": "text", "text": "Look", "annotations": []}]},
    {"role": "user", "content": [{"type": "image_url", "image_url": "x"}]},
    {"role": "user", "content": ["Go on."]},
    {"role": "user", "content": ({"type": "text", "text": "Go on."},)},
    {"role": "user", "content": 7},
    {"role": "assistant", "content": "I read.", "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "read", "input": "x"}}]},
    {"role": "assistant", "content": "I read.", "tool_calls": [{**CALL, "function": {"name": "read", "arguments": {"path": "a.py"}}}]},
    {"role": "assistant", "content": "I read.", "tool_calls": [{**CALL, "function": {"name": "read"}}]},
    {"role": "assistant", "content": "I read.", "tool_calls": [{**CALL, "id": None}]},
    {"role": "assistant", "content": "I read.", "tool_calls": None},
    {"role": "assistant", "content": "I read.", "tool_calls": ({**CALL},)},
    {"role": "assistant", "content": "I read.", "tool_calls": [{**CALL, "index": 0}]},
    {"role": "assistant", "content": "I read.", "reasoning_content": None},
    {"role": "assistant", "content": "I read.", "thinking_blocks": [{"type": "thinking", "thinking": "why", "signature": "c2ln"}]},
]


def carefully(wire: dict[str, Any]) -> Message:
    """The same message with a field that says nothing, and that only the careful way leaves aside."""
    parsed = FORMATS["openai.chat"].parse({"model": "m", "messages": [{**wire, "annotations": []}]})
    assert isinstance(parsed, Conversation)
    return parsed.messages[0]


@pytest.mark.parametrize("wire", PLAIN, ids=repr)
def test_a_plain_message_is_what_the_careful_way_reads(wire: dict[str, Any]) -> None:
    plain, other = plain_message(0, wire), carefully(wire)
    assert plain == other
    assert plain is not None
    assert plain.origin is not None
    assert other.origin is not None
    assert (plain.origin.parts, plain.origin.paths, plain.origin.index) == (other.origin.parts, other.origin.paths, other.origin.index)
    assert plain.origin.wire is wire


@pytest.mark.parametrize("wire", OTHERS, ids=repr)
def test_every_other_message_is_left_to_the_careful_way(wire: dict[str, Any]) -> None:
    assert plain_message(0, wire) is None
