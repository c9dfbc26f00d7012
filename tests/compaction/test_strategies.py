"""Strategies: each name has its passes, and whatever they do, requests fit and stay valid, and the laws of replay hold."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from build import Characters, agent, answer, call, listing, parsed, result, say, texts

from token_guard import Guard, Settings, fit
from token_guard.compaction import Draft, Goal, Ledger
from token_guard.compaction.strategies import STRATEGIES, passes
from token_guard.compaction.summarize_old import SummarizeOld
from token_guard.conversation import Message
from token_guard.counting import meter_for
from token_guard.errors import ConfigError
from token_guard.marks import is_note
from token_guard.validity.rules import complaint

COUNTER = Characters()
SESSION = parsed(agent(12))
SIZE = COUNTER.messages(SESSION)
CHAT = [
    say("system", "You must never guess."),
    *[
        wire
        for turn in range(40)
        for wire in (say("user", f"Question {turn}: {listing(turn, 6)}"), answer(f"Answer {turn}: {listing(turn, 6)}"))
    ],
    say("user", "And what was Question 3?"),
]
NAMES = sorted(STRATEGIES)


def guard(strategy: str, **options: Any) -> Guard:
    return Guard(Settings(strategy=strategy, **options))  # type: ignore[arg-type]


def summarized(window: float, target: int) -> tuple[Message, ...]:
    return SummarizeOld(window=window)(Draft(SESSION), Goal(target, SIZE), COUNTER).messages


# -- names ---------------------------------------------------------------------------------------------------------------


def test_the_setting_takes_the_names_of_the_table() -> None:
    assert set(get_args(Settings.model_fields["strategy"].annotation)) == STRATEGIES.keys()


@pytest.mark.parametrize(
    ("strategy", "names"),
    [
        ("adaptive", ["mask_observations", "deduplicate", "summarize", "mask_observations", "truncate"]),
        ("sliding_window", ["truncate"]),
        ("summarization", ["summarize", "truncate"]),
        ("hybrid", ["summarize", "truncate"]),
    ],
)
def test_a_strategy_is_a_row_of_passes(strategy: str, names: list[str]) -> None:
    assert [step.name for step in passes(Settings(strategy=strategy))] == names  # type: ignore[arg-type]


def test_options_of_the_passes_reach_every_strategy() -> None:
    options = {"summarize": {"max_directives": 3}, "truncate": {"min_tokens": 9}}
    for strategy in ("summarization", "hybrid"):
        old, window = passes(Settings.load({"strategy": strategy, **options}))
        assert isinstance(old, SummarizeOld)
        assert (old.summarize.max_directives, getattr(window, "min_tokens", None)) == (3, 9)


# -- where the name comes from -------------------------------------------------------------------------------------------


def test_default_strategy_in_the_environment_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEFAULT_STRATEGY", "hybrid")
    assert Settings.load().strategy == Settings().strategy == "hybrid"


def test_the_file_and_the_own_variable_win_over_default_strategy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEFAULT_STRATEGY", "hybrid")
    assert Settings.load({"strategy": "adaptive"}).strategy == "adaptive"
    monkeypatch.setenv("TOKEN_GUARD_STRATEGY", "summarization")
    assert Settings.load({"strategy": "adaptive"}).strategy == "summarization"


@pytest.mark.parametrize("place", ["DEFAULT_STRATEGY", "TOKEN_GUARD_STRATEGY"])
def test_a_wrong_name_is_an_error_that_lists_the_right_ones(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv(place, "fast")
    with pytest.raises(ConfigError) as raised:
        Settings.load()
    assert all(name in str(raised.value) for name in (*STRATEGIES, "'fast'"))
    assert ("DEFAULT_STRATEGY" in str(raised.value)) == (place == "DEFAULT_STRATEGY")


def test_a_wrong_default_strategy_that_is_not_used_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEFAULT_STRATEGY", "of another tool")
    assert Settings.load({"strategy": "hybrid"}).strategy == "hybrid"


# -- what they do --------------------------------------------------------------------------------------------------------


def test_a_sliding_window_remembers_nothing_that_nobody_will_read() -> None:
    (window,) = passes(Settings(strategy="sliding_window"))
    messages = tuple(parsed([say("user" if place % 2 else "assistant", f"word {place} " * 40) for place in range(40)]))
    done = window(Draft(messages), Goal(2_000, 3_000), Characters())
    assert len(done.messages) < len(messages)
    assert done.ledger == Ledger()


def test_a_sliding_window_puts_nothing_in_the_place_of_what_goes() -> None:
    request = {"model": "gpt-4o", "messages": agent(120)}
    messages = fit(request, max_input_tokens=8_000, settings=Settings(strategy="sliding_window")).request["messages"]
    assert all(message in request["messages"] for message in messages)
    assert messages[:2] == request["messages"][:2]


def test_summarization_takes_every_exchange_but_the_last_turn() -> None:
    messages = summarized(0.0, SIZE // 2)
    assert [message.index for message in messages if not is_note(message)] == [0, 1, len(SESSION) - 2, len(SESSION) - 1]
    assert len([message for message in messages if is_note(message)]) == 1


def test_hybrid_keeps_the_newest_exchanges_as_they_came_up_to_half_of_the_target() -> None:
    target = SIZE // 2
    messages = summarized(0.5, target)
    window = [message for message in messages if message.index is not None and 1 < message.index < len(SESSION) - 2]
    assert [message.index for message in window] == list(range(len(SESSION) - 2 - len(window), len(SESSION) - 2))
    assert target // 4 < COUNTER.messages(window) <= target // 2
    assert not any(message.edited for message in window)


def test_the_note_stands_before_the_window() -> None:
    messages = summarized(0.5, SIZE // 2)
    assert [is_note(message) for message in messages] == [False, False, True, *[False] * (len(messages) - 3)]


def test_a_summary_names_what_it_stands_for() -> None:
    note = next(message for message in summarized(0.0, SIZE // 2) if is_note(message))
    assert "22 earlier messages" in texts([note])
    assert "src/module_" in texts([note])


def test_what_meets_the_target_is_left_alone() -> None:
    assert summarized(0.0, SIZE) == SESSION


# -- laws ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", NAMES)
@pytest.mark.parametrize("wires", [agent(120), CHAT], ids=["agent", "chat"])
@pytest.mark.parametrize("cap", [3_000, 8_000])
def test_every_strategy_fits_breaks_no_rule_and_keeps_what_must_stay(strategy: str, wires: list[Any], cap: int) -> None:
    request = {"model": "gpt-4o", "messages": wires}
    fitted = guard(strategy).process(request, max_input_tokens=cap)
    messages = fitted.request["messages"]
    assert fitted.report.action == "compacted"
    assert meter_for("gpt-4o").messages(parsed(messages)) + 3 <= cap
    assert messages[0] == wires[0]
    assert messages[-1]["content"].startswith(wires[-1]["content"])


@pytest.mark.parametrize("strategy", NAMES)
def test_a_turn_starts_with_what_the_turn_before_was_sent_except_where_an_epoch_opened(strategy: str) -> None:
    wires, here = agent(90), guard(strategy)
    before, epochs = [], 0
    for end in range(2, len(wires) + 1, 2):
        fitted = here.process({"model": "gpt-4o", "messages": wires[:end]}, max_input_tokens=8_000)
        messages = list(fitted.request["messages"])
        assert messages[: len(before)] == before or fitted.report.epochs > epochs
        before, epochs = messages, fitted.report.epochs
    assert epochs > 1


@pytest.mark.parametrize("strategy", NAMES)
def test_the_same_history_gives_the_same_bytes_without_a_memo_and_again(strategy: str) -> None:
    warm, request = guard(strategy), {"model": "gpt-4o", "messages": agent(120)}
    for end in range(2, 240, 2):
        warm.process({**request, "messages": request["messages"][:end]}, max_input_tokens=8_000)
    outputs = {json.dumps(one.process(request, max_input_tokens=8_000).request) for one in (warm, guard(strategy), guard(strategy))}
    assert len(outputs) == 1


@pytest.mark.parametrize("strategy", NAMES)
def test_fitting_twice_is_fitting_once(strategy: str) -> None:
    once = guard(strategy).process({"model": "gpt-4o", "messages": agent(120)}, max_input_tokens=8_000).request
    assert guard(strategy).process(once, max_input_tokens=8_000).request is once


def test_a_call_and_its_result_are_never_parted_by_the_window() -> None:
    wires = [say("user", "go"), *[wire for number in range(9) for wire in (call(str(number)), result(str(number), listing(number, 9)))]]
    history = parsed(wires)
    for share in (0.1, 0.3, 0.5, 0.9):
        goal = Goal(COUNTER.messages(history) // 2, COUNTER.messages(history))
        assert complaint(history, SummarizeOld(window=share)(Draft(history), goal, COUNTER).messages) is None
