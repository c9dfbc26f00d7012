"""Anthropic Messages: parsed without trust, rendered without loss."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from build import agent, say
from hypothesis import given
from hypothesis import strategies as st

from token_guard.conversation import Conversation, Media, Message, Omitted, Opaque, Reasoning, Text, ToolCall, ToolResult
from token_guard.counting import meter_for
from token_guard.formats import Unreadable, format_for
from token_guard.formats.anthropic_messages import AnthropicMessages

MESSAGES = AnthropicMessages()
CACHED = {"cache_control": {"type": "ephemeral"}}
PNG = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def use(call_id: str = "toolu_1", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "read", "input": arguments}


def gave(content: Any, call_id: str = "toolu_1", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **more}


def conversation(*messages: Any, **more: Any) -> Conversation:
    parsed = MESSAGES.parse({"model": "claude-sonnet-4-5", "max_tokens": 1_024, "messages": list(messages), **more})
    assert isinstance(parsed, Conversation), parsed
    return parsed


def edited(parsed: Conversation, number: int, place: int, part: Any) -> dict[str, Any]:
    messages = list(parsed.messages)
    messages[number] = messages[number].with_part(place, part)
    return dict(MESSAGES.render(parsed.with_messages(tuple(messages))))


def content_of(parsed: Conversation, number: int, place: int, part: Any) -> Any:
    return edited(parsed, number, place, part)["messages"][number]["content"]


SHAPES = {
    "string": say("user", "hello"),
    "blocks": say("user", [text("look", **CACHED), {"type": "image", "source": PNG}]),
    "image by URL": say("user", [{"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}]),
    "call": say("assistant", [text("I look."), use(path="a.py")]),
    "result": say("user", [gave("42")]),
    "result with blocks": say("user", [gave([text("42"), {"type": "image", "source": PNG}])]),
    "result without content": say("user", [{"type": "tool_result", "tool_use_id": "toolu_1"}]),
    "failed result and words": say("user", [gave("no such file", is_error=True), text("use the other one")]),
    "thinking": say("assistant", [{"type": "thinking", "thinking": "hm", "signature": "EqQB"}, text("Done.")]),
    "redacted thinking": say("assistant", [{"type": "redacted_thinking", "data": "EmwK"}, text("Done.")]),
    "pdf": say("user", [{"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}]),
    "text document": say("user", [{"type": "document", "title": "t", "source": {"type": "text", "media_type": "text/plain", "data": "d"}}]),
    "document of blocks": say("user", [{"type": "document", "source": {"type": "content", "content": [text("a"), text("b")]}}]),
    "search result": say("user", [{"type": "search_result", "source": "https://x", "title": "t", "content": [text("a")]}]),
    "server tool": say("assistant", [{"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}]),
    "server tool's result": say("assistant", [{"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "x"}]}]),
    "server tool's error": say("assistant", [{"type": "web_search_tool_result", "tool_use_id": "s", "content": {"error_code": "x"}}]),
    "mcp": say("assistant", [{"type": "mcp_tool_use", "id": "m", "name": "f", "server_name": "s", "input": {}}]),
    "mcp's result": say("assistant", [{"type": "mcp_tool_result", "tool_use_id": "m", "is_error": False, "content": [text("a")]}]),
    "result with nested lists": say(
        "user", [gave([{"type": "search_result", "source": "x", "title": "t", "content": [text("a"), text("b")]}])]
    ),
    "result with a document": say(
        "user", [gave([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}}])]
    ),
    "failed result with blocks": say("user", [gave([text("no"), text("such", **CACHED)], is_error=True, **CACHED)]),
    "file by id": say(
        "user", [{"type": "container_upload", "file_id": "f"}, {"type": "image", "source": {"type": "file", "file_id": "f"}}]
    ),
    "compaction of the provider's": say("assistant", [{"type": "compaction", "content": "so far"}, text("Done.")]),
    "system in the middle": say("system", "Now be brief."),
    "unknown block and fields": say("user", [{"type": "hologram", "x": 1}, text("a", citations=[{"cited_text": "c"}])], vendor=1),
}


@pytest.mark.parametrize("message", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("system", [{}, {"system": "Be careful."}, {"system": [text("Be careful.", **CACHED)]}])
def test_an_untouched_request_comes_back_as_the_same_object(message: dict[str, Any], system: dict[str, Any]) -> None:
    request = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [say("user", "hi"), message], "top_k": 4, **system}
    before = json.dumps(request)
    parsed = MESSAGES.parse(request)
    assert isinstance(parsed, Conversation)
    assert MESSAGES.render(parsed) is request
    assert json.dumps(request) == before


def test_each_part_is_read_as_what_it_is() -> None:
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "abcdef"},
        text("a"),
        {"type": "image", "source": PNG},
        {"type": "hologram"},
        use(path="x"),
        gave([text("4"), {"type": "image", "source": PNG}, {"type": "tool_reference", "tool_name": "t"}]),
    ]
    assert conversation(say("assistant", blocks)).messages[0].parts == (
        Reasoning("hm", (Media("thought", "abcdef"),)),
        Text("a"),
        Media("image", "iVBORw0KGgo=", "image/png"),
        Opaque('{"type":"hologram"}'),
        ToolCall("toolu_1", "read", '{"path":"x"}'),
        ToolResult(
            "toolu_1",
            (Text("4"), Media("image", "iVBORw0KGgo=", "image/png"), Opaque('{"type":"tool_reference","tool_name":"t"}')),
        ),
    )


@pytest.mark.parametrize("mark", [{}, {"is_error": False}, {"is_error": True}])
def test_a_result_that_is_marked_as_an_error_is_one_whatever_it_says(mark: dict[str, bool]) -> None:
    result = conversation(say("user", [gave("no seat left", **mark)])).messages[0].parts[0]
    assert result == ToolResult("toolu_1", (Text("no seat left"),), failed=mark.get("is_error", False))


def test_text_in_documents_and_search_results_counts_as_text() -> None:
    blocks = [*SHAPES["text document"]["content"], *SHAPES["document of blocks"]["content"], *SHAPES["search result"]["content"]]
    parts = conversation(say("user", blocks)).messages[0].parts
    assert [part.text for part in parts] == ["t", "d", "a", "b", '["t","https://x"]', "a"]


@pytest.mark.parametrize("system", ["Be careful.", [text("Be careful.", **CACHED)]])
def test_the_system_prompt_is_the_first_message_and_the_others_follow_it(system: Any) -> None:
    messages = conversation(say("user", "hi"), say("assistant", "Hello."), system=system).messages
    assert [(message.index, message.role, message.text) for message in messages] == [
        (0, "system", "Be careful."),
        (1, "user", "hi"),
        (2, "assistant", "Hello."),
    ]


def test_without_a_system_prompt_the_first_message_is_the_first() -> None:
    assert [message.index for message in conversation(say("user", "hi"), system=[]).messages] == [0]


def test_an_edited_system_prompt_goes_back_to_where_it_came_from() -> None:
    parsed = conversation(say("user", "hi"), system=[text("long", **CACHED)])
    request = edited(parsed, 0, 0, Text("short"))
    assert request["system"] == [text("short", **CACHED)]
    assert request["messages"] is parsed.request["messages"]


def test_a_message_of_the_guards_is_a_user_message() -> None:
    parsed = conversation(say("user", "hi"), system="Be careful.")
    request = MESSAGES.render(parsed.with_messages((*parsed.messages, Message("user", (Text("a note"),)))))
    assert request["messages"] == [say("user", "hi"), {"role": "user", "content": "a note"}]
    assert request["system"] == "Be careful."


def test_results_and_words_of_one_message_stay_one_message() -> None:
    parsed = conversation(SHAPES["failed result and words"])
    assert len(parsed.messages) == 1
    assert content_of(parsed, 0, 0, ToolResult("toolu_1", (Text("masked"),))) == [gave("masked", is_error=True), text("use the other one")]


def test_an_edit_copies_what_it_must_and_keeps_unknown_fields() -> None:
    message = SHAPES["unknown block and fields"]
    original = copy.deepcopy(message)
    (new,) = edited(conversation(message), 0, 1, Text("short"))["messages"]
    assert new == {**original, "content": [{"type": "hologram", "x": 1}, text("short", citations=[{"cited_text": "c"}])]}
    assert message == original


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("42", "masked"),
        ([text("42", **CACHED), text("43")], [text("masked", **CACHED)]),
        ([{"type": "image", "source": PNG}], [text("masked")]),
        ([], [text("masked")]),
        (None, "masked"),
    ],
)
def test_a_masked_result_has_text_and_the_shape_of_the_original(content: Any, expected: Any) -> None:
    new = content_of(conversation(say("user", [gave(content, **CACHED)])), 0, 0, ToolResult("toolu_1", (Text("masked"),)))
    assert new == [gave(expected, **CACHED)]


def test_a_masked_result_without_content_gets_one() -> None:
    new = content_of(conversation(SHAPES["result without content"]), 0, 0, ToolResult("toolu_1", (Text("masked"),)))
    assert new == [gave("masked")]


def test_shortened_arguments_go_back_as_an_object() -> None:
    message = say("assistant", [use(path="x", text="long")])
    new = content_of(conversation(message), 0, 0, ToolCall("toolu_1", "read", '{"path": "x", "text": "é"}'))
    assert new == [use(path="x", text="é")]
    assert message["content"] == [use(path="x", text="long")]


def test_cached_blocks_keep_their_mark_and_lose_it_only_with_the_block() -> None:
    message = say("user", [text("a"), text("b", **CACHED), text("c")])
    assert content_of(conversation(message), 0, 1, Text("short")) == [text("a"), text("short", **CACHED), text("c")]
    assert content_of(conversation(message), 0, 1, Omitted()) == [text("a"), text("c")]


def test_a_text_document_is_cut_inside() -> None:
    (document,) = content_of(conversation(SHAPES["text document"]), 0, 1, Text("cut"))
    assert document == {"type": "document", "title": "t", "source": {"type": "text", "media_type": "text/plain", "data": "cut"}}


@pytest.mark.parametrize(
    ("thinking", "wanted", "written", "budget"),
    [
        ({}, 300, 300, None),
        ({"type": "enabled", "budget_tokens": 2_000}, 300, 1_025, 1_024),  # the least that Anthropic takes
        ({"type": "enabled", "budget_tokens": 2_000}, 3_000, 3_000, 2_000),
        ({"type": "enabled", "budget_tokens": 4_999}, 3_000, 3_000, 2_999),  # all but one token, as before
        ({"type": "enabled", "budget_tokens": 4_000}, 3_000, 3_000, 2_400),
        ({"type": "enabled", "budget_tokens": 9_000}, 3_000, 3_000, 9_000),  # interleaved: it may be longer than one reply
        ({"type": "adaptive"}, 300, 300, None),
    ],
)
def test_a_clamped_reply_length_stays_above_the_thinking_budget(
    thinking: dict[str, Any], wanted: int, written: int, budget: int | None
) -> None:
    parsed = conversation(say("user", "hi"), max_tokens=5_000, thinking=thinking)
    done = MESSAGES.render(replace(parsed, max_output_tokens=wanted))
    assert (done["max_tokens"], done["thinking"].get("budget_tokens")) == (written, budget)
    assert parsed.request["thinking"] == thinking


def test_the_head_has_what_counts_beside_the_messages() -> None:
    tool = {"name": "ls", "description": "Lists files.", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}}}
    parsed = conversation(say("user", "hi"), tools=[tool], tool_choice={"type": "any"}, output_format={"type": "json_schema", "schema": {}})
    assert (parsed.tools, parsed.tool_choice, parsed.max_output_tokens) == ([tool], {"type": "any"}, 1_024)
    assert parsed.response_format == {"type": "json_schema", "schema": {}}


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "gpt-4o"])
@pytest.mark.parametrize(
    "longer",
    [
        {"name": "list_all_the_files_of_a_folder"},
        {"description": "word " * 90},
        {"input_schema": {"type": "object", "properties": {"much_longer_name": {"type": "string"}}}},
    ],
)
def test_every_part_of_a_tool_counts(model: str, longer: dict[str, Any]) -> None:
    tool = {"name": "ls", "description": "Lists.", "input_schema": {"type": "object", "properties": {"p": {"type": "string"}}}}
    sizes = [meter_for(model).overhead(conversation(say("user", "hi"), tools=[each])) for each in (tool, {**tool, **longer})]
    assert sizes[0] < sizes[1]


def test_the_outline_of_talk_counts_as_the_parse_does() -> None:
    request = {"system": "Be careful.", "messages": [say("user", "hello there"), say("assistant", "Hello."), say("user", "what now?")]}
    meter, outline = meter_for("gpt-4o"), MESSAGES.outline(request)
    parsed, head = MESSAGES.parse(request), MESSAGES.head(request)
    assert outline
    assert isinstance(parsed, Conversation)
    assert isinstance(head, Conversation)
    tokens = meter.measure(parsed).tokens
    glanced = meter.glance(head, outline, 10_000)
    assert glanced
    assert meter.glance(head, outline, tokens)
    assert meter.glance(head, outline, tokens - 1) is None


@pytest.mark.parametrize("message", [SHAPES["call"], SHAPES["unknown block and fields"], {"role": "oracle", "content": "x"}, {}, 7])
def test_what_is_not_plain_has_no_outline(message: Any) -> None:
    assert MESSAGES.outline({"messages": [say("user", "hi"), message]}) is None


MALFORMED = {
    "messages missing": {"model": "claude"},
    "messages a string": {"messages": "hello"},
    "a message a string": {"messages": ["hello"]},
    "no role": {"messages": [{"content": "hello"}]},
    "an unknown role": {"messages": [{"role": "tool", "content": "hello"}]},
    "content a mapping": {"messages": [{"role": "user", "content": {"text": "hello"}}]},
    "a block a string": {"messages": [{"role": "user", "content": ["hello"]}]},
    "text missing": {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
    "a call without an id": {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {}}]}]},
    "a result without an id": {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": "hello"}]}]},
    "a result's content a number": {"messages": [{"role": "user", "content": [gave(7)]}]},
    "system a number": {"system": 7, "messages": []},
    "tools a string": {"messages": [], "tools": "all"},
}


@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_cannot_be_read_says_which_place_and_nothing_of_the_content(request_: dict[str, Any]) -> None:
    parsed = MESSAGES.parse(request_)
    assert isinstance(parsed, Unreadable)
    assert "hello" not in parsed.reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "text", "content", "id", "tool_use_id", "name", "input", "source", "data"]),
            inner | st.sampled_from(["text", "tool_use", "tool_result", "document", "search_result", "image", "thinking", "content"]),
        )
    ),
    max_leaves=16,
)
MESSAGE = st.builds(lambda role, content: {"role": role, "content": content}, st.sampled_from(["system", "user", "assistant", "x"]), JSON)


@given(st.lists(MESSAGE | JSON, max_size=4), JSON)
def test_no_input_raises_and_what_is_read_renders_as_it_was(messages: list[Any], system: Any) -> None:
    request = {"messages": messages, "system": system, "tools": system}
    format_for(None, request)
    MESSAGES.outline(request)
    parsed = MESSAGES.parse(request)
    assert isinstance(parsed, Unreadable) or MESSAGES.render(parsed) is request


OWN = {
    "a system prompt": {"system": "Be brief.", "messages": [say("user", "hi")]},
    "blocks of its own": {"messages": [say("assistant", [use()]), say("user", [gave("42")])]},
    "thinking": {"messages": [SHAPES["thinking"]]},
    "an image with a source": {"messages": [SHAPES["image by URL"]]},
    "a tool with an input_schema": {"messages": [say("user", "hi")], "tools": [{"name": "ls", "input_schema": {}}]},
    "stop_sequences": {"messages": [say("user", "hi")], "stop_sequences": ["x"]},
}
OPENAI = {
    "plain talk": {"messages": [say("user", "hi")], "max_tokens": 9},
    "text blocks": {"messages": [say("user", [text("hi")])]},
    "a system message": {"messages": [say("system", "Be brief."), say("user", "hi")]},
    "tools": {"messages": agent(1)},
    "thinking among calls": {"messages": [*agent(1), SHAPES["thinking"]]},
}


@pytest.mark.parametrize(
    ("request_", "api"),
    [*((each, "anthropic.messages") for each in OWN.values()), *((each, "openai.chat") for each in OPENAI.values())],
    ids=[*OWN, *OPENAI],
)
def test_the_shape_of_a_request_tells_its_format_and_what_both_would_send_is_openais(request_: dict[str, Any], api: str) -> None:
    found = format_for(None, request_)
    assert found
    assert found.api == api


def test_the_name_of_a_format_wins_over_the_shape() -> None:
    assert format_for("anthropic.messages", OPENAI["plain talk"]) == MESSAGES
    chat = format_for("openai.chat", OWN["a system prompt"])
    assert chat
    assert chat.api == "openai.chat"
