"""Recorded requests in the shape of each API: read and written without loss, and what the guard does not know survives every pass."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest
from anthropic_rules import cache_marks, thinking_of
from recorded_requests import AS, heads

from token_guard import fit
from token_guard.conversation import Conversation
from token_guard.formats import FORMATS
from token_guard.settings import Settings

FILES = ("agent_sessions", "anthropic_messages", "coding_agents", "long_dialogues_qa", "multilingual", "tool_dialogues")
PREFIXES = 4
"""Requests of each session beside its longest one, of which all are the beginnings."""
MESSAGES = {"openai.chat": "messages", "anthropic.messages": "messages", "openai.responses": "input"}
WRITTEN = {"text", "content", "input", "arguments", "output", "function", "tool_calls"}
"""Fields whose values a pass may write."""


def recorded(corpus: Any, file: str, api: str) -> Iterator[dict[str, Any]]:
    for record in corpus(file):
        messages = record["messages"]
        for history in (*heads(messages, 1 + sum(message["role"] == "assistant" for message in messages) // PREFIXES), messages):
            yield {"model": "gpt-4o", **AS[api](history)}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("api", MESSAGES)
def test_recorded_requests_come_back_as_the_same_object(corpus: Any, file: str, api: str) -> None:
    if file == "anthropic_messages" and api != "anthropic.messages":
        pytest.skip("recorded as Anthropic's")
    for request in recorded(corpus, file, api):
        before = json.dumps(request)
        parsed = FORMATS[api].parse(request)
        assert isinstance(parsed, Conversation)
        assert FORMATS[api].render(parsed) is request
        assert json.dumps(request) == before


# -- what is unknown -----------------------------------------------------------------------------------------------------


def signed(value: Any, place: str = "") -> Any:
    """The same wire value with a field of a vendor's own in each object that has a role or a type."""
    if isinstance(value, list):
        return [signed(inner, f"{place}.{number}") for number, inner in enumerate(value)]
    if not isinstance(value, dict):
        return value
    fields = {key: inner if key in ("input", "source") else signed(inner, f"{place}.{key}") for key, inner in value.items()}
    return {**fields, "vendor": place} if "role" in value or "type" in value else fields


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """All objects in a wire value that have a role or a type, from the outside in."""
    if isinstance(value, dict):
        if "role" in value or "type" in value:
            yield value
        value = [inner for key, inner in value.items() if key not in ("input", "source")]
    for inner in value if isinstance(value, list) else ():
        yield from objects(inner)


def unwritten(wire: Mapping[str, Any]) -> dict[str, Any]:
    return {key: inner for key, inner in wire.items() if key not in WRITTEN}


def marked(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With a cache mark of its own on three blocks, as Claude Code marks the end of a turn."""
    places = {len(messages) // 4, len(messages) // 2, len(messages) - 1}
    return [_marked(message, place) if place in places else message for place, message in enumerate(messages)]


def _marked(message: dict[str, Any], place: int) -> dict[str, Any]:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return {**message, "content": [*blocks[:-1], {**blocks[-1], "cache_control": {"type": "ephemeral", "place": place}}]}


LONG = 0 if os.environ.get("ALL_REQUESTS") else 3
"""The longest recording of an agent, or by default one of the same agent's that is less than half as long: 200,000 tokens."""
SESSIONS = {
    "openai.chat": ("agent_sessions", LONG),
    "anthropic.messages": ("anthropic_messages", 1),
    "openai.responses": ("agent_sessions", LONG),
}
BUDGETS = (24_000, 12_000, 8_000)
"""From a few masks to all passes."""


@pytest.mark.parametrize("api", MESSAGES)
def test_what_the_guard_does_not_know_survives_every_pass(corpus: Any, api: str) -> None:
    file, number = SESSIONS[api]
    request = {"model": "gpt-4o", **AS[api](list(heads(corpus(file)[number]["messages"]))[-1])}
    request = {**request, MESSAGES[api]: signed(request[MESSAGES[api]]), "vendor": {"a": 1}}
    known = {wire["vendor"]: wire for wire in objects(request[MESSAGES[api]])}
    passes = set()
    for budget, policy in product(BUDGETS, ("ahead", "overflow")):
        done = fit(request, api=api, max_input_tokens=budget, settings=Settings(policy=policy))
        kept = [wire for wire in objects(done.request[MESSAGES[api]]) if "vendor" in wire]
        assert len(kept) > 10
        assert [unwritten(wire) for wire in kept] == [unwritten(known[wire["vendor"]]) for wire in kept]
        assert {**done.request, MESSAGES[api]: ()} == {**request, MESSAGES[api]: ()}
        passes |= {step.name for step in done.report.steps if step.tokens_after < step.tokens_before}
    assert passes >= {"mask_observations", "summarize"}


@pytest.mark.parametrize("budget", BUDGETS)
def test_signatures_and_cache_marks_survive_every_pass(corpus: Any, budget: int) -> None:
    for record in corpus("anthropic_messages")[::2]:
        request = AS["anthropic.messages"](list(heads(record["messages"]))[-1])
        request = {"model": "claude-sonnet-4-5", **request, "messages": marked(request["messages"])}
        done = fit(request, api="anthropic.messages", max_input_tokens=budget).request["messages"]
        assert set(thinking_of(done)) <= set(thinking_of(request["messages"]))
        assert last_thinking(done) == last_thinking(request["messages"])
        marks = [mark["place"] for mark in cache_marks(done)]
        assert marks == [mark["place"] for mark in cache_marks(request["messages"]) if mark["place"] in marks]
        assert marks[-1] == len(request["messages"]) - 1


def last_thinking(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return list(thinking_of([next(message for message in reversed(messages) if message["role"] == "assistant")]))
