"""Responses: parsed without trust, rendered without loss, and whole recorded sessions fitted under the endpoint's own rules."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from responses_rules import as_items, complaints, count_input

from token_guard import fit
from token_guard.conversation import Conversation, Media, Omitted, Opaque, Reasoning, Text, ToolCall, ToolResult, exchanges
from token_guard.counting import meter_for
from token_guard.formats import Unreadable, format_for
from token_guard.formats.openai_responses import OpenAIResponses

RESPONSES = OpenAIResponses()
PNG = "data:image/png;base64,iVBORw0KGgo="


def user(text: str = "hello") -> dict[str, Any]:
    return {"role": "user", "content": text}


def said(text: str = "Done.") -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}


def thought(number: int = 1) -> dict[str, Any]:
    return {"type": "reasoning", "id": f"rs_{number}", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "x" * 300}


def call(call_id: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": "read", "arguments": json.dumps(arguments)}


def output(call_id: str, output: Any = "42") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def conversation(*items: Any, **more: Any) -> Conversation:
    parsed = RESPONSES.parse({"model": "gpt-4o", "input": list(items), **more})
    assert isinstance(parsed, Conversation), parsed
    return parsed


def roles(parsed: Conversation) -> list[str]:
    return [message.role for message in parsed.messages]


def edited(parsed: Conversation, number: int, place: int, part: Any) -> list[Any]:
    messages = list(parsed.messages)
    messages[number] = messages[number].with_part(place, part)
    items: list[Any] = RESPONSES.render(parsed.with_messages(tuple(messages)))["input"]
    return items


def own(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "id": "x_1", "status": "completed", **fields}


SHELL_OUTPUT = [{"stdout": "a.py", "stderr": "no b", "outcome": {"type": "exit", "exit_code": 1}}]
SHAPES: dict[str, list[dict[str, Any]]] = {
    "an easy message": [user()],
    "a typed message": [{"type": "message", **user()}],
    "parts": [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": PNG, "detail": "low"},
                {"type": "input_file", "file_data": "AA==", "filename": "a.pdf"},
                {"type": "hologram", "x": 1},
            ],
        }
    ],
    "an answer": [user(), said()],
    "a refusal": [user(), {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "I can't"}]}],
    "developer": [{"role": "developer", "content": "be brief"}],
    "a call": [call("1"), output("1")],
    "an output in parts": [call("1"), output("1", [{"type": "input_text", "text": "42"}, {"type": "input_image", "image_url": PNG}])],
    "custom": [own("custom_tool_call", call_id="1", name="sh", input="ls"), own("custom_tool_call_output", call_id="1", output="a.py")],
    "local shell": [
        own("local_shell_call", call_id="1", action={"type": "exec", "command": ["ls"], "env": {}}),
        {"type": "local_shell_call_output", "id": "1", "output": "a.py"},
    ],
    "shell": [own("shell_call", call_id="1", action={"commands": ["ls"]}), own("shell_call_output", call_id="1", output=SHELL_OUTPUT)],
    "patch": [
        own("apply_patch_call", call_id="1", operation={"type": "update_file", "path": "a", "diff": "-b\n+c"}),
        {"type": "apply_patch_call_output", "call_id": "1", "status": "completed"},
    ],
    "computer": [
        own("computer_call", call_id="1", action={"type": "screenshot"}, pending_safety_checks=[]),
        own("computer_call_output", call_id="1", output={"type": "computer_screenshot", "image_url": PNG}),
    ],
    "mcp": [
        own("mcp_list_tools", server_label="s", tools=[]),
        own("mcp_approval_request", server_label="s", name="f", arguments="{}"),
        {"type": "mcp_approval_response", "approval_request_id": "x_1", "approve": True},
        own("mcp_call", server_label="s", name="f", arguments="{}", output="42"),
    ],
    "the provider's tools": [
        thought(),
        own("web_search_call", action={"type": "search", "query": "q"}),
        own("file_search_call", queries=["q"], results=None),
        own("code_interpreter_call", code="1", container_id="c", outputs=[]),
        own("image_generation_call", result="iVBORw0KGgo="),
        said(),
    ],
    "reasoning": [user(), thought(), call("1"), output("1"), thought(2), said()],
    "a compaction": [own("compaction", encrypted_content="x"), user()],
    "an unknown kind": [user(), {"type": "hologram", "x": 1}],
    "a new kind of call": [own("site_search_call", call_id="1", arguments={"q": "x"}), own("site_search_output", call_id="1", tools=[])],
}


@pytest.mark.parametrize("items", SHAPES.values(), ids=SHAPES.keys())
def test_an_untouched_request_comes_back_as_the_same_object(items: list[Any]) -> None:
    request = {"model": "gpt-4o", "instructions": "be brief", "input": items, "store": False}
    before = copy.deepcopy(request)
    parsed = RESPONSES.parse(request)
    assert isinstance(parsed, Conversation)
    assert RESPONSES.render(parsed) is request == before


@pytest.mark.parametrize("items", SHAPES.values(), ids=SHAPES.keys())
def test_a_glance_never_counts_less_than_the_parts(items: list[Any]) -> None:
    request = {"model": "gpt-4o", "instructions": "be brief", "input": items}
    outline, meter = RESPONSES.outline(request), meter_for("gpt-4o")
    if outline is not None:
        glance = meter.glance(conversation(), outline, 10**9)
        assert glance
        assert glance.tokens >= meter.measure(conversation(*items, instructions="be brief")).tokens


FIRST, EVERY = (0, 1) if os.environ.get("ALL_REQUESTS") else (3, 4)
"""Of each file every fourth session from the fourth on, which leaves out the longest one; with ALL_REQUESTS=1 all."""


def recorded(corpus: Any, file: str) -> Iterator[dict[str, Any]]:
    """Every fifth request of the recorded sessions, as a client of Responses would have sent it."""
    for record in corpus(file)[FIRST::EVERY]:
        messages = record["messages"]
        ends = [place for place, message in enumerate(messages) if place and message["role"] == "assistant"]
        for end in ends[::5]:
            yield as_request(messages[:end])


def as_request(messages: list[dict[str, Any]]) -> dict[str, Any]:
    opens = messages[0]["role"] == "system"
    instructions = {"instructions": messages[0]["content"]} if opens else {}
    return {"model": "gpt-4o", **instructions, "input": as_items(messages[opens:])}


@pytest.mark.parametrize("file", ["agent_sessions", "coding_agents"])
def test_recorded_requests_come_back_as_the_same_object(corpus: Any, file: str) -> None:
    for record in corpus(file):
        request = as_request(record["messages"])
        before = json.dumps(request)
        parsed = RESPONSES.parse(request)
        assert isinstance(parsed, Conversation)
        assert RESPONSES.render(parsed) is request
        assert json.dumps(request) == before


def test_recorded_requests_of_coding_agents_need_no_parse_to_be_seen_to_fit(corpus: Any) -> None:
    assert all(RESPONSES.outline(as_request(record["messages"])) for record in corpus("coding_agents"))


def test_a_string_is_one_user_message_after_the_instructions() -> None:
    parsed = RESPONSES.parse({"input": "hello", "instructions": "be brief"})
    assert isinstance(parsed, Conversation)
    assert [(message.role, message.text, message.index) for message in parsed.messages] == [("system", "be brief", 0), ("user", "hello", 1)]


def test_what_one_response_produced_is_one_message() -> None:
    parsed = conversation(user(), thought(), said("I look."), call("1"), call("2"), output("1"), output("2"), thought(2), said())
    assert roles(parsed) == ["user", "assistant", "tool", "tool", "assistant"]
    assert [type(part) for part in parsed.messages[1].parts] == [Reasoning, Text, ToolCall, ToolCall]
    assert [(unit.start, unit.stop) for unit in exchanges(parsed.messages)] == [(0, 1), (1, 4), (4, 5)]


@pytest.mark.parametrize(
    ("name", "made", "answered"),
    [
        ("custom", ToolCall("1", "sh", "ls"), ToolResult("1", (Text("a.py"),))),
        ("local shell", ToolCall("1", "local_shell", '{"type":"exec","command":["ls"],"env":{}}'), ToolResult("1", (Text("a.py"),))),
        ("shell", ToolCall("1", "shell", '{"commands":["ls"]}'), ToolResult("1", (Text("a.py\nno b"),))),
        ("patch", ToolCall("1", "apply_patch", '{"type":"update_file","path":"a","diff":"-b\\n+c"}'), ToolResult("1", ())),
        ("computer", ToolCall("1", "computer", '{"type":"screenshot"}'), ToolResult("1", ())),
        ("a new kind of call", ToolCall("1", "site_search", '{"q":"x"}'), ToolResult("1", ())),
    ],
)
def test_every_kind_of_call_pairs_with_its_output(name: str, made: ToolCall, answered: ToolResult) -> None:
    parsed = conversation(*SHAPES[name])
    assert parsed.messages[0].calls == (made,)
    assert parsed.messages[1].results == (answered,)


def test_an_approval_pairs_with_its_request() -> None:
    listed, asked, approved, done = conversation(*SHAPES["mcp"]).messages
    assert (listed.role, asked.calls[0].id, approved.results[0].call_id, done.role) == ("developer", "x_1", "x_1", "assistant")


def test_media_are_no_text() -> None:
    found = [
        part for name in ("parts", "computer", "the provider's tools") for m in conversation(*SHAPES[name]).messages for part in m.parts
    ]
    assert [part for part in found if isinstance(part, Media)] == [
        Media("image", PNG, "", "low"),
        Media("file", "AA=="),
        Media("image", PNG),
        Media("image", "iVBORw0KGgo="),
    ]


def test_sealed_reasoning_is_no_text() -> None:
    (part,) = conversation(thought()).messages[0].parts
    assert part == Reasoning("hm", (Media("thought", "x" * 300),))


def test_what_is_unknown_belongs_to_its_response_or_stays() -> None:
    unknown = {"type": "hologram", "x": 1}
    within, alone = conversation(user(), call("1"), unknown, call("2"), output("1"), output("2")), conversation(user(), unknown)
    assert roles(within) == ["user", "assistant", "tool", "tool"]
    assert within.messages[1].parts[1] == Opaque('{"type":"hologram","x":1}')
    assert roles(alone) == ["user", "developer"]


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ({"previous_response_id": "resp_1"}, "server-held history: previous_response_id"),
        ({"conversation": {"id": "conv_1"}}, "server-held history: conversation"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}, user("long " * 999)]}, "server-held history: input[0] is a reference"),
        (
            {"input": [{"type": "item_reference", "id": "msg_1"}, {**user("long " * 999), "id": {"no": "text"}}]},
            "server-held history: input[0] is a reference",
        ),
    ],
)
def test_what_the_server_holds_is_left_to_it(more: dict[str, Any], note: str) -> None:
    request = {"model": "gpt-4o", "input": "long " * 999, **more}
    fitted = fit(request, api="openai.responses", max_input_tokens=100)
    assert fitted.request is request
    assert (fitted.report.action, fitted.report.note) == ("bypassed", note)


# -- edits ---------------------------------------------------------------------------------------------------------------


def test_an_edit_copies_what_it_must_and_keeps_unknown_fields() -> None:
    items = [thought(), {**said("long"), "vendor": {"a": 1}}, call("1")]
    before = copy.deepcopy(items)
    first, second, third = edited(conversation(*items), 0, 1, Text("short"))
    content = [{"type": "output_text", "text": "short", "annotations": []}]
    assert (first, second, third) == (items[0], {**before[1], "content": content}, items[2])
    assert first is items[0]
    assert items == before


def test_a_removed_part_leaves_the_others() -> None:
    items = [said("a"), call("1"), call("2")]
    assert edited(conversation(*items), 0, 1, Omitted()) == [{**items[0], "content": items[0]["content"]}, items[2]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a call", "masked"),
        ("custom", "masked"),
        ("local shell", "masked"),
        ("an output in parts", [{"type": "input_text", "text": "masked"}]),
        ("shell", [{"stdout": "masked", "stderr": "", "outcome": {"type": "exit", "exit_code": 1}}]),
    ],
)
def test_a_masked_output_has_the_shape_of_the_original(name: str, expected: Any) -> None:
    call, original = SHAPES[name]
    assert edited(conversation(call, original), 1, 0, ToolResult("1", (Text("masked"),))) == [call, {**original, "output": expected}]


@pytest.mark.parametrize(("name", "key"), [("a call", "arguments"), ("local shell", "action"), ("patch", "operation")])
def test_shortened_arguments_go_back_to_their_call_in_its_own_shape(name: str, key: str) -> None:
    made = SHAPES[name][0]
    (first, _) = edited(conversation(*SHAPES[name]), 0, 0, ToolCall("1", "read", '{"path": "y"}'))
    assert first == {**made, key: '{"path": "y"}' if isinstance(made[key], str) else {"path": "y"}}


def test_a_picture_can_become_words() -> None:
    assert edited(conversation(*SHAPES["parts"]), 0, 1, Text("a picture"))[0]["content"][1] == {"type": "input_text", "text": "a picture"}


def test_a_string_that_is_too_long_stays_a_string() -> None:
    text = "\n".join(f"line {number}" for number in range(4_000))
    fitted = fit({"model": "gpt-4o", "instructions": "be brief", "input": text}, max_input_tokens=1_000)
    assert fitted.report.action == "compacted"
    assert isinstance(fitted.request["input"], str)
    assert fitted.request["instructions"] == "be brief"


def test_a_clamped_reply_length_is_written_where_it_was_asked() -> None:
    parsed = conversation(user(), max_output_tokens=5_000)
    assert RESPONSES.render(replace(parsed, max_output_tokens=300))["max_output_tokens"] == 300


# -- what counts beside the input ----------------------------------------------------------------------------------------


SCHEMA = {"type": "object", "properties": {name: {"type": "string", "description": f"the {name}"} for name in ("path", "mode", "owner")}}
TOOLS = [{"type": "function", "name": "read", "description": "Read a file.", "parameters": SCHEMA, "strict": True}]


@pytest.mark.parametrize(
    "more",
    [
        {"tools": TOOLS},
        {"tools": [{"type": "custom", "name": "sh", "format": {"type": "grammar", "definition": "start: word+ " * 40}}]},
        {"tools": [{"type": "namespace", "name": "files", "description": "Files.", "tools": TOOLS}]},
        {"tools": [{"type": "mcp", "server_label": "s", "server_url": "https://example.org/a/long/path", "allowed_tools": ["a", "b"]}]},
        {"tools": TOOLS, "tool_choice": {"type": "function", "name": "read"}},
        {"text": {"format": {"type": "json_schema", "name": "file", "schema": SCHEMA}}},
    ],
)
def test_tools_and_formats_count(more: dict[str, Any]) -> None:
    meter = meter_for("gpt-4o")
    least = count_input({"input": "", "tools": [*more.get("tools", ()), *more.get("text", {}).values()]}) / 3
    assert meter.overhead(conversation(**more)) - meter.overhead(conversation()) > least


# -- hostile input -------------------------------------------------------------------------------------------------------

MALFORMED = {
    "input missing": {"model": "gpt-4o"},
    "input a number": {"input": 7},
    "an item a string": {"input": ["hello"]},
    "no type and no role": {"input": [{"content": "hello"}]},
    "a type a number": {"input": [{"type": 7, "content": "hello"}]},
    "an unknown role": {"input": [{"role": "oracle", "content": "hello"}]},
    "content a mapping": {"input": [{"role": "user", "content": {"text": "hello"}}]},
    "a content part a string": {"input": [{"role": "user", "content": ["hello"]}]},
    "text missing": {"input": [{"role": "user", "content": [{"type": "input_text", "hello": 1}]}]},
    "an output without an id": {"input": [{"type": "function_call_output", "output": "hello"}]},
    "a summary a string": {"input": [{"type": "reasoning", "summary": "hello"}]},
    "instructions a list": {"input": "hello", "instructions": ["hello"]},
    "tools a string": {"input": "hello", "tools": "all"},
}


@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_cannot_be_read_says_which_place_and_nothing_of_the_content(request_: dict[str, Any]) -> None:
    parsed = RESPONSES.parse(request_)
    assert isinstance(parsed, Unreadable)
    assert "hello" not in parsed.reason


KEYS = ["type", "text", "role", "content", "id", "call_id", "output", "arguments", "action", "name", "summary", "stdout", "image_url"]
TYPES = ["message", "reasoning", "function_call", "shell_call", "function_call_output", "computer_call_output", "input_text", "input_image"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(TYPES),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=12,
)
ITEM = st.builds(lambda item, kind: {**item, "type": kind}, st.dictionaries(st.sampled_from(KEYS), JSON), st.sampled_from(TYPES))


@given(st.lists(ITEM | JSON, max_size=4))
def test_no_input_raises_and_what_is_read_renders_as_it_was(items: list[Any]) -> None:
    request = {"input": items}
    RESPONSES.outline(request)
    parsed = RESPONSES.parse(request)
    assert isinstance(parsed, Unreadable) or RESPONSES.render(parsed) is request


def test_the_format_is_found_by_name_or_by_shape() -> None:
    assert format_for("openai.responses", {}) == format_for(None, {"input": "a"}) == format_for(None, {"instructions": "a"}) == RESPONSES


# -- sessions ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file", "budget"), [("coding_agents", 16_000), ("agent_sessions", 32_000)])
def test_every_fifth_request_of_recorded_sessions_fits_and_breaks_no_rule(corpus: Any, file: str, budget: int) -> None:
    over = 0
    for request in recorded(corpus, file):
        if complaints(request["input"]):
            continue  # three that repeat a call
        fitted = fit(request, api="openai.responses", max_input_tokens=budget)
        over += fitted.report.action == "compacted"
        assert fitted.report.action in ("none", "compacted")
        assert count_input(fitted.request) <= budget
        assert complaints(fitted.request["input"]) == []
    assert over > 50


@pytest.mark.parametrize(("file", "number"), [("coding_agents", 0), ("coding_agents", 3), ("agent_sessions", 5)])
def test_what_was_forwarded_is_the_beginning_of_what_is_forwarded_next_unless_an_epoch_opened(corpus: Any, file: str, number: int) -> None:
    messages = corpus(file)[number]["messages"]
    asked = [place for place, message in enumerate(messages) if place and message["role"] == "assistant"]
    # two replies in a row are read as one turn on this wire: between them nothing was asked
    ends = [place for place in asked if messages[place - 1]["role"] != "assistant"]
    before: Any = None
    for end in ends:
        now = fit(as_request(messages[:end]), api="openai.responses", max_input_tokens=12_000)
        if before is not None and now.report.epochs == before.report.epochs:
            assert now.request["input"][: len(before.request["input"])] == before.request["input"]
        before = now
    assert before.report.epochs > 1


def test_the_endpoints_rules_see_whatever_is_missing() -> None:
    items = [user(), thought(), call("1"), call("2"), output("1"), output("2"), thought(2), said()]
    assert complaints(items) == []
    assert all(complaints([item for item in items if item is not gone]) for gone in (*items[2:6], items[7]))


def test_a_late_output_goes_with_its_call() -> None:
    listing = "\n".join(f"file_{number}.py is a module of the ledger" for number in range(120))
    items = [user("task")]
    for number in range(0, 40, 2):
        one, two = str(number), str(number + 1)
        items += [
            call(one, path=f"a{one}"),
            user(f"go on with {one}"),
            call(two, path=f"a{two}"),
            output(one, listing),
            output(two, listing[9:]),
        ]
    fitted = fit({"model": "gpt-4o", "input": [*items, user("and now?")]}, max_input_tokens=6_000)
    assert fitted.report.action == "compacted"
    assert complaints(fitted.request["input"]) == []


def listing(number: int, lines: int = 60) -> str:
    return "\n".join(f"def handler_{number}_{line}(request): return lookup_{number * 7 + line}(request)" for line in range(lines))


def picture(number: int) -> dict[str, Any]:
    return {"type": "computer_screenshot", "image_url": f"{PNG}{number:08}"}


TURNS: dict[str, Any] = {
    "custom": lambda n, i: (
        own("custom_tool_call", call_id=i, name="sh", input=f"cat {n}"),
        own("custom_tool_call_output", call_id=i, output=listing(n)),
    ),
    "local shell": lambda n, i: (
        own("local_shell_call", call_id=i, action={"type": "exec", "command": ["cat", str(n)]}),
        own("local_shell_call_output", call_id=i, output=listing(n)),
    ),
    "shell": lambda n, i: (
        own("shell_call", call_id=i, action={"commands": [f"cat {n}"]}),
        own("shell_call_output", call_id=i, output=[{"stdout": listing(n), "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]),
    ),
    "patch": lambda n, i: (
        own("apply_patch_call", call_id=i, operation={"type": "update_file", "path": f"a{n}", "diff": listing(n)}),
        own("apply_patch_call_output", call_id=i, output="applied"),
    ),
    "computer": lambda n, i: (
        own("computer_call", call_id=i, action={"type": "click", "x": n, "y": n}),
        own("computer_call_output", call_id=i, output=picture(n)),
    ),
    "the provider's": lambda n, i: (
        thought(n),
        own("file_search_call", queries=[i], results=[{"text": listing(n)}]),
        said(f"found {n}"),
        user(i),
    ),
    "reasoned": lambda n, i: (
        thought(n),
        call(i, path=f"a{n}"),
        call(f"{i}b", path=f"b{n}"),
        output(i, listing(n)),
        output(f"{i}b", listing(n)),
    ),
}


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS.keys())
def test_a_session_of_any_kind_of_tool_fits_and_breaks_no_rule(turn: Any) -> None:
    items = [user("Mend handler_3_1."), *(item for number in range(60) for item in turn(number, f"c{number}"))]
    request = {"model": "gpt-4o", "instructions": "Never push to main.", "input": items}
    fitted = fit(request, max_input_tokens=8_000)
    assert fitted.report.action == "compacted"
    assert complaints(fitted.request["input"]) == []
    assert fitted.request["input"][-2:] == items[-2:]
    fields = {(item["type"], item["call_id"]): item.keys() for item in items if "call_id" in item}
    assert all(item.keys() == fields[item["type"], item["call_id"]] for item in fitted.request["input"] if "call_id" in item)
