"""Clients that have made the provider keep the request short: the guard waits until it does not fit all the same."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic_chat import translated
from build import agent
from responses_rules import as_items

from token_guard import Guard, fit

SESSION = agent(120)
SYSTEM, TURNS = translated(SESSION)
CLEAR_TOOLS = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}, {"type": "clear_tool_uses_20250919"}]}
CLEAR_THINKING = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
COMPACTION = [{"type": "compaction", "compact_threshold": 50_000}]

ASKED: list[Any] = [
    ("anthropic.messages", {"context_management": CLEAR_TOOLS}),
    ("anthropic.messages", {"context_management": {"edits": [{"type": "compact_20260112"}]}}),
    ("openai.responses", {"truncation": "auto"}),
    ("openai.responses", {"context_management": COMPACTION}),
]
NOT_ASKED: list[Any] = [
    ("anthropic.messages", {}),
    ("anthropic.messages", {"context_management": CLEAR_THINKING}),
    ("anthropic.messages", {"context_management": "rubbish"}),
    ("anthropic.messages", {"context_management": {"edits": [None]}}),
    ("openai.responses", {"truncation": "disabled"}),
    ("openai.responses", {"context_management": None}),
]


def request(api: str, more: dict[str, Any]) -> dict[str, Any]:
    talk = {"system": SYSTEM, "messages": TURNS} if api == "anthropic.messages" else {"input": as_items(SESSION)}
    return {"model": "gpt-4o", **talk, **more}


def size(api: str) -> int:
    return fit(request(api, {}), api=api, max_input_tokens=1_000_000).report.tokens_before


def counted(api: str) -> int:
    """The session's tokens; a limit far above it gives a bound only."""
    return fit(request(api, {}), api=api, max_input_tokens=size(api) // 3).report.tokens_before


@pytest.mark.parametrize(("api", "more"), ASKED)
def test_what_fits_is_left_to_the_provider(api: str, more: dict[str, Any]) -> None:
    wire = request(api, more)
    assert fit(wire, api=api, max_input_tokens=counted(api) + 50).request is wire


@pytest.mark.parametrize(("api", "more"), ASKED)
def test_what_does_not_fit_is_fitted_and_the_wish_stays(api: str, more: dict[str, Any]) -> None:
    limit = counted(api) - 200
    fitted = fit(request(api, more), api=api, max_input_tokens=limit)
    assert (fitted.report.action, fitted.report.tokens_after <= limit) == ("compacted", True)
    assert {name: fitted.request[name] for name in more} == more


@pytest.mark.parametrize(("api", "more"), ASKED)
def test_what_the_provider_counted_after_its_edits_teaches_nothing(api: str, more: dict[str, Any]) -> None:
    assert Guard().learn(request(api, more), 500, api=api) is None


@pytest.mark.parametrize(("api", "more"), NOT_ASKED)
def test_without_such_a_wish_room_is_made_ahead(api: str, more: dict[str, Any]) -> None:
    assert fit(request(api, more), api=api, max_input_tokens=counted(api) + 50).report.action == "compacted"
