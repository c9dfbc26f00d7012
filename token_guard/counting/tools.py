"""What a request says beside its messages: tool definitions, tool choice, response format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from token_guard.conversation.written import written
from token_guard.counting.names import lookup

__all__ = ["TOOLS", "ToolPrice", "compact", "is_deferred", "is_unsure", "tool_price_for", "typescript"]

DEPTH = 12
"""Levels of a schema that are rendered as types; what is nested deeper counts as JSON, which is longer."""

REFERENCES = 2_000
"""References of one schema that are written out: schemas that refer to one another may grow without bound."""

DEFINITIONS = 9
"""Frame of the whole namespace (hmarr/openai-chat-tokens, src/index.ts). Its -4 for a present system message is left out: errs up."""

FORCED = 7
"""A forced function: 4, and 3 beside its name (same source)."""

NONE_CHOICE = 1
"""tool_choice "none" (same source)."""

RESPONSE_FORMAT = 20
"""The heading that OpenAI puts over a JSON schema: recorded requests exceeded the schema's own text by up to 18 tokens."""

NO_FUNCTION = ("format", "tools")
"""Fields of named tools of Responses that are no functions: a custom tool's grammar, the tools of a namespace."""


@dataclass(frozen=True, slots=True)
class ToolPrice:
    """How a provider shows tools to its model: as TypeScript (OpenAI) or as the JSON they came in, under a prompt of its own.

    `prompt` is that prompt's size with free choice of tool, `forced` with a forced one.
    """

    prompt: int = 0
    forced: int = 0
    as_json: bool = False

    def texts(self, tools: Sequence[Any] | None, tool_choice: Any, response_format: Any) -> Iterator[str]:
        """Every text that is tokenised for these parts of a request."""
        if loaded := _loaded(tools):
            yield compact([_with_schemas(tool) for tool in loaded]) if self.as_json else typescript(loaded)
        if name := _forced_name(tool_choice):
            yield name
        if _is_structured(response_format):
            yield compact(response_format)

    def fixed(self, tools: Sequence[Any] | None, tool_choice: Any, response_format: Any) -> int:
        """Tokens that come on top of those texts."""
        tokens = RESPONSE_FORMAT if _is_structured(response_format) else 0
        loaded = _loaded(tools)
        tokens += sum(map(_server_tool, loaded))
        if not loaded:
            return tokens
        if tool_choice in ("none", {"type": "none"}):
            return tokens + DEFINITIONS + self.prompt + NONE_CHOICE
        forced = tool_choice not in (None, "auto", {"type": "auto"})
        return tokens + DEFINITIONS + (self.forced + FORCED if forced else self.prompt)


SERVER_TOOLS: Mapping[str, int] = {"bash_": 245, "text_editor_": 700, "computer_": 735 + 499}
"""Beginnings of the types of Anthropic's own tools, whose definitions the client does not send, and what those count
(platform.claude.com/docs, tool use overview and the tools' pages); a computer comes with a prompt of its own."""


def _server_tool(tool: Any) -> int:
    kind = str(tool.get("type")) if isinstance(tool, Mapping) else ""
    return next((tokens for start, tokens in SERVER_TOOLS.items() if kind.startswith(start)), 0)


def _loaded(tools: Sequence[Any] | None) -> Sequence[Any]:
    """The tools that the model is shown from the start; others are loaded where a search has found them."""
    return [_without_deferred(tool) for tool in tools or () if not is_deferred(tool)]


def _without_deferred(tool: Any) -> Any:
    """A namespace of Responses with the tools that are shown at once, any other tool as it is."""
    inner = tool.get("tools") if isinstance(tool, Mapping) else None
    return {**tool, "tools": _loaded(inner)} if isinstance(inner, list) and any(map(is_deferred, inner)) else tool


SERVED = ("mcp", "mcp_toolset")
"""Types of tools whose definitions a server sends to the provider (MCP: OpenAI's and Anthropic's)."""


