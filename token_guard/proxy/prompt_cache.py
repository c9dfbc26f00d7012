"""The provider's prompt cache, session by session: what it read again, and why it no longer had what it had."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cachetools import LRUCache

from token_guard.conversation import Conversation, Message
from token_guard.formats import format_for
from token_guard.formats.caching import cache_seconds, head_digest
from token_guard.history.fingerprint import session_of
from token_guard.history.states import chain
from token_guard.report import Report

__all__ = ["LEAST_CACHED", "Answered", "Cached", "PromptCaches", "Turn", "cached_in", "turn_of"]

LEAST_CACHED: Final = 1_024
"""No provider caches a shorter prompt, and the loss of less is none."""

COLLAPSED: Final = 0.5
"""Less than this share of what was cached is read again: marks that moved and what providers round off cost much less."""

_SESSIONS: Final = 10_000
"""Sessions remembered, least recently answered out first: about 400 bytes each."""


@dataclass(frozen=True, slots=True)
class Cached:
    """What a provider said of one prompt, in its own tokens: all of it, what was read from its cache, and what was written into it."""

    prompt: int = 0
    read: int = 0
    written: int = 0

    @property
    def uncached(self) -> int:
        """The rest, which was neither."""
        return max(0, self.prompt - self.read - self.written)


@dataclass(frozen=True, slots=True)
class _Prefix:
    """A request that was sent, as later ones are compared with it: its head, and its messages by their digest."""

    head: bytes
    messages: int
    digest: bytes

    def begins(self, head: bytes, keys: Sequence[bytes]) -> bool:
        """Whether a request with this head and these digests of all its beginnings begins with it."""
        return head == self.head and len(keys) > self.messages and keys[self.messages] == self.digest


@dataclass(frozen=True, slots=True)
class Turn:
    """One answered request of a session: what the client sent, what was forwarded, and how large both were as the guard counts."""

    session: str
    tokens_before: int
    tokens_after: int
    head: bytes
    client: tuple[bytes, ...]
    forwarded: tuple[bytes, ...]
    keeps_seconds: float


@dataclass(frozen=True, slots=True)
class _Before:
    """What is remembered of the turn before."""

    at: float
    tokens_before: int
    cached: int
    client: _Prefix
    forwarded: _Prefix


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer says of a session's cache: the tokens that would have been read from it without the guard, and the cause where
    it has collapsed, with what had been expected."""

    without_guard: int
    cause: str | None = None
    expected: int = 0


class PromptCaches:
    """The last turn of each session; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._turns: LRUCache[tuple[str, ...], _Before] = LRUCache(_SESSIONS)
        self._clock = clock
        self._lock = threading.Lock()

    def answered(self, key: tuple[str, ...], turn: Turn, cached: Cached) -> Answered:
        """What the answer to a turn says; `key` is the session at its receiver, for its caller."""
        now = self._clock()
        before = self._exchanged(key, turn, cached, now)
        cause = _cause(before, turn, cached, now) if before else None
        return Answered(_without_guard(before, turn, cached, now, cause), cause, before.cached if before else 0)

    def _exchanged(self, key: tuple[str, ...], turn: Turn, cached: Cached, now: float) -> _Before | None:
        client, forwarded = (_Prefix(turn.head, len(keys) - 1, keys[-1]) for keys in (turn.client, turn.forwarded))
        with self._lock:
            before = self._turns.get(key)
            self._turns[key] = _Before(now, turn.tokens_before, cached.read + cached.written, client, forwarded)
        return before


def _cause(before: _Before, turn: Turn, cached: Cached, now: float) -> str | None:
    """Why the provider read less than half of what it had; None where it did not."""
    if before.cached < LEAST_CACHED or cached.read >= COLLAPSED * before.cached:
        return None
    if now - before.at > turn.keeps_seconds:
        return "time to live"
    if not before.client.begins(turn.head, turn.client):
        return "client"
    return "provider" if before.forwarded.begins(turn.head, turn.forwarded) else "guard"


def _without_guard(before: _Before | None, turn: Turn, cached: Cached, now: float, cause: str | None) -> int:
    """The tokens of the client's request that its provider would have read from its cache had it got them all, turn after turn.

    None of them where it caches nothing, or would have lost it as well. Else all that the client had sent before; and where something
    was read, at least that with all that was taken out, which had been sent before, too.
    """
    if cause in ("time to live", "client", "provider"):
        return 0
    lives = before is not None and before.cached > 0 and now - before.at <= turn.keeps_seconds
    sent_before = before.tokens_before if before and lives else 0
    known = cached.read + turn.tokens_before - turn.tokens_after if cached.read else 0
    return min(turn.tokens_before, max(sent_before, known))


def turn_of(request: Mapping[str, Any], forwarded: Mapping[str, Any], api: str, report: Report) -> Turn | None:
    """An attempt as a turn of its session; None where it cannot be read."""
    client = _messages(request, api)
    sent = client if forwarded is request else _messages(forwarded, api)
    if client is None or sent is None:
        return None
    keys = tuple(chain(client, b""))
    return Turn(
        session=session_of(request, client),
        tokens_before=report.tokens_before,
        tokens_after=report.tokens_after,
        head=head_digest(request),
        client=keys,
        forwarded=keys if sent is client else tuple(chain(sent, b"")),
        keeps_seconds=cache_seconds(request),
    )


def _messages(request: Mapping[str, Any], api: str) -> Sequence[Message] | None:
    format_ = format_for(api, request)
    parsed = format_.parse(request) if format_ else None
    return parsed.messages if isinstance(parsed, Conversation) else None


def cached_in(event: Mapping[str, Any]) -> Cached | None:
    """The prompt of a success event of LiteLLM's, as the provider counted it; None where it was not asked, or did not count."""
    payload = event.get("standard_logging_object") or {}
    usage = (payload.get("metadata") or {}).get("usage_object")
    tokens = payload.get("prompt_tokens")
    if event.get("cache_hit") or not isinstance(usage, Mapping) or not isinstance(tokens, int) or tokens <= 0:
        return None
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    read = _first(usage, details, ("cache_read_input_tokens", "cached_tokens"))
    written = _first(usage, details, ("cache_creation_input_tokens", "cache_creation_tokens", "cache_write_tokens"))
    return Cached(tokens, min(read, tokens), min(written, tokens))


def _first(usage: Mapping[str, Any], details: Mapping[str, Any], names: Sequence[str]) -> int:
    """The first count under these names that is one."""
    for place in (usage, details):
        for name in names:
            if isinstance(value := place.get(name), int) and value > 0:
                return value
    return 0
