"""Which of a request's tools are in the prompt from the start: those that wait for a search, and those that a server defines, are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["LISTS", "is_deferred", "is_unsure", "loaded"]

LISTS = ("tools", "functionDeclarations", "function_declarations")
"""Where a tool keeps tools: a namespace of Responses, a toolset of Anthropic's, functions of Gemini's."""

SERVED = ("mcp", "mcp_toolset")
"""Types of tools whose definitions a server sends to the provider (MCP: OpenAI's and Anthropic's)."""


def loaded(tools: Sequence[Any] | None) -> list[Any]:
    """The tools that the model is shown from the start; others are loaded where a search has found them."""
    return [_without_deferred(tool) for tool in tools or () if not is_deferred(tool)]


def is_deferred(tool: Any) -> bool:
    """Whether a tool waits for a tool search (Anthropic, OpenAI and OpenRouter mark it alike, on the tool or on its function)."""
    if not isinstance(tool, Mapping):
        return False
    function = tool.get("function")
    return tool.get("defer_loading") is True or (isinstance(function, Mapping) and function.get("defer_loading") is True)


def is_unsure(tool: Any) -> bool:
    """Whether nobody can say from the request what a tool adds to the prompt: it waits for a search, or a server defines it."""
    if not isinstance(tool, Mapping):
        return False
    inner = _inner(tool)
    served = tool.get("type") in SERVED and not inner
    return served or is_deferred(tool) or any(_waits(tool, one) for one in inner)


def _inner(tool: Mapping[str, Any]) -> list[Any]:
    return next((tool[name] for name in LISTS if isinstance(tool.get(name), list)), [])


def _without_deferred(tool: Any) -> Any:
    """A tool that holds others with those that are shown at once, any other tool as it is."""
    if not isinstance(tool, Mapping) or not (inner := _inner(tool)):
        return tool
    kept = [one for one in inner if not _waits(tool, one)]
    return tool if len(kept) == len(inner) else {name: kept if name in LISTS else value for name, value in tool.items()}


def _waits(holder: Mapping[str, Any], tool: Any) -> bool:
    """Whether a tool is not shown from the start: it says so itself, or its toolset does, for each of its tools or for all of them
    (platform.claude.com/docs, MCP connector)."""
    configs, usual = holder.get("configs"), holder.get("default_config")
    name = tool.get("name") if isinstance(tool, Mapping) else None
    own = configs.get(name) if isinstance(configs, Mapping) else None
    said = {**(usual if isinstance(usual, Mapping) else {}), **(own if isinstance(own, Mapping) else {})}
    return is_deferred(tool) or said.get("defer_loading") is True or said.get("enabled") is False
