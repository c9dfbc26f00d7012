"""The meters of this process: one for each tokenizer family and price list."""

from __future__ import annotations

import functools

from token_guard.counting.cache import CountCache
from token_guard.counting.families import Family, family_of
from token_guard.counting.large import CountStore, LargeCounts
from token_guard.counting.media import MediaPrice, media_price_for
from token_guard.counting.meter import Meter
from token_guard.counting.tools import ToolPrice, tool_price_for

__all__ = ["bound_cache", "keep_large_counts", "meter_for", "own_meter_for"]

NAMES = 4_096
"""Model names whose meter is remembered; names come from clients, so that the number must be bounded."""


@functools.lru_cache(maxsize=NAMES)
def meter_for(model: str) -> Meter:
    """The meter for a model name; an unknown one counts as plain o200k. No name raises and none reaches for a network."""
    return _meter(family_of(model), media_price_for(model), tool_price_for(model))


@functools.lru_cache(maxsize=NAMES)
def own_meter_for(model: str) -> Meter | None:
    """The meter that counts texts by the model's own vocabulary; None where no installed package ships it. Loads it: 0.2 to 0.8 s."""
    own = family_of(model).by_its_own
    return _meter(own, media_price_for(model), tool_price_for(model)) if own else None


def keep_large_counts(store: CountStore) -> None:
    """From now on, look counts of very large texts up in a store, and leave them there."""
    _shared_cache().large = LargeCounts(store)


def bound_cache(max_bytes: int) -> None:
    """From now on, let the counts that this process remembers take so many bytes."""
    _shared_cache().bound(max_bytes)


@functools.cache
def _meter(family: Family, media: MediaPrice, tools: ToolPrice) -> Meter:
    return Meter(family, media, tools, _shared_cache())


@functools.cache
def _shared_cache() -> CountCache:
    return CountCache()
