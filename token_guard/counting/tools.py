"""What a request says beside its messages: tool definitions, tool choice, response format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from token_guard.conversation.written import written
from token_guard.counting.loading import LISTS, loaded
from token_guard.counting.names import lookup
from token_guard.counting.schemas import NAMED, written_out

__all__ = ["TOOLS", "ToolPrice", "compact", "tool_price_for", "typescript"]

DEPTH = 12
"""Levels of a schema that are rendered as types; what is nested deeper counts as JSON, which is longer."""

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
        if shown := loaded(tools):
            yield compact([_with_schemas(tool) for tool in shown]) if self.as_json else typescript(shown)
        if name := _forced_name(tool_choice):
            yield name
        if _is_structured(response_format):
            yield compact(response_format)

    def fixed(self, tools: Sequence[Any] | None, tool_choice: Any, response_format: Any) -> int:
        """Tokens that come on top of those texts."""
        tokens = RESPONSE_FORMAT if _is_structured(response_format) else 0
        shown = loaded(tools)
        tokens += sum(map(_server_tool, shown))
        if not shown:
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
        yield compact(_with_schemas(tool))
        return
    if description := function.get("description"):
        yield f"// {description}"
    parameters = written_out(_first(function, "parameters", "input_schema"))
    yield from _beside(parameters, *NAMED)
    if not _properties(parameters):
        yield from (f"type {function.get('name')} = () => any;", "")
        return
    yield from (f"type {function.get('name')} = (_: {{", *_fields(parameters, 0), "}) => any;", "")


CHOICES = ("anyOf", "oneOf", "allOf", "not", "if", "then", "else", "$ref")
OPEN = ("additionalProperties", "patternProperties", "dependentSchemas", "prefixItems")
"""What a schema says beside its properties: choices, and schemas of what they leave open."""


def _beside(schema: Mapping[str, Any], *more: str) -> Iterator[str]:
    """That as JSON, where it says anything: nobody has published how it is rendered. Errs up."""
    said = {key: schema[key] for key in (*CHOICES, *more) if schema.get(key)}
    said |= {key: schema[key] for key in OPEN if schema.get(key) and isinstance(schema[key], (Mapping, list))}
    if said:
        yield compact(said)


def _with_schemas(tool: Any) -> Any:
    """A tool whose parameters are written out: LiteLLM does so for Anthropic and others that take no references."""
    if not isinstance(tool, Mapping):
        return tool
    if isinstance(function := tool.get("function"), Mapping):
        return {**tool, "function": _with_schemas(function)}
    schemas = {key: written_out(tool[key]) for key in SCHEMAS if isinstance(tool.get(key), Mapping)}
    inner = {key: list(map(_with_schemas, tool[key])) for key in LISTS if isinstance(tool.get(key), list)}
    return {**tool, **schemas, **inner}


SCHEMAS = ("parameters", "input_schema", "parametersJsonSchema", "parameters_json_schema")
"""Where a tool has its schema; the last two are Gemini's."""


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
        return "\n".join(("{", *_fields(schema, depth + 2), *_beside(schema), "}"))
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
