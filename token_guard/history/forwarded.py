"""What was forwarded lately: a request that comes back as the guard made it is not compacted once more.

Nothing in a request tells that it was compacted before, for whatever could tell may stand in a tool's output, too. So this is
remembered, in the process alone; where it is not, such a request may be compacted further, and is as valid.
"""

from __future__ import annotations

import marshal
import threading
from collections.abc import Callable, Mapping
from typing import Any

from cachetools import LRUCache

__all__ = ["Forwarded"]

MOST = 4_096
"""Requests that are remembered, as numbers; more than come back."""

FIELDS = ("messages", "system", "input", "instructions", "prompt", "contents")


class Forwarded:
    """Prompts of requests that were compacted, as hashes; thread-safe."""

    def __init__(self) -> None:
        self._known: LRUCache[int, int] = LRUCache(MOST)
        self._lock = threading.Lock()

    def __contains__(self, request: Mapping[str, Any]) -> bool:
        """Whether it is one of them. How it ends tells nearly all others from these, so that hardly any is looked through."""
        end = _key(request, _end) if self._known else None
        known = None if end is None else self._known.get(end)
        return known is not None and known == _key(request)

    def add(self, request: Mapping[str, Any]) -> None:
        """Remember a request as it is forwarded."""
        end, whole = _key(request, _end), _key(request)
        if end is not None and whole is not None:
            with self._lock:
                self._known[end] = whole


def _end(prompt: Any) -> Any:
    """How long a prompt is, and its last message."""
    return (len(prompt), prompt[-1:]) if isinstance(prompt, list) else prompt


def _key(request: Mapping[str, Any], read: Callable[[Any], Any] = lambda prompt: prompt) -> int | None:
    """A hash of what is read of the prompt; None for one that is not of plain values."""
    try:
        # version 2 writes no references, so that equal values give equal bytes
        return hash(marshal.dumps([read(request.get(field)) for field in FIELDS], 2))
    except ValueError:
        return None
