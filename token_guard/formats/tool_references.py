"""Tools that a search has found: their definitions are in the prompt from the reference on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from token_guard.conversation import Opaque, Part, ToolResult
from token_guard.formats.wire import Placed, as_json

__all__ = ["Loading"]

_NAME = re.compile(r'"(?:tool_)?name":"([^"]{1,256})"')
"""A search's result names a tool as `tool_name`, an addition in the middle of a conversation as `name`."""


class Loading:
    """The deferred tools of a request, each added to the first part that refers to it, as it is read from first to last."""

    def __init__(self, tools: Iterable[Any]) -> None:
        self._waiting = {_name(tool): as_json(tool) for tool in tools if isinstance(tool, Mapping) and _is_deferred(tool)}

    def __call__(self, placed: Iterable[Placed]) -> Iterable[Placed]:
        """The same parts, with the definitions of the tools that they load."""
        return self._loaded(placed) if self._waiting else placed

    def _loaded(self, placed: Iterable[Placed]) -> Iterator[Placed]:
        for part, path in placed:
            yield self._with_tools(part), path

    def _with_tools(self, part: Part) -> Part:
        if isinstance(part, ToolResult):
            content = tuple(self._inner(one) if isinstance(one, Opaque) else one for one in part.content)
            return part if content == part.content else replace(part, content=content)
        return self._inner(part) if isinstance(part, Opaque) else part

    def _inner(self, part: Opaque) -> Opaque:
        if "tool_reference" not in part.text:
            return part
        found = [self._waiting.pop(name) for name in _NAME.findall(part.text) if name in self._waiting]
        return replace(part, text="\n".join((part.text, *found))) if found else part


def _is_deferred(tool: Mapping[str, Any]) -> bool:
    function = tool.get("function")
    return tool.get("defer_loading") is True or (isinstance(function, Mapping) and function.get("defer_loading") is True)


def _name(tool: Mapping[str, Any]) -> str:
    function = tool.get("function")
    return str((function if isinstance(function, Mapping) else tool).get("name"))
