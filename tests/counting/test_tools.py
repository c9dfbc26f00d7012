from __future__ import annotations

from typing import Any

import pytest

from token_guard.counting.loading import is_unsure
from token_guard.counting.tools import tool_price_for, typescript

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a place",
        "parameters": {
            "type": "object",
            "required": ["place"],
            "properties": {
                "place": {"type": "string", "description": "A city"},
                "unit": {"type": "string", "enum": ["C", "F"]},
                "days": {"type": "array", "items": {"type": "integer"}},
                "at": {"type": "object", "properties": {"lat": {"type": "number"}}},
                "any": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
        },
    },
}


def test_a_function_is_rendered_as_typescript() -> None:
    assert typescript([WEATHER]).splitlines() == [
        "namespace functions {",
        "",
        "// Weather of a place",
        "type weather = (_: {",
        "// A city",
        "place: string,",
        'unit?: "C" | "F",',
        "days?: number[],",
        "at?: {",
        "  lat?: number,",
        "},",
        'any?: {"anyOf": [{"type": "string"}, {"type": "null"}]},',
        "}) => any;",
        "",
        "} // namespace functions",
    ]


def test_other_shapes_of_a_tool_are_rendered_too() -> None:
    legacy = {"name": "ls", "parameters": {"properties": {"path": {"type": "string"}}}}
    native = {"name": "ls", "input_schema": {"properties": {"path": {"type": "string"}}}}
    assert typescript([legacy]) == typescript([native]) == typescript([{"type": "function", "function": legacy}])


def test_what_is_no_function_counts_as_json() -> None:
    assert '{"type": "web_search"}' in typescript([{"type": "web_search"}])


def test_a_schema_may_be_nested_without_end() -> None:
    schema: dict[str, object] = {"type": "string"}
    for _ in range(300):
        schema = {"type": "object", "properties": {"in": schema}}
    assert "in?" in typescript([{"name": "deep", "parameters": schema}])


def test_wrong_types_in_a_schema_do_not_break_it() -> None:
    broken = {"name": "f", "parameters": {"properties": {"a": 3, "b": {"type": ["string", "null"]}, "c": None}, "required": 7}}
    assert "type f" in typescript([broken])


def test_no_tools_cost_nothing() -> None:
    price = tool_price_for("gpt-4o")
    assert price.fixed(None, "none", None) == price.fixed([], None, {"type": "text"}) == 0
    assert not list(price.texts(None, "auto", None))


def test_anthropic_bills_a_prompt_of_its_own() -> None:
    assert tool_price_for("anthropic/claude-opus-4-8").fixed([WEATHER], None, None) > 290
    assert tool_price_for("claude-opus-4-8").fixed([WEATHER], {"type": "any"}, None) > 410


def test_gpt_5_is_charged_more_than_the_formula() -> None:
    assert tool_price_for("gpt-5").fixed([WEATHER], "auto", None) == tool_price_for("gpt-4o").fixed([WEATHER], "auto", None) + 100


def test_no_choice_of_tool_is_no_forced_one_on_any_wire() -> None:
    price, tools = tool_price_for("claude-sonnet-4-5"), [{"name": "f", "input_schema": {}}]
    assert price.fixed(tools, {"type": "none"}, None) == price.fixed(tools, "none", None) < price.fixed(tools, {"type": "any"}, None)


def test_a_forced_function_costs_its_name() -> None:
    price = tool_price_for("gpt-4o")
    assert "weather" in list(price.texts([WEATHER], {"type": "function", "function": {"name": "weather"}}, None))


POINT = {"type": "object", "properties": {"lat": {"type": "number", "description": "degrees to the north"}}}


def _of(schema: dict[str, object]) -> list[dict[str, object]]:
    return [{"type": "function", "function": {"name": "go", "parameters": schema}}]


def test_a_named_schema_is_written_out_wherever_it_is_used() -> None:
    schema = {
        "type": "object",
        "properties": {"from": {"$ref": "#/$defs/Point"}, "to": {"type": "array", "items": {"$ref": "#/$defs/Point"}}},
        "$defs": {"Point": POINT},
    }
    plain = {"type": "object", "properties": {"from": POINT, "to": {"type": "array", "items": POINT}}}
    assert typescript(_of(schema)) == typescript(_of(plain))
    assert typescript(_of(schema)).count("degrees to the north") == 2


def test_named_schemas_count_inside_of_a_choice_and_for_models_that_are_shown_json() -> None:
    schema = {
        "type": "object",
        "properties": {"at": {"anyOf": [{"$ref": "#/definitions/Point"}, {"type": "null"}]}},
        "definitions": {"Point": POINT},
    }
    assert "degrees to the north" in typescript(_of(schema))
    assert "degrees to the north" in next(tool_price_for("claude-sonnet-4-5").texts(_of(schema), None, None))


