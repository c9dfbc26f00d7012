"""The length of a reply in a request: cut to the room that there is, and the thinking that it has to hold with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from token_guard.budget import thinking_budget

__all__ = ["LEAST_THINKING", "clamped", "least_reply"]

LEAST_THINKING = 1_024
"""The smallest thinking budget that Anthropic takes (https://docs.claude.com/en/docs/build-with-claude/extended-thinking)."""


def clamped(request: Mapping[str, Any], wanted: int | None, *keys: str) -> dict[str, Any]:
    """Edits that cut the reply length under these keys to what is wanted, where the request asks for more; under the last key where
    it asks for none and one is wanted. A thinking budget, which has to be smaller than the reply, keeps its share of it.

    >>> clamped({"max_tokens": 900}, 500, "max_tokens", "max_completion_tokens")
    {'max_tokens': 500}
    >>> clamped({"max_tokens": 32_000, "thinking": {"budget_tokens": 31_999}}, 8_000, "max_tokens")
    {'max_tokens': 8000, 'thinking': {'budget_tokens': 7999}}
    """
    if wanted is None:
        return {}
    wanted = max(wanted, least_reply(request))
    asked = {key: value for key in keys if isinstance(value := request.get(key), int)}
    edits: dict[str, Any] = {key: wanted for key, value in asked.items() if value > wanted} if asked else {keys[-1]: wanted}
    budget, longest = thinking_budget(request), max(asked.values(), default=None)
    if edits and budget and wanted <= budget and (longest is None or budget < longest):
        share = budget * wanted // longest if longest else wanted // 2
        edits["thinking"] = {**request["thinking"], "budget_tokens": max(LEAST_THINKING, min(share, wanted - 1))}
    return edits


def least_reply(request: Mapping[str, Any]) -> int:
    """The shortest reply that a request can be answered with: longer than the least of the thinking that it asks for.

    >>> least_reply({"thinking": {"type": "enabled", "budget_tokens": 4_000}}), least_reply({})
    (1025, 0)
    """
    return LEAST_THINKING + 1 if thinking_budget(request) else 0
