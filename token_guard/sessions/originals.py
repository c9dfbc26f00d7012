"""Originals of what was compacted, held per session under the keys of their contents: sealed, for a time, up to so many bytes."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping
from typing import Final

from cachetools import LRUCache

from token_guard.counting import TokenCounter
from token_guard.errors import StoreUnavailableError
from token_guard.sessions.sealing import Sealing
from token_guard.stores import ORIGINALS, History, Store

__all__ = ["Originals", "part_of"]

_MAX_KNOWN: Final = 10_000
"""Keys that are remembered to be held, so that they are not written with every turn."""

_TRIES: Final = 3
"""Of several who write to one session at once, one may have to read it again so often."""


class Originals:
    """Keeps and finds originals in a store; thread-safe. Its methods may wait for the store, for a second or two."""

    def __init__(self, store: Store, sealing: Sealing, *, ttl_seconds: float, most_bytes: int) -> None:
        self._store = store
        self._sealing = sealing
        self._ttl_seconds = ttl_seconds
        self._most_bytes = most_bytes
        self._known: LRUCache[tuple[str, str], bool] = LRUCache(_MAX_KNOWN)
        self._lock = threading.Lock()

    def keep(self, session: str, texts: Mapping[str, str]) -> None:
        """Hold the texts of a session under their keys; where there are too many bytes of them, the oldest go."""
        with self._lock:
            new = {key: text for key, text in texts.items() if (session, key) not in self._known}
        if new and any(self._kept(session, new) for _ in range(_TRIES)):
            with self._lock:
                self._known.update({(session, key): True for key in new})

    def find(self, session: str, key: str) -> str | None:
        """The text under a key; None where it is not held. Raises StoreUnavailableError."""
        return self._read(session)[1].get(key)

    def _kept(self, session: str, new: Mapping[str, str]) -> bool:
        """Whether they were kept; not where another wrote at the same time."""
        try:
            version, held = self._read(session)
            texts = self._bounded({**{key: text for key, text in held.items() if key not in new}, **new})
            sealed = self._sealing.seal(session + ORIGINALS, json.dumps(texts, ensure_ascii=False))
            after = History(secrets.randbits(62) + 1, sealed)
            return self._store.keep_history(session + ORIGINALS, version, after, ttl_seconds=self._ttl_seconds)
        except StoreUnavailableError:
            return False

    def _read(self, session: str) -> tuple[int, dict[str, str]]:
        stored = self._store.history(session + ORIGINALS)
        if stored is None:
            return 0, {}
        text = self._sealing.open(session + ORIGINALS, stored.sealed) if stored.sealed else None
        return stored.version, json.loads(text) if text else {}

    def _bounded(self, texts: dict[str, str]) -> dict[str, str]:
        size = sum(map(len, map(str.encode, texts.values())))
        while size > self._most_bytes:
            size -= len(texts.pop(next(iter(texts))).encode())
        return texts


def part_of(text: str, first: int, room: int, counter: TokenCounter) -> str:
    """The lines of a text from one on that have room, and where to go on."""
    lines = text.splitlines()
    if first > len(lines):
        return f"The original has {len(lines):,} lines; line {first:,} is behind its end."
    some, low, high = lines[first - 1 :], 1, len(lines) - first + 1
    if counter.count_tokens("\n".join(some)) > room:
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if counter.count_tokens("\n".join(some[:middle])) <= room else (low, middle - 1)
    last = first + high - 1
    told = "\n".join(some[:high])
    while counter.count_tokens(told) > room:  # one line that is longer than the room
        told = told[: len(told) * 3 // 4]
    if last == len(lines):
        return told
    return f"{told}\n(lines {first:,} to {last:,} of {len(lines):,}; ask with from_line {last + 1} for more)"
