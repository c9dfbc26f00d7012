"""Chat completions: parsed without trust, rendered without loss."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from build import agent, answer, call, result, say
from hypothesis import given
from hypothesis import strategies as st

from token_guard.conversation import Conversation, Media, Omitted, Opaque, Reasoning, Text, ToolCall, ToolResult
from token_guard.formats import Unreadable, format_for
from token_guard.formats.openai_chat import OpenAIChat

CHAT = OpenAIChat()
PNG = "data:image/png;base64,iVBORw0KGgo="


def conversation(*messages: Any, **more: Any) -> Conversation:
    parsed = CHAT.parse({"model": "gpt-4o", "messages": list(messages), **more})
    assert isinstance(parsed, Conversation), parsed
    return parsed


def edited(parsed: Conversation, number: int, place: int, part: Any) -> dict[str, Any]:
    messages = list(parsed.messages)
    messages[number] = messages[number].with_part(place, part)
    return CHAT.render(parsed.with_messages(tuple(messages)))["messages"][number]


SHAPES = {
    "string": say("user", "hello"),
    "parts": say("user", [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}]),
    "null with calls": call("1"),
    "null without calls": say("assistant", None),
    "developer": say("developer", "be brief"),
    "name": say("user", "hello", name="ada"),
    "tool": result("1", "42"),
    "tool with parts": result("1", [{"type": "text", "text": "42"}]),
    "reasoning": {**answer(), "reasoning_content": "hm"},
    "thinking blocks": {**answer(), "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]},
    "function call": {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
    "function": {"role": "function", "name": "f", "content": "42"},
    "custom call": {"role": "assistant", "tool_calls": [{"id": "1", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]},
    "unknown part": say("user", [{"type": "hologram", "x": 1}]),
    "audio and file": say(
        "user", [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}, {"type": "file", "file": {"file_id": "f1"}}]
    ),
    "refusal": {"role": "assistant", "content": None, "refusal": "I can't"},
    "vendor fields": {**answer(), "provider_specific_fields": {"thought_signature": "x"}, "cache_control": {"type": "ephemeral"}},
}


@pytest.mark.parametrize("message", SHAPES.values(), ids=SHAPES.keys())
def test_an_untouched_request_comes_back_as_the_same_object(message: dict[str, Any]) -> None:
    request = {"model": "gpt-4o", "messages": [say("user", "hi"), message], "temperature": 0.2}
    parsed = CHAT.parse(request)
    assert isinstance(parsed, Conversation)
    assert CHAT.render(parsed) is request


@pytest.mark.parametrize("file", ["agent_sessions", "coding_agents", "tool_dialogues", "multilingual", "long_dialogues_qa"])
def test_recorded_requests_come_back_as_the_same_object(corpus: Any, file: str) -> None:
    for record in corpus(file):
        request = {"model": "gpt-4o", "messages": record["messages"], "tools": record.get("tools")}
        before = json.dumps(request)
        parsed = CHAT.parse(request)
        assert isinstance(parsed, Conversation)
        assert CHAT.render(parsed) is request
        assert json.dumps(request) == before


def test_each_part_is_read_as_what_it_is() -> None:
    message = {
        "role": "assistant",
        "reasoning_content": "hm",
        "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}, {"type": "hologram"}],
        "tool_calls": call("1", path="x")["tool_calls"],
    }
    assert conversation(message).messages[0].parts == (
        Reasoning("hm"),
        Text("a"),
        Media("image", PNG, "", "low"),
        Opaque('{"type":"hologram"}'),
        ToolCall("1", "read", '{"path": "x"}'),
    )


def test_what_is_sealed_in_reasoning_counts_beside_its_text() -> None:
    sealed = [{"type": "thinking", "thinking": "hm", "signature": "c2ln" * 40}]
    message = {**answer(), "reasoning_content": "hm", "thinking_blocks": sealed}
    (part,) = (part for part in conversation(message).messages[0].parts if isinstance(part, Reasoning))
    assert (part.text, [(one.kind, one.source) for one in part.media]) == ("hm", [("thought", "c2ln" * 40)])


@pytest.mark.parametrize("field", ["compaction_blocks", "web_search_results", "tool_results"])
def test_what_litellm_keeps_beside_an_answer_and_sends_back_counts(field: str) -> None:
    kept = [{"type": "hologram", "content": "the ledger of the month " * 20, "encrypted_content": "c2VhbGVk" * 100}]
    parts = conversation({**answer(), "provider_specific_fields": {field: kept, "other": 1}}).messages[0].parts
    (part,) = (part for part in parts if isinstance(part, Opaque))
    assert "ledger" in part.text
    assert [one.kind for one in part.media] == ["sealed"]


def test_reasoning_given_twice_counts_once() -> None:
    message = {**answer(), "reasoning_content": "hm", "thinking_blocks": [{"type": "thinking", "thinking": "hm"}]}
    assert [part for part in conversation(message).messages[0].parts if isinstance(part, Reasoning)] == [Reasoning("hm")]


def test_functions_before_tools_pair_by_name() -> None:
    made, returned = conversation(SHAPES["function call"], SHAPES["function"]).messages
    assert (returned.role, made.calls[0].id) == ("tool", returned.results[0].call_id)


def test_an_edit_copies_what_it_must_and_keeps_unknown_fields() -> None:
    message = {**answer("long"), "provider_specific_fields": {"a": 1}}
    original = copy.deepcopy(message)
    assert edited(conversation(message), 0, 0, Text("short")) == {**original, "content": "short"}
    assert message == original


def test_an_edited_text_part_keeps_its_other_fields() -> None:
    message = say(
        "user", [{"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}, {"type": "image_url", "image_url": {"url": PNG}}]
    )
    content = edited(conversation(message), 0, 0, Text("short"))["content"]
    assert content[0] == {"type": "text", "text": "short", "cache_control": {"type": "ephemeral"}}
    assert content[1] is message["content"][1]


def test_a_removed_part_leaves_the_others() -> None:
    message = say("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])
    assert edited(conversation(message), 0, 0, Omitted())["content"] == [{"type": "text", "text": "b"}]


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "And this."), ("", "And this."), ([], [{"type": "text", "text": "And this."}]), ("One", "One\n\nAnd this.")],
)
def test_words_can_be_added_to_a_message_that_holds_nothing(content: Any, expected: Any) -> None:
    parsed = conversation({"role": "user", "content": content})
    message = parsed.messages[0]
    added = replace(message, parts=(*message.parts, Text("And this.")))
    assert OpenAIChat().render(parsed.with_messages((added,)))["messages"] == [{"role": "user", "content": expected}]


def test_a_picture_can_become_words() -> None:
    message = say("user", [{"type": "image_url", "image_url": {"url": PNG}}])
    assert edited(conversation(message), 0, 0, Text("a picture"))["content"] == [{"type": "text", "text": "a picture"}]


@pytest.mark.parametrize(
    ("content", "expected"), [("42", "masked"), ([{"type": "text", "text": "42"}], [{"type": "text", "text": "masked"}])]
)
def test_a_masked_result_has_the_shape_of_the_original(content: Any, expected: Any) -> None:
    parsed = conversation(call("1"), result("1", content))
    assert edited(parsed, 1, 0, ToolResult("1", (Text("masked"),)))["content"] == expected


def test_shortened_arguments_go_back_to_their_call() -> None:
    message = call("1", path="x")
    new = edited(conversation(message), 0, 0, ToolCall("1", "read", '{"path": "y"}'))
    assert new["tool_calls"][0] == {"id": "1", "type": "function", "function": {"name": "read", "arguments": '{"path": "y"}'}}
    assert message["tool_calls"][0]["function"]["arguments"] == '{"path": "x"}'


@pytest.mark.parametrize("key", ["max_tokens", "max_completion_tokens"])
def test_a_clamped_reply_length_is_written_where_it_was_asked(key: str) -> None:
    parsed = conversation(say("user", "hi"), **{key: 5_000})
    assert CHAT.render(replace(parsed, max_output_tokens=300))[key] == 300


def test_a_clamped_reply_length_stays_at_the_clients_minimum() -> None:
    parsed = conversation(say("user", "hi"), max_tokens=5_000, min_tokens=1_000)
    assert CHAT.render(replace(parsed, max_output_tokens=300))["max_tokens"] == 1_000


MALFORMED = {
    "messages missing": {"model": "gpt-4o"},
    "messages a string": {"messages": "hello"},
    "a message a string": {"messages": ["hello"]},
    "no role": {"messages": [{"content": "hello"}]},
    "a role a number": {"messages": [{"role": 7, "content": "hello"}]},
    "an unknown role": {"messages": [{"role": "oracle", "content": "hello"}]},
    "content a number": {"messages": [{"role": "user", "content": 7}]},
    "content a mapping": {"messages": [{"role": "user", "content": {"text": "hello"}}]},
    "a content part a number": {"messages": [{"role": "user", "content": [7]}]},
    "text missing": {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
    "calls a mapping": {"messages": [{"role": "assistant", "tool_calls": {"id": "1"}}]},
    "a call without an id": {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]},
    "arguments a list": {"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": []}}]}]},
    "a call id a number": {"messages": [{"role": "tool", "tool_call_id": 7, "content": "42"}]},
    "tools a string": {"messages": [], "tools": "all"},
}


@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_cannot_be_read_says_which_place_and_nothing_of_the_content(request_: dict[str, Any]) -> None:
    parsed = CHAT.parse(request_)
    assert isinstance(parsed, Unreadable)
    assert "hello" not in parsed.reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["type", "text", "content", "id", "function", "name"]), inner)
    ),
    max_leaves=12,
)
MESSAGE = st.dictionaries(
    st.sampled_from(["role", "content", "tool_calls", "tool_call_id", "name", "function_call", "reasoning_content"]), JSON
)
ROLES = st.sampled_from(["system", "user", "assistant", "tool", "function"])


@given(st.lists(st.builds(lambda message, role: {**message, "role": role}, MESSAGE, ROLES) | JSON, max_size=4))
def test_no_input_raises_and_what_is_read_renders_as_it_was(messages: list[Any]) -> None:
    request = {"messages": messages}
    parsed = CHAT.parse(request)
    assert isinstance(parsed, Unreadable) or CHAT.render(parsed) is request


def test_a_format_is_found_by_name_or_by_shape() -> None:
    assert format_for("openai.chat", {}) == format_for(None, {"messages": agent(1)}) == CHAT
    with pytest.raises(ValueError, match="none of the formats"):
        format_for("openai.images", {"messages": []})
    assert format_for(None, {"contents": "a cat"}) is None
