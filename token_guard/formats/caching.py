"""What a request says of the provider's prompt cache: for how long it is to be kept, and what stands before the messages in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

__all__ = ["cache_seconds", "head_digest"]

USUAL_SECONDS: Final = 300.0
"""Anthropic's default; OpenAI keeps a prefix for five to ten minutes without use."""

HOUR: Final = 3_600.0

_HEAD: Final = ("model", "tools", "functions", "system", "instructions", "tool_choice", "response_format", "text", "thinking", "reasoning")
"""What a provider reads before the messages, or what changes how it reads them."""

_NEWEST: Final = 4
"""Messages from the end in which clients set their marks."""


def head_digest(request: Mapping[str, Any]) -> bytes:
    """What tells the head of a request, all before its messages, from every other one; marks for the cache are no part of it."""
    head = {name: _unmarked(request[name]) for name in _HEAD if request.get(name) is not None}
    written = json.dumps(head, default=str, sort_keys=True)
    return blake2b(written.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def cache_seconds(request: Mapping[str, Any]) -> float:
    """For how long the provider keeps what it has read: an hour where a mark of the request says so, else five minutes.

    >>> cache_seconds({"system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]})
    3600.0
    """
    if request.get("prompt_cache_retention") == "24h":
        return 24 * HOUR
    messages = request.get("messages")
    newest = messages[-_NEWEST:] if isinstance(messages, list) else ()
    marked = (request.get("system"), request.get("tools"), request.get("cache_control"), *newest)
    return HOUR if any(mark.get("ttl") == "1h" for place in marked for mark in _marks(place)) else USUAL_SECONDS


def _marks(value: Any, levels: int = 4) -> Iterator[Mapping[str, Any]]:
    """The marks in a value and in what it holds."""
    if isinstance(value, Mapping):
        if "ttl" in value:
            yield value
        value = tuple(value.values())
    if levels and isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for inner in value:
            yield from _marks(inner, levels - 1)


def _unmarked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _unmarked(inner) for key, inner in value.items() if key != "cache_control"}
    return [_unmarked(inner) for inner in value] if isinstance(value, list | tuple) else value
