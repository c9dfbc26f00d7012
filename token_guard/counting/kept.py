"""Counts that are kept under the digest of what was counted and the tokenizer: in memory, behind it in a store."""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import NamedTuple

from token_guard.counting.families import Family, family_of
from token_guard.counting.large import CountStore
from token_guard.counting.scripts import WEIGHTS

__all__ = ["CacheUse", "KeptCounts", "Tokens", "digest_of", "hasher", "tokenizer_key", "tokenizer_of"]

SECTION = "service"

CAPACITY = 200_000
"""Counts in memory, each of about 300 bytes: more texts than a large source tree has files."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What something counts, and for a request where its tokens are (empty for text)."""

    tokens: int
    split: Mapping[str, int] = field(default_factory=dict)


class CacheUse(NamedTuple):
    """How often a count was at hand, in memory or in the store, and how often it had to be made."""

    hits: int
    misses: int


class KeptCounts:
    """The two levels; safe to share between threads. Without a store it is memory alone."""

    __slots__ = ("_hits", "_lock", "_misses", "_near", "_store")

    def __init__(self, store: CountStore | None = None) -> None:
        self._store = store
        self._near: dict[str, Tokens] = {}
        self._lock = threading.Lock()
        self._hits = self._misses = 0

    @property
    def use(self) -> CacheUse:
        """Hits and misses so far."""
        return CacheUse(self._hits, self._misses)

    def get(self, key: str, *, far: bool = True) -> Tokens | None:
        """The count under a key; without `far` only memory is asked, for what is counted sooner than a store answers."""
        found = self._near.get(key) or (self._from_store(key) if far else None)
        self.note(found is not None)
        return found

    def put(self, key: str, tokens: Tokens, *, far: bool = True) -> None:
        """Keep a count."""
        self._remember(key, tokens)
        if far and self._store is not None:
            self._store.put(SECTION, key, json.dumps([tokens.tokens, dict(tokens.split)]))

    def note(self, hit: bool) -> None:
        """One more hit, or one more miss."""
        with self._lock:
            self._hits += hit
            self._misses += not hit

    def _remember(self, key: str, tokens: Tokens) -> None:
        with self._lock:
            while len(self._near) >= CAPACITY:
                del self._near[next(iter(self._near))]
            self._near[key] = tokens

    def _from_store(self, key: str) -> Tokens | None:
        written = self._store.get(SECTION, key) if self._store is not None else None
        found = _read(written) if written else None
        if found is not None:
            self._remember(key, found)
        return found


def _read(written: str) -> Tokens | None:
    """The count that was written; None for what another version wrote otherwise."""
    try:
        tokens, split = json.loads(written)
        return Tokens(int(tokens), {str(name): int(number) for name, number in split.items()})
    except (ValueError, TypeError, AttributeError):
        return None


def hasher() -> hashlib.blake2b:
    """What digests of contents are made with."""
    return hashlib.blake2b(digest_size=16)


def digest_of(content: bytes) -> str:
    """The digest of a content."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def tokenizer_of(model: str) -> Family:
    """The family that texts of a model are counted by: its own vocabulary where a package at hand ships it.

    >>> tokenizer_of("gpt-4o").name
    'o200k_base'
    """
    family = family_of(model)
    return family.by_its_own or family


@functools.lru_cache(maxsize=4_096)
def tokenizer_key(model: str) -> str:
    """What counts for a model are kept under: another one where the family's numbers or this package are others."""
    family = tokenizer_of(model)
    weights = sorted(WEIGHTS.get(family.name, {}).items())
    return f"{family.name}:{digest_of(repr((family, weights, version('token-guard'))).encode())[:8]}"
