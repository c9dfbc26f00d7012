"""What is decided before messages are looked at is worked out once for plain requests, and anew when something new is known."""

from __future__ import annotations

from typing import Any

import pytest

from token_guard import guard as guard_module
from token_guard.guard import Guard
from token_guard.settings import Settings

CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Which ledger?"}]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every case that is opened."""
    found: list[Any] = []
    open_case = guard_module.open_case

    def open_and_note(*given: Any) -> Any:
        found.append(open_case(*given))
        return found[-1]

    monkeypatch.setattr(guard_module, "open_case", open_and_note)
    return found


def test_a_case_is_opened_once_for_plain_requests_that_are_alike(opened: list[Any]) -> None:
    guard = Guard(Settings())
    reports = [guard.process({"model": "gpt-4o", "messages": CHAT}).report for _ in range(3)]
    assert len(opened) == 1
    assert len({(report.tokens_before, report.budget, report.limit) for report in reports}) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"max_tokens": 4_000},
        {"model": "claude-sonnet-4-5"},
        {"tools": [{"type": "function", "function": {"name": "ls", "parameters": {}}}]},
        {"extra_body": {"tools": [{"type": "function", "function": {"name": "ls", "parameters": {}}}]}},
        {"transforms": ["middle-out"]},
    ],
)
def test_another_request_has_a_case_of_its_own(opened: list[Any], other: dict[str, Any]) -> None:
    guard = Guard(Settings())
    guard.process({"model": "gpt-4o", "messages": CHAT})
    alone = Guard(Settings()).process({"model": "gpt-4o", "messages": CHAT, **other}).report
    after = guard.process({"model": "gpt-4o", "messages": CHAT, **other}).report
    assert len(opened) == 3
    assert (after.budget, after.limit, after.tokens_before) == (alone.budget, alone.limit, alone.tokens_before)


def test_what_is_learned_counts_at_once(opened: list[Any]) -> None:
    guard = Guard(Settings())
    request = {"model": "gpt-4o", "messages": CHAT}
    before = guard.process(request).report
    guard.learn(request, 40)
    after = guard.process(request).report
    assert before.correction is None
    assert after.correction is not None


def test_a_compacted_request_is_compacted_like_one_that_comes_first() -> None:
    talk = [{"role": role, "content": f"{n}: " + "the ledger of the month " * 400} for n in range(40) for role in ("user", "assistant")]
    request = {"model": "gpt-4", "messages": [*talk, {"role": "user", "content": "Which one?"}]}
    guard = Guard(Settings())
    guard.process({"model": "gpt-4", "messages": CHAT})
    assert guard.process(request).request == Guard(Settings()).process(request).request