def is_unsure(tool: Any) -> bool:
    """Whether nobody can say from the request what a tool adds to the prompt: it waits for a search, or a server defines it."""
    inner = tool.get("tools") if isinstance(tool, Mapping) else None
    served = isinstance(tool, Mapping) and tool.get("type") in SERVED
    return served or is_deferred(tool) or (isinstance(inner, list) and any(map(is_deferred, inner)))


def is_deferred(tool: Any) -> bool:
    """Whether a tool waits for a tool search (Anthropic, OpenAI and OpenRouter mark it alike, on the tool or on its function)."""
    if not isinstance(tool, Mapping):
        return False
    function = tool.get("function")
    return tool.get("defer_loading") is True or (isinstance(function, Mapping) and function.get("defer_loading") is True)


DEFAULT = ToolPrice(200, 200, as_json=True)
"""Self-hosted models: the chat templates of Qwen and Llama put the tools' JSON under some 150 tokens of instruction."""

TOOLS: Mapping[str, ToolPrice] = {
    **dict.fromkeys(("gpt-4", "gpt-3.5", "gpt-35", "chatgpt", "ft:gpt"), ToolPrice()),
    # recorded requests: 70 to 91 tokens above the formula on gpt-5, nothing recorded for the o series
    **dict.fromkeys(("gpt-5", "o1", "o3", "o4", "codex"), ToolPrice(100, 100)),
    # Anthropic's table of tool-use system prompts (platform.claude.com/docs, tool use overview); the largest for a new name
    "claude": ToolPrice(675, 804, as_json=True),
    "claude-opus-4-8": ToolPrice(290, 410, as_json=True),
    "claude-opus-4-7": ToolPrice(675, 804, as_json=True),
    **dict.fromkeys(("claude-opus-4-6", "claude-sonnet-4-6"), ToolPrice(497, 589, as_json=True)),
    **dict.fromkeys(("claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"), ToolPrice(496, 588, as_json=True)),
    **dict.fromkeys(("claude-opus-4", "claude-sonnet-4"), ToolPrice(346, 346, as_json=True)),
    **dict.fromkeys(("claude-3", "claude-3-5-haiku"), ToolPrice(530, 340, as_json=True)),
    "claude-sonnet-5": ToolPrice(354, 474, as_json=True),
    # the most that recorded requests had above text and tools' JSON
    "deepseek": ToolPrice(435, 435, as_json=True),
    "gemini": ToolPrice(373, 373, as_json=True),
    **dict.fromkeys(("llama", "meta-llama", "meta.llama"), ToolPrice(662, 662, as_json=True)),
    **dict.fromkeys(("nova", "amazon.nova"), ToolPrice(928, 928, as_json=True)),
}
"""Beginnings of model names; the longest that fits decides."""


def tool_price_for(model: str) -> ToolPrice:
    """How a model is shown its tools; a self-hosted model's template for a name that no table knows."""
    return lookup(model, TOOLS) or DEFAULT


def typescript(tools: Sequence[Any]) -> str:
    """Tool definitions as OpenAI shows them to its models (hmarr/openai-chat-tokens, src/functions.ts).

    >>> print(typescript([{"function": {"name": "ls", "parameters": {"properties": {"path": {"type": "string"}}}}}]))
    namespace functions {
    <BLANKLINE>
    type ls = (_: {
    path?: string,
    }) => any;
    <BLANKLINE>
    } // namespace functions
    """
    lines = [line for tool in tools for line in _function(tool)]
    return "\n".join(("namespace functions {", "", *lines, "} // namespace functions"))


def compact(value: Any) -> str:
    """A wire value as the JSON text that counts for it."""
    return written(value)


def _function(tool: Any) -> Iterator[str]:
    function = _definition(tool)
    if function is None:
        yield compact(tool)
        return
    if description := function.get("description"):
        yield f"// {description}"
    parameters = _written_out(_first(function, "parameters", "input_schema"))
    if not _properties(parameters):
        if not parameters.keys().isdisjoint(("anyOf", "oneOf", "allOf", "$ref")):
            yield compact(parameters)
        yield from (f"type {function.get('name')} = () => any;", "")
        return
    yield from (f"type {function.get('name')} = (_: {{", *_fields(parameters, 0), "}) => any;", "")


