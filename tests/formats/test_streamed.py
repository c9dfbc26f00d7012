"""A reply that came in pieces is the one that comes whole, wherever the pieces are cut."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from token_guard.formats.dialogue import reply_of
from token_guard.formats.streamed import Streamed

CHAT = [
    {"role": "assistant", "content": "", "thinking_blocks": [{"type": "thinking", "thinking": "So "}]},
    {"thinking_blocks": [{"type": "thinking", "thinking": "it is."}]},
    {"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "sig"}]},
    {"content": "I re"},
    {"content": "ad."},
    {"tool_calls": [{"index": 0, "id": "1", "type": "function", "function": {"name": "read", "arguments": ""}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": '{"path": '}}]},
    {"tool_calls": [{"index": 1, "id": "2", "type": "function", "function": {"name": "ls", "arguments": "{}"}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": '"ä"}'}}]},
]
CALLS = [
    {"id": "1", "type": "function", "function": {"name": "read", "arguments": '{"path": "ä"}'}},
    {"id": "2", "type": "function", "function": {"name": "ls", "arguments": "{}"}},
]


def chat_events() -> list[Any]:
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in CHAT]
    return [*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}, {"choices": [], "usage": {}}, "[DONE]"]


def messages_events() -> list[Any]:
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
        ({"type": "thinking", "thinking": "", "signature": ""}, [{"type": "thinking_delta", "thinking": "So it "}]),
        ({"type": "text", "text": ""}, [{"type": "text_delta", "text": "I "}, {"type": "text_delta", "text": "read."}]),
        ({"type": "tool_use", "id": "1", "name": "read", "input": {}}, [{"type": "input_json_delta", "partial_json": '{"path": "ä"}'}]),
        ({"type": "tool_use", "id": "2", "name": "ls", "input": {}}, [{"type": "input_json_delta", "partial_json": ""}]),
    ]
    blocks[0][1].extend([{"type": "thinking_delta", "thinking": "is."}, {"type": "signature_delta", "signature": "sig"}])
    told: list[Any] = [{"type": "message_start", "message": {"content": []}}, {"type": "ping"}]
    for index, (block, deltas) in enumerate(blocks):
        told.append({"type": "content_block_start", "index": index, "content_block": block})
        told += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        told.append({"type": "content_block_stop", "index": index})
    return [*told, {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}}, {"type": "message_stop"}]


ITEM = {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "I read.", "annotations": []}]}


def responses_events(*output: Any) -> list[Any]:
    return [
        {"type": "response.created", "response": {"status": "in_progress", "output": []}},
        {"type": "response.output_item.done", "item": ITEM},
        {"type": "response.completed", "response": {"status": "completed", "output": [*output]}},
    ]


THINKING = {"type": "thinking", "thinking": "So it is.", "signature": "sig"}
CASES: list[tuple[str, list[Any], Any]] = [
    ("openai.chat", chat_events(), {"role": "assistant", "content": "I read.", "thinking_blocks": [THINKING], "tool_calls": CALLS}),
    (
        "anthropic.messages",
        messages_events(),
        {
            "role": "assistant",
            "content": [
                THINKING,
                {"type": "text", "text": "I read."},
                {"type": "tool_use", "id": "1", "name": "read", "input": {"path": "ä"}},
                {"type": "tool_use", "id": "2", "name": "ls", "input": {}},
            ],
        },
    ),
    ("openai.responses", responses_events(ITEM), ITEM),
    ("openai.responses", responses_events(), ITEM),
]


def framed(events: Iterable[Any]) -> bytes:
    return b"".join(f"data: {event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)}\n\n".encode() for event in events)


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
@pytest.mark.parametrize(("api", "events", "wanted"), CASES)
def test_a_stream_adds_up_to_its_reply(api: str, events: list[Any], wanted: Any, size: int) -> None:
    data = b": keep-alive\r\n\r\nevent: any\n" + framed(events)
    stream = Streamed(api)
    for start in range(0, len(data) - 1, size):
        assert not stream.is_over
        stream.feed(data[start : min(start + size, len(data) - 1)])
    stream.feed(data[-1:])
    assert stream.is_over
    assert not stream.has_failed
    turns = reply_of(api, {}, stream.answer)
    assert turns is not None
    assert [wire for turn in turns for wire in turn.wires] == [wanted]


@pytest.mark.parametrize(("api", "events", "wanted"), CASES)
def test_a_stream_that_breaks_off_is_never_over(api: str, events: list[Any], wanted: Any) -> None:
    stream = Streamed(api)
    stream.feed(framed(events[:-1]))
    assert not stream.is_over


@pytest.mark.parametrize(
    "event", [{"error": {"message": "no"}}, {"type": "error", "error": {}}, {"type": "response.failed", "response": {}}]
)
def test_a_stream_that_ends_with_an_error_has_failed(event: Any) -> None:
    stream = Streamed("openai.chat")
    stream.feed(framed([event]))
    assert stream.is_over
    assert stream.has_failed


def test_a_stream_of_several_choices_is_no_reply() -> None:
    stream = Streamed("openai.chat")
    stream.feed(framed([{"choices": [{"index": index, "delta": {"content": "a"}, "finish_reason": "stop"}]} for index in (0, 1)]))
    assert reply_of("openai.chat", {}, stream.answer) is None
