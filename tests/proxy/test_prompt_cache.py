"""The provider's prompt cache: what would have been read, and who is to blame where it no longer was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from build import agent, say

from token_guard.budget import Budget, ContextLimit
from token_guard.formats.caching import cache_seconds, head_digest
from token_guard.proxy.prompt_cache import Cached, PromptCaches, Turn, cached_in, turn_of
from token_guard.report import Report

HISTORY = agent(60)
KEY = ("s", "d", "k")
TOOL = {"type": "function", "function": {"name": "look", "parameters": {}}}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def turn(messages: Any, forwarded: Any = None, *, before: int = 9_000, after: int = 9_000, **more: Any) -> Turn:
    request = {"model": "gpt-4o", "messages": messages, **more}
    sent = request if forwarded is None else {**request, "messages": forwarded}
    action = "none" if forwarded is None else "compacted"
    report = Report(action, "gpt-4o", ContextLimit(16_000), Budget(12_000, 9_000, 4_000, 4_000), before, after)
    found = turn_of(request, sent, "openai.chat", report)
    assert found
    return found


def second(later: Turn, cached: Cached, *, first: Turn | None = None, pause: float = 1.0, had: int = 8_000) -> Any:
    """What the second answer of a session says, whose first had so many tokens in the cache."""
    clock = Clock()
    caches = PromptCaches(clock)
    caches.answered(KEY, first or turn(HISTORY[:40]), Cached(9_000, had))
    clock.now = pause
    return caches.answered(KEY, later, cached)


LOST = Cached(9_500)
EDITED = [*HISTORY[:4], say("user", "Another one."), *HISTORY[5:44]]


@pytest.mark.parametrize(
    ("later", "pause", "cause"),
    [
        (turn(HISTORY[:44], [*HISTORY[:2], *HISTORY[30:44]], before=9_600, after=3_000), 1.0, "guard"),
        (turn(HISTORY[:44]), 301.0, "time to live"),
        (turn(EDITED), 1.0, "client"),
        (turn(HISTORY[:44], tools=[TOOL]), 1.0, "client"),
        (turn(HISTORY[:44]), 1.0, "provider"),
    ],
)
def test_a_cache_that_collapsed_has_one_cause(later: Turn, pause: float, cause: str) -> None:
    told = second(later, LOST, pause=pause)
    assert (told.cause, told.expected) == (cause, 8_000)


@pytest.mark.parametrize(
    ("cached", "had"), [(Cached(9_500, 8_000), 8_000), (Cached(9_500, 4_000), 8_000), (LOST, 1_000), (LOST, 0)], ids=str
)
def test_a_cache_that_is_read_again_or_held_nothing_has_not_collapsed(cached: Cached, had: int) -> None:
    assert second(turn(HISTORY[:44]), cached, had=had).cause is None


def test_a_cache_that_is_to_be_kept_for_an_hour_has_not_run_out_after_six_minutes() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    marked = [*HISTORY[:43], say("user", [{"type": "text", "text": "Go on.", "cache_control": mark}])]
    assert cache_seconds({"messages": marked}) == 3_600
    assert second(turn(marked), LOST, pause=360.0).cause == "provider"


def test_marks_that_move_along_change_no_prefix() -> None:
    system = [{"type": "text", "text": "Be brief."}]
    marked = [{**system[0], "cache_control": {"type": "ephemeral"}}]
    assert head_digest({"system": system}) == head_digest({"system": marked}) != head_digest({"system": []})


CUT = [*HISTORY[:2], *HISTORY[30:44]]


@pytest.mark.parametrize(
    ("later", "cached", "pause", "without_guard"),
    [
        # the same compaction as before: all but the new would have been read
        (turn(HISTORY[:44], CUT, before=9_600, after=3_600), Cached(3_600, 3_000), 1.0, 9_000),
        # a compaction: nothing was read, and all that was sent before would have been
        (turn(HISTORY[:44], CUT, before=9_600, after=3_600), Cached(3_600), 1.0, 9_000),
        # after a pause nobody would have read anything
        (turn(HISTORY[:44], CUT, before=9_600, after=3_600), Cached(3_600), 301.0, 0),
        # the provider keeps for longer than it says
        (turn(HISTORY[:44], CUT, before=9_600, after=5_600), Cached(5_600, 5_000), 301.0, 9_000),
    ],
)
def test_what_would_have_been_read_without_the_guard(later: Turn, cached: Cached, pause: float, without_guard: int) -> None:
    assert second(later, cached, pause=pause).without_guard == without_guard


def test_where_nothing_is_cached_nothing_would_have_been_read() -> None:
    later = turn(HISTORY[:44], CUT, before=9_600, after=3_600)
    assert second(later, Cached(3_600), had=0).without_guard == 0


def test_sessions_receivers_and_callers_are_apart() -> None:
    caches = PromptCaches()
    caches.answered(KEY, turn(HISTORY[:40]), Cached(9_000, 8_000))
    assert caches.answered(("s", "d", "another"), turn(HISTORY[:44]), LOST).cause is None


def test_what_cannot_be_read_is_no_turn() -> None:
    assert turn_of({"messages": "text"}, {"messages": "text"}, "openai.chat", replace(REPORT)) is None


REPORT = Report("none", "m", ContextLimit(1), Budget(1, 1, 1, 0), 1, 1)


def event(**usage: Any) -> dict[str, Any]:
    return {"standard_logging_object": {"prompt_tokens": 9_000, "metadata": {"usage_object": usage}}}


@pytest.mark.parametrize(
    ("told", "cached"),
    [
        (event(prompt_tokens_details={"cached_tokens": 8_000}), Cached(9_000, 8_000)),
        (event(cache_read_input_tokens=8_000, cache_creation_input_tokens=500), Cached(9_000, 8_000, 500)),
        (event(input_tokens_details={"cached_tokens": 7}), Cached(9_000, 7)),
        (event(prompt_tokens=9_000), Cached(9_000)),
        ({**event(), "cache_hit": True}, None),
        ({}, None),
    ],
)
def test_usage_is_read_in_every_shape(told: Any, cached: Cached | None) -> None:
    assert cached_in(told) == cached
    assert cached is None or cached.uncached == 9_000 - cached.read - cached.written
