"""What LiteLLM's spend log is told of a request: the tokens that were removed, and what that saved.

A prompt cache makes most of what is removed cheap: what the provider would have read from it counts a tenth. What a compaction makes
it read anew, and summaries that were bought, are debts; a request that saves pays them off before it is said to have saved anything,
because LiteLLM counts no loss.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cachetools import LRUCache

from token_guard.proxy.attempt import KEY, Attempt, metadata_of
from token_guard.proxy.fields import fields_of
from token_guard.report import Report

__all__ = ["CACHED_SHARE", "Debts", "Saved", "forget_savings", "record_savings", "saved_tokens", "settle_savings"]

CACHED_SHARE: Final = 0.1
"""What a token costs that is read from a prompt cache, as a share of one that is not: with all large providers a tenth, or more."""

_CALLERS: Final = 10_000
"""Callers whose debts are remembered."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What one request saved, in prompt tokens at their full price: as it is, and after the debts that it paid off."""

    tokens: int
    net: int


class Debts:
    """What was spent for later requests, by who pays, in prompt tokens and in money; thread-safe."""

    def __init__(self) -> None:
        self._owed: LRUCache[str, tuple[float, float]] = LRUCache(_CALLERS)
        self._lock = threading.Lock()

    def owe(self, caller: str, *, tokens: float = 0.0, money: float = 0.0) -> None:
        """Note what was spent: money where its amount is known, else tokens."""
        with self._lock:
            owed = self._owed.get(caller, (0.0, 0.0))
            self._owed[caller] = owed[0] + tokens, owed[1] + money

    def settle(self, caller: str, tokens: int, price: float) -> Saved:
        """What is left of so many saved tokens when the caller's debts are paid off; what is lost becomes a debt. A price of 0 is unknown,
        and debts of money then wait."""
        with self._lock:
            owed, money = self._owed.pop(caller, (0.0, 0.0))
            if price > 0:
                owed, money = owed + money / price, 0.0
            left = tokens - owed
            if left < 0 or money:
                self._owed[caller] = max(0.0, -left), money
            return Saved(tokens, max(0, round(left)))


def saved_tokens(tokens_before: int, tokens_after: int, *, would_be_read: int, read: int) -> int:
    """What forwarding less saved, in prompt tokens at their full price; negative where a cache had to be written anew.

    >>> saved_tokens(50_000, 10_000, would_be_read=0, read=0)
    40000
    >>> saved_tokens(50_000, 10_000, would_be_read=50_000, read=10_000)
    4000
    >>> saved_tokens(50_000, 10_000, would_be_read=50_000, read=0)
    -5000
    """
    discount = 1 - CACHED_SHARE
    return round((tokens_before - discount * min(would_be_read, tokens_before)) - (tokens_after - discount * min(read, tokens_after)))


def record_savings(attempt: Attempt, report: Report, *, changed: bool) -> None:
    """Tell LiteLLM's spend log what was done in this attempt, beside the operator's own fields; and what was removed, in its own field.

    What that saved is settled when the provider has said what it read from its cache.
    """
    metadata = metadata_of(attempt.request, KEY)
    if metadata is None or KEY not in metadata:
        return
    if changed:
        metadata["compression_savings"] = _savings(report, report.tokens_before - report.tokens_after)
    metadata["spend_logs_metadata"] = {**_spend_log(metadata), KEY: fields_of(report)}


def settle_savings(metadata: dict[str, Any], report: Report, saved: Saved) -> None:
    """Put what was saved in truth in the place of what was removed, before anybody logs it."""
    metadata["compression_savings"] = _savings(report, saved.net)
    own = _spend_log(metadata).get(KEY)
    told = {**(own if isinstance(own, Mapping) else {}), "tokens_saved": saved.tokens, "tokens_saved_net": saved.net}
    metadata["spend_logs_metadata"] = {**_spend_log(metadata), KEY: told}


def forget_savings(attempt: Attempt) -> None:
    """Take out what was recorded for the attempt before this one, whose metadata a fallback inherits."""
    metadata = metadata_of(attempt.request, KEY)
    if metadata is None or KEY not in _spend_log(metadata):
        return
    metadata.pop("compression_savings", None)
    metadata["spend_logs_metadata"] = {name: value for name, value in _spend_log(metadata).items() if name != KEY}


def _savings(report: Report, tokens: int) -> dict[str, Any]:
    return {"tokens_before": report.tokens_before, "tokens_after": report.tokens_after, "tokens_saved": max(0, tokens), "source": KEY}


def _spend_log(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = metadata.get("spend_logs_metadata")
    return fields if isinstance(fields, Mapping) else {}
