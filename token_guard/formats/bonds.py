"""What binds blocks or items to others by an id, be they of types that nobody knows; and what loads tools for what follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["REFERENCE", "bonds_of", "loads_tools", "referred_to"]

PAIRED = frozenset(
    {"tool_use", "tool_result", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", "text", "thinking"}
)
"""Kinds that are read as calls and results: what pairs them is known, and their ids may come again in later turns."""

KEYS = ("call_id", "tool_use_id", "approval_request_id")
CALLER = ("tool_id", "caller_id")
"""Keys of the ids by which an item names another one, and of those that its caller has."""

NAMED = ("_use", "_request")
"""How kinds end that others name by their `id`; of all others it is their own, and some clients give one twice."""

DEEPEST = 2
"""Levels of content in content in which tools are loaded."""

LOADING = frozenset({"tool_search_output", "tool_search_tool_result", "tool_reference", "tool_addition"})


REFERENCE = "item_reference"
"""An item that stands for another one, which has its id."""


def bonds_of(blocks: Iterable[Any], referred: frozenset[str] = frozenset()) -> frozenset[str]:
    """The ids that blocks share with others, which have to stay or go with them; an id that is null binds nothing. An item's own id
    binds it where another one has `referred` to it.

    >>> sorted(bonds_of([{"type": "server_tool_use", "id": "s1"}, {"type": "tool_use", "id": "t1", "caller": {"tool_id": "s1"}}]))
    ['s1']
    """
    found: set[str] = set()
    for block in blocks:
        if not isinstance(block, (dict, Mapping)):
            continue
        caller, kind = block.get("caller"), str(block.get("type"))
        if caller is None and not referred and kind in PAIRED:  # nearly all
            continue
        named = [caller.get(key) for key in CALLER] if isinstance(caller, Mapping) else []
        if kind not in PAIRED:
            named += [block.get(key) for key in KEYS]
            named += [block.get("id")] if kind.endswith(NAMED) else []
        named += [own] if (own := block.get("id")) and isinstance(own, str) and own in referred else []
        found.update(name for name in named if isinstance(name, str) and name)
    return frozenset(found)


def referred_to(items: Iterable[Any]) -> frozenset[str]:
    """The ids to which items refer.

    >>> referred_to([{"type": "item_reference", "id": "m1"}, {"type": "message", "id": "m1"}])
    frozenset({'m1'})
    """
    found = (item.get("id") for item in items if isinstance(item, Mapping) and item.get("type") == REFERENCE)
    return frozenset(one for one in found if isinstance(one, str))


def loads_tools(blocks: Iterable[Any]) -> bool:
    """Whether blocks load tools that later calls are of.

    >>> loads_tools([{"type": "tool_result", "content": [{"type": "tool_reference", "tool_name": "query"}]}])
    True
    """
    return any(_loads(block, 0) for block in blocks)


def _loads(block: Any, depth: int) -> bool:
    if not isinstance(block, (dict, Mapping)) or depth > DEEPEST:
        return False
    if str(block.get("type")) in LOADING:
        return True
    content = block.get("content")
    if content is None or isinstance(content, str):  # nearly always
        return False
    inner = content if isinstance(content, (list, tuple)) else (content,)
    return any(_loads(one, depth + 1) for one in inner)
