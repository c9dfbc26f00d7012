"""Parameters by which a client makes the server cut what is too long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from token_guard.formats.wire import mapping_or_empty, positive

__all__ = ["is_cut_elsewhere"]

CUTTING = frozenset(
    {"truncate_prompt_tokens", "truncate", "context_management", "truncation", "prompt_truncation", "plugins", "transforms"}
)

AUTOMATIC = ("auto", "AUTO", "AUTO_PRESERVE_ORDER")
"""Values of Responses' `truncation` and of Cohere's `prompt_truncation` that cut."""

EDITS = ("clear_tool_uses", "compact")
"""Beginnings of the types of Anthropic's edits that make room (platform.claude.com/docs, context editing), which end in a date; clearing
thinking makes little, and Claude Code asks for it always."""

PLUGIN = "context-compression"
MIDDLE_OUT = "middle-out"
"""OpenRouter's (openrouter.ai/docs, message transforms): as a plugin, and as a transform before there were plugins."""


def is_cut_elsewhere(fields: Mapping[str, Any]) -> bool:
    """Whether the fields of a request ask vLLM, TGI (`truncate`: the tokens that stay), OpenRouter, Cohere, Anthropic or OpenAI to make it
    shorter.

    >>> is_cut_elsewhere({"transforms": ["middle-out"]}), is_cut_elsewhere({"truncation": "disabled"})
    (True, False)
    """
    if CUTTING.isdisjoint(fields):
        return False
    if positive(fields.get("truncate")) or fields.get("truncate_prompt_tokens") or _is_managed(fields.get("context_management")):
        return True
    if fields.get("truncation") in AUTOMATIC or fields.get("prompt_truncation") in AUTOMATIC:
        return True
    plugins = map(mapping_or_empty, _listed(fields.get("plugins")))
    return MIDDLE_OUT in _listed(fields.get("transforms")) or any(plugin.get("id") == PLUGIN for plugin in plugins)


def _is_managed(management: Any) -> bool:
    """Whether the provider edits the context so that there is room: Anthropic's edits, a list of OpenAI's."""
    if isinstance(management, Mapping):
        return any(str(mapping_or_empty(edit).get("type")).startswith(EDITS) for edit in _listed(management.get("edits")))
    return bool(_listed(management))


def _listed(value: Any) -> list[Any] | tuple[Any, ...]:
    return value if isinstance(value, (list, tuple)) else ()
