"""What was forwarded lately: a request that comes back as the guard made it is not compacted once more.

Nothing in a request tells that it was compacted before, for whatever could tell may stand in a tool's output, too. So this is
remembered, in the process alone; where it is not, such a request may be compacted further, and is as valid.
"""

from __future__ import annotations

import marshal
import threading
from collections.abc import Mapping
from typing import Any

from cachetools import LRUCache

__all__ = ["Forwarded"]

MOST = 4_096
"""Requests that are remembered, as numbers; more than come back."""

FIELDS = ("messages", "system", "input", "instructions", "prompt", "contents")


class Forwarded:
    """Prompts of requests that were compacted, as hashes; thread-safe."""

    def __init__(self) -> None:
        self._known: LRUCache[int, None] = LRUCache(MOST)
        self._lock = threading.Lock()

    def __contains__(self, request: Mapping[str, Any]) -> bool:
        return bool(self._known) and _key(request) in self._known

    def add(self, request: Mapping[str, Any]) -> None:
        """Remember a request as it is forwarded."""
        key = _key(request)
        if key is not None:
            with self._lock:
                self._known[key] = None


def _key(request: Mapping[str, Any]) -> int | None:
    """A hash of the prompt; None for one that is not of plain values."""
    try:
        # version 2 writes no references, so that equal values give equal bytes
        return hash(marshal.dumps([request.get(field) for field in FIELDS], 2))
    except ValueError:
        return None
