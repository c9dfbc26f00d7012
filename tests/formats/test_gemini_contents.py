from __future__ import annotations

import base64
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from build import agent
from gemini_chat import as_contents, gemini_refusal

from token_guard import Guard, Settings, fit
from token_guard.conversation import Conversation, Media, Opaque, Reasoning, Text, ToolCall, ToolResult
from token_guard.formats import FORMATS, Unreadable, format_for

FORMAT = FORMATS["gemini.contents"]
MODEL = "gemini/gemini-2.5-flash"
SESSION = as_contents(agent(60))
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60_000)).decode()


def said(*parts: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def conversation(*contents: dict[str, Any], **fields: Any) -> Conversation:
    found = FORMAT.parse({"model": MODEL, "contents": list(contents), **fields})
    assert isinstance(found, Conversation)
    return found


def call(name: str, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": {"path": "a.py"}, **more}}


def answer(name: str, response: Any, **more: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": response, **more}}


def test_it_is_known_by_its_shape() -> None:
    assert format_for(None, {"model": "m", **SESSION}) is FORMAT


def test_an_untouched_request_comes_back_as_the_same_object() -> None:
    request = {"model": MODEL, **SESSION}
    assert FORMAT.render(conversation_of(request)) is request


def conversation_of(request: dict[str, Any]) -> Conversation:
    found = FORMAT.parse(request)
    assert isinstance(found, Conversation)
    return found


@pytest.mark.parametrize("limit", [1_500, 3_000, 6_000, 12_000])
def test_a_session_is_compacted_to_what_the_api_takes(limit: int) -> None:
    request = {"model": MODEL, **SESSION}
    assert not gemini_refusal(request)
    done = fit(request, max_input_tokens=limit)
    assert done.report.action == "compacted"
    assert done.report.tokens_after <= limit
    assert not gemini_refusal(done.request)
    assert done.request["systemInstruction"] is request["systemInstruction"]
    assert fit(done.request, max_input_tokens=limit).report.tokens_before <= limit


def test_what_is_compacted_is_the_same_on_every_turn() -> None:
    contents = SESSION["contents"]
    ends = [place for place, content in enumerate(contents) if content["role"] == "model"][-6:]
    views = [fit({"model": MODEL, **SESSION, "contents": contents[:end]}, max_input_tokens=6_000).request["contents"] for end in ends]
    shared = [later[: len(earlier) - 1] == earlier[:-1] for earlier, later in pairwise(views)]
    assert sum(shared) >= len(shared) - 1


def test_parts_are_read_by_what_they_are() -> None:
    parts = conversation(
        said(
            {"text": "look"},
            {"inlineData": {"mimeType": "image/png", "data": PICTURE}},
            {"file_data": {"file_uri": "gs://b/a.mp4", "mime_type": "video/mp4"}},
        ),
        said({"text": "hm", "thought": True}, {"executableCode": {"language": "PYTHON", "code": "1"}}, call("read"), role="model"),
        said(answer("read", {"output": "done"}), answer("other", {"a": 1})),
    )
    first, second, third = (message.parts for message in parts.messages)
    assert first == (Text("look"), Media("image", PICTURE, "image/png"), Media("video", "gs://b/a.mp4", "video/mp4"))
    assert [type(part) for part in second] == [Reasoning, Opaque, ToolCall]
    assert [part.text for part in third if isinstance(part, ToolResult)] == ["done", '{"a":1}']


@pytest.mark.parametrize("ids", [True, False])
def test_results_answer_the_calls_of_their_names_in_order(ids: bool) -> None:
    names = ["read", "read", "list"]
    given = [{"id": f"c{n}"} if ids else {} for n in range(3)]
    called, answered = conversation(
        said({"text": "go"}),
        said(*(call(name, **more) for name, more in zip(names, given, strict=True)), role="model"),
        said(*(answer(name, {"output": str(n)}, **given[n]) for n, name in ((2, "list"), (0, "read"), (1, "read")))),
    ).messages[1:]
    by_id = {one.id: place for place, one in enumerate(called.calls)}
    assert [(by_id[one.call_id], one.text) for one in answered.results] == [(2, "2"), (0, "0"), (1, "1")]


def test_a_result_of_no_call_is_an_orphan_that_goes() -> None:
    contents = [
        said({"text": "go"}),
        said({"text": "ok"}, role="model"),
        said(answer("read", {"output": "x"})),
        said({"text": "on " * 3_000}),
    ]
    done = fit({"model": MODEL, "contents": contents}, max_input_tokens=1_000)
    assert "functionResponse" not in str(done.request)


def test_media_beside_an_answer_count_and_go_with_it() -> None:
    old = [
        one
        for n in range(40)
        for one in (
            said(call("shot"), role="model"),
            said(answer("shot", {"output": f"{n} line\n" * 80}, parts=[{"inlineData": {"mimeType": "image/png", "data": PICTURE}}])),
        )
    ]
    request = {"model": MODEL, "contents": [said({"text": "go"}), *old]}
    done = fit(request, max_input_tokens=20_000)
    assert done.report.action == "compacted"
    assert str(done.request).count(PICTURE) < 40
    assert not gemini_refusal(done.request)


def test_the_reply_is_asked_for_in_the_configuration() -> None:
    for key, name in (("config", "maxOutputTokens"), ("generationConfig", "maxOutputTokens"), ("config", "max_output_tokens")):
        request = {"model": MODEL, "contents": [said({"text": "hi"})], key: {name: 5_000, "temperature": 0}}
        head = FORMAT.head(request)
        assert isinstance(head, Conversation)
        assert head.max_output_tokens == 5_000
        lowered = FORMAT.render(replace(conversation_of(request), max_output_tokens=100))
        assert lowered[key] == {name: 100, "temperature": 0}


def test_tools_and_formats_count_wherever_they_stand() -> None:
    fields = {f"field_{n}": {"type": "STRING", "description": f"what the ledger says of its line {n}"} for n in range(100)}
    schema = {"type": "OBJECT", "properties": fields}
    sizes = [
        fit({"model": MODEL, "contents": [said({"text": "hi"})], **more}, max_input_tokens=10**6).report.tokens_before
        for more in (
            {"tools": [{"functionDeclarations": [{"name": "op", "parameters": schema}]}]},
            {"config": {"tools": [{"function_declarations": [{"name": "op", "parameters_json_schema": schema}]}]}},
            {"config": {"responseSchema": schema}},
            {"generationConfig": {"response_json_schema": schema}},
            {"system_instruction": {"parts": [{"text": str(schema)}]}},
            {"systemInstruction": str(schema)},
        )
    ]
    assert min(sizes) > 1_200


@pytest.mark.parametrize(
    "fields",
    [
        {"cachedContent": "cachedContents/1"},
        {"contents": "hi"},
        {"contents": [{"role": "robot", "parts": []}]},
        {"contents": [{"parts": [3]}]},
    ],
)
def test_what_cannot_be_read_passes_by_with_a_reason(fields: dict[str, Any]) -> None:
    request = {"model": MODEL, "contents": [said({"text": "hi"})], **fields}
    assert isinstance(FORMAT.parse(request), Unreadable)
    done = fit(request, api="gemini.contents")
    assert done.request is request
    assert done.report.note


def test_what_gemini_counts_teaches() -> None:
    guard = Guard(Settings())
    request = {"model": MODEL, "contents": [said({"text": "the ledger of the month " * 200})]}
    assert guard.learn(request, 900, api="gemini.contents") is not None
    assert guard.learn({**request, "contents": [said({"inlineData": {"mimeType": "video/mp4", "data": PICTURE}})]}, 900) is None