def test_a_schema_inside_itself_is_written_out_once() -> None:
    tree = {"type": "object", "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}}
    schema = {"type": "object", "properties": {"root": {"$ref": "#/$defs/Tree"}}, "$defs": {"Tree": tree}}
    assert typescript(_of(schema)).count("name?: string") == 1


def test_schemas_that_double_one_another_stay_small() -> None:
    twice = {f"S{n}": {"type": "object", "properties": {side: {"$ref": f"#/$defs/S{n + 1}"} for side in "ab"}} for n in range(30)}
    assert len(typescript(_of({"type": "object", "properties": {"s": {"$ref": "#/$defs/S0"}}, "$defs": twice}))) < 1_000_000


def test_tools_that_wait_for_a_search_count_nothing() -> None:
    price = tool_price_for("claude-sonnet-4-5")
    search = {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}
    waiting = [{"name": f"t{n}", "description": "long " * 99, "input_schema": POINT, "defer_loading": True} for n in range(9)]
    assert list(price.texts([search, *waiting], None, None)) == list(price.texts([search], None, None))
    assert price.fixed(waiting, None, None) == 0


def test_what_waits_for_a_search_inside_a_namespace_counts_nothing_either() -> None:
    now, later = {"type": "function", "name": "now"}, {"type": "function", "name": "later", "description": "long", "defer_loading": True}
    space = {"type": "namespace", "name": "crm", "tools": [now, later]}
    for model in ("gpt-5", "claude-sonnet-4-5"):
        price = tool_price_for(model)
        assert list(price.texts([space], None, None)) == list(price.texts([{**space, "tools": [now]}], None, None))


def test_tools_of_the_provider_count_what_its_pages_say() -> None:
    price = tool_price_for("claude-sonnet-4-5")
    bash, plain = {"type": "bash_20250124", "name": "bash"}, {"name": "bash", "input_schema": {}}
    assert price.fixed([bash], None, None) == price.fixed([plain], None, None) + 245


@pytest.mark.parametrize(
    ("reference", "where"),
    [
        ("#/$defs/a~1b", {"$defs": {"a/b": POINT}}),
        ("#/$defs/a%20b", {"$defs": {"a b": POINT}}),
        ("#/properties/x/$defs/Point", {"properties": {"x": {"type": "object", "properties": {"y": POINT}, "$defs": {"Point": POINT}}}}),
    ],
)
def test_a_reference_is_found_wherever_it_points(reference: str, where: dict[str, Any]) -> None:
    used = {name: {"$ref": reference} for name in ("start", "end")}
    schema = {"type": "object", **where, "properties": {**where.get("properties", {}), **used}}
    assert typescript(_of(schema)).count("degrees to the north") == 2 + ("x" in schema["properties"])


def _counted(model: str, tools: list[dict[str, Any]]) -> int:
    return "\n".join(tool_price_for(model).texts(tools, None, None)).count("degrees to the north")


@pytest.mark.parametrize("model", ["gpt-5", "claude-sonnet-4-5", "gemini-2.5-pro"])
@pytest.mark.parametrize(
    "holder",
    [
        lambda schema: {"type": "namespace", "name": "crm", "tools": [{"type": "function", "name": "go", "parameters": schema}]},
        lambda schema: {"functionDeclarations": [{"name": "go", "parametersJsonSchema": schema}]},
        lambda schema: {"type": "mcp_toolset", "mcp_server_name": "crm", "tools": [{"name": "go", "input_schema": schema}]},
        lambda schema: {"name": "go", "input_schema": schema},
    ],
    ids=["namespace", "functions of Gemini", "toolset", "tool"],
)
def test_a_named_schema_is_written_out_in_tools_of_tools_too(model: str, holder: Any) -> None:
    schema = {"type": "object", "properties": {side: {"$ref": "#/$defs/Point"} for side in ("from", "to")}, "$defs": {"Point": POINT}}
    assert _counted(model, [holder(schema)]) == 2


@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4-5"])
def test_a_named_schema_that_no_reference_was_found_to_counts_once(model: str) -> None:
    by_its_id = {"type": "object", "properties": {"at": {"$ref": "point.json"}}, "$defs": {"Point": {"$id": "point.json", **POINT}}}
    assert _counted(model, _of(by_its_id)) == 1


@pytest.mark.parametrize(
    "beside",
    [{"allOf": [POINT]}, {"additionalProperties": POINT}, {"patternProperties": {"^x": POINT}}, {"if": POINT}],
    ids=["choices", "further properties", "properties by a pattern", "conditions"],
)
def test_what_a_schema_says_beside_its_properties_counts(beside: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, **beside}
    for parameters in (schema, {"type": "object", "properties": {"inner": schema}}):
        assert _counted("gpt-4o", _of(parameters)) == 1


TOOLSET = {"type": "mcp_toolset", "mcp_server_name": "crm"}


def test_a_toolset_counts_the_tools_that_it_lists_and_shows_at_once() -> None:
    listed = [{"name": name, "description": f"the tool {name}", "input_schema": POINT} for name in ("now", "later", "off")]
    configs = {"now": {"defer_loading": False}, "off": {"defer_loading": False, "enabled": False}}
    toolset = {**TOOLSET, "default_config": {"defer_loading": True}, "configs": configs, "tools": listed}
    assert _counted("claude-sonnet-4-5", [toolset]) == 1
    assert _counted("claude-sonnet-4-5", [{**TOOLSET, "tools": listed}]) == 3


def test_what_a_server_adds_is_unsure_until_its_tools_are_listed() -> None:
    tool = {"name": "now", "input_schema": POINT}
    assert is_unsure(TOOLSET)
    assert is_unsure({**TOOLSET, "default_config": {"defer_loading": True}, "tools": [tool]})
    assert not is_unsure({**TOOLSET, "tools": [tool]})