NAMED = ("$defs", "definitions")
"""Where a schema keeps the schemas that it refers to by name."""


def _written_out(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema with every schema that it refers to in the place of the reference, twice where it is used twice: so is the model shown
    it. What refers to itself, and what comes after `REFERENCES` of them, stays a reference."""
    used = 0

    def written(value: Any, inside: tuple[str, ...], depth: int) -> Any:
        nonlocal used
        if depth > DEPTH * 4:
            return value
        if isinstance(value, list):
            return [written(one, inside, depth + 1) for one in value]
        if not isinstance(value, Mapping):
            return value
        name = value.get("$ref")
        named = _at(schema, name) if isinstance(name, str) and name not in inside and used < REFERENCES else None
        if named is not None:
            used += 1
            beside = {key: one for key, one in value.items() if key != "$ref"}
            return written({**named, **beside}, (*inside, str(name)), depth + 1)
        return {key: written(one, inside, depth + 1) for key, one in value.items()}

    found: Mapping[str, Any] = written({key: value for key, value in schema.items() if key not in NAMED}, (), 0)
    return found if used or len(found) < len(schema) else schema


def _at(schema: Mapping[str, Any], reference: str) -> Mapping[str, Any] | None:
    """The schema inside of another one at a JSON pointer (RFC 6901); None where none is, and for the whole.

    >>> _at({"$defs": {"a/b": {"type": "string"}}}, "#/$defs/a~1b")
    {'type': 'string'}
    """
    there: Any = schema if reference.startswith("#/") else None
    for step in unquote(reference[2:]).split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(there, list):
            there = there[int(key)] if key.isdecimal() and int(key) < len(there) else None
        else:
            there = there.get(key) if isinstance(there, Mapping) else None
    return there if isinstance(there, Mapping) else None


def _with_schemas(tool: Any) -> Any:
    """A tool whose parameters are written out: LiteLLM does so for Anthropic and others that take no references."""
    if not isinstance(tool, Mapping):
        return tool
    if isinstance(function := tool.get("function"), Mapping):
        return {**tool, "function": _with_schemas(function)}
    return {**tool, **{key: _written_out(tool[key]) for key in ("parameters", "input_schema") if isinstance(tool.get(key), Mapping)}}


def _definition(tool: Any) -> Mapping[str, Any] | None:
    if not isinstance(tool, Mapping) or not tool.keys().isdisjoint(NO_FUNCTION):
        return None
    inner = tool.get("function", tool)
    return inner if isinstance(inner, Mapping) and inner.get("name") else None


def _first(mapping: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    return next((value for key in keys if isinstance(value := mapping.get(key), Mapping)), {})


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return _first(schema, "properties")


def _fields(schema: Mapping[str, Any], depth: int) -> Iterator[str]:
    required = schema.get("required")
    needed = required if isinstance(required, Sequence) else ()
    indent = " " * depth
    for key, value in _properties(schema).items():
        if isinstance(value, Mapping) and value.get("description"):
            yield f"{indent}// {value['description']}"
        yield f"{indent}{key}{'' if key in needed else '?'}: {_type(value, depth)},"


_NAMES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def _type(schema: Any, depth: int) -> str:
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    if depth >= DEPTH or not isinstance(kind, str):
        return compact(schema)
    if kind == "array":
        return f"{_type(schema.get('items', {}), depth)}[]"
    if kind == "object" and _properties(schema):
        return "\n".join(("{", *_fields(schema, depth + 2), "}"))
    if kind in _NAMES:
        return _enumeration(schema) or _NAMES[kind]
    return compact(schema)


def _enumeration(schema: Mapping[str, Any]) -> str:
    values = schema.get("enum")
    return " | ".join(f'"{value}"' for value in values) if isinstance(values, list) else ""


def _forced_name(tool_choice: Any) -> str:
    if not isinstance(tool_choice, Mapping):
        return ""
    name = _first(tool_choice, "function").get("name") or tool_choice.get("name")
    return name if isinstance(name, str) else ""


def _is_structured(response_format: Any) -> bool:
    return bool(response_format) and response_format != {"type": "text"}
