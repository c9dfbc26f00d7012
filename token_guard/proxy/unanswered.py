"""Requests that offer the tool for originals, until they are answered: what an answer to a call of it takes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cachetools import LRUCache

__all__ = ["Unanswered", "Waiting"]

MOST: Final = 10_000
"""Requests at once in one process, and streams that ended unseen; beyond it the first is given up."""

WITH_TEXTS: Final = 256
"""Of how many the originals are at hand, which may be megabytes; those of others come from the store."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that offers the tool."""

    api: str
    session: str
    room: int
    """Tokens that are left in the window."""
    server: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Where it is sent, and with which key: LiteLLM's first versions with Messages forget it when they ask again."""


class Unanswered:
    """Remembers requests by the ids of their calls; thread-safe."""

    def __init__(self) -> None:
        self._waiting: LRUCache[str, Waiting] = LRUCache(MOST)
        self._texts: LRUCache[str, Mapping[str, str]] = LRUCache(WITH_TEXTS)
        self._lock = threading.Lock()

    def add(self, call: str, waiting: Waiting, texts: Mapping[str, str]) -> None:
        """Wait for the answer to a request, with the originals that its client itself sent; an attempt takes the place of one before it."""
        with self._lock:
            self._waiting[call] = waiting
            self._texts[call] = texts

    def get(self, call: str) -> Waiting | None:
        """What is waiting under this id."""
        with self._lock:
            return self._waiting.get(call)

    def text(self, call: str, key: str) -> str | None:
        """An original that is at hand."""
        with self._lock:
            return self._texts.get(call, {}).get(key)

    def take(self, call: str) -> Waiting | None:
        """What was waiting; it is answered now."""
        with self._lock:
            self._texts.pop(call, None)
            return self._waiting.pop(call, None)
