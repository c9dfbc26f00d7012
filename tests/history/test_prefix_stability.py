"""Whatever API a session comes through, as much of each forwarded request repeats the one before: the provider's prompt cache stays warm."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import pytest
from recorded_requests import AS

from token_guard import Guard, Settings
from token_guard.counting import meter_for

MODEL = "gpt-4o"
"""One model for all APIs, so that all have the same budget."""
TOLERANCE = 0.015
"""Messages carries sealed reasoning, which takes room that the other two wires do not need: its epochs come a little earlier."""
SESSIONS = 3
"""By default the shortest sessions of each file that are three times the budget (two differ by chance); with ALL_REQUESTS=1 all."""

FIELDS = {"openai.chat": "messages", "anthropic.messages": "messages", "openai.responses": "input"}
Head = Callable[[Mapping[str, Any]], list[Any]]
HEADS: Mapping[str, Head] = {
    "openai.chat": lambda request: request["messages"],
    "anthropic.messages": lambda request: [request.get("system"), *request["messages"]],
    "openai.responses": lambda request: [request.get("instructions"), *request["input"]],
}
"""What a provider caches of a request, from its start."""


def cache_hits(api: str, sessions: list[dict[str, Any]], budget: int) -> float:
    """The share of the forwarded tokens that repeat the beginning of the request before."""
    sent = repeated = 0
    for record in sessions:
        before: list[str] = []
        for now in forwarded(api, record["messages"], budget):
            sizes = list(map(size, now))
            sent += sum(sizes)
            repeated += sum(sizes[: common(before, now)])
            before = now
    return repeated / sent


def forwarded(api: str, messages: list[dict[str, Any]], budget: int) -> Iterator[list[str]]:
    """What arrives of each request of a session, message by message."""
    fit, field, whole = partial(Guard(Settings()).process, api=api, max_input_tokens=budget), FIELDS[api], AS[api](messages)
    replies = [wire.get("role") == "assistant" or wire.get("type") in ("reasoning", "function_call") for wire in whole[field]]
    for end in (place for place, reply in enumerate(replies) if reply and place and not replies[place - 1]):
        done = fit({"model": MODEL, **whole, field: whole[field][:end]})
        assert done.report.action in ("none", "compacted")
        yield [json.dumps(message) for message in HEADS[api](done.request)]


def common(before: list[str], now: list[str]) -> int:
    return next((place for place, (old, new) in enumerate(zip(before, now, strict=False)) if old != new), min(len(before), len(now)))


def length(record: dict[str, Any]) -> float:
    """Its tokens, roughly."""
    return len(json.dumps(record["messages"])) / 4


@cache
def size(message: str) -> int:
    return meter_for(MODEL).text(message)


@pytest.mark.parametrize(("file", "budget"), [("coding_agents", 16_000), ("agent_sessions", 32_000)])
def test_prompt_cache_hits_are_what_they_are_on_chat(corpus: Any, file: str, budget: int) -> None:
    long = sorted((record for record in corpus(file) if length(record) > 3 * budget), key=length)
    sessions = list(corpus(file)) if os.environ.get("ALL_REQUESTS") else long[:SESSIONS]
    hits = {api: cache_hits(api, sessions, budget) for api in HEADS}
    print(f"{file}, {len(sessions)} sessions at {budget:,} tokens:", {api: round(share, 4) for api, share in hits.items()})
    assert min(hits.values()) > 0.85
    assert min(hits.values()) > hits["openai.chat"] - TOLERANCE
