"""A request that only the estimate makes too long is counted by the model's own vocabulary before it is touched or refused."""

from __future__ import annotations

import pytest

from token_guard import fit, second_look
from token_guard.counting import meter_for, own_meter_for
from token_guard.errors import ContextOverflowError
from token_guard.guard import Guard
from token_guard.settings import Settings

MODEL = "gemini-2.5-pro"
LINE = "The ledger of the month says what was spent on the way, and on what. "
"""Prose, of which the vocabulary counts less than the estimate with its margin."""

pytestmark = pytest.mark.skipif(own_meter_for(MODEL) is None, reason="splintr-rs is not installed: the extra gemini")


def _talk(turns: int) -> list[dict[str, str]]:
    said = [{"role": role, "content": f"{turn}: {LINE * 40}"} for turn in range(turns) for role in ("user", "assistant")]
    return [*said, {"role": "user", "content": "Which month?"}]


def _window(messages: list[dict[str, str]], share: float, monkeypatch: pytest.MonkeyPatch) -> int:
    """A window of which these messages take a share, by the model's own count, beside a reply of 500."""
    own = own_meter_for(MODEL)
    assert own
    window = int(sum(own.text(message["content"]) + 4 for message in messages) / share) + 500
    monkeypatch.setenv("MODEL_LIMIT_GEMINI_2_5_PRO", str(window))
    return window


def _request(messages: list[dict[str, str]]) -> dict[str, object]:
    return {"model": MODEL, "max_tokens": 500, "messages": messages}


def test_what_fits_by_the_models_own_count_is_not_touched_for_the_margin_of_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = _talk(30)
    _window(messages, 0.95, monkeypatch)
    request = _request(messages)
    done = Guard(Settings()).process(request)
    assert done.request is request
    assert (done.report.decided_by, done.report.counted) == ("exact", "exact")
    assert Guard(Settings(exact_seconds=0)).process(request).report.action == "compacted"


def test_what_is_too_long_by_the_models_own_count_is_compacted_as_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = _talk(30)
    _window(messages, 1.1, monkeypatch)
    done, without = (Guard(Settings(exact_seconds=seconds)).process(_request(messages)) for seconds in (3.0, 0.0))
    assert done.report.action == "compacted"
    assert done.request == without.request


def test_what_certainly_fits_is_not_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = _talk(30)
    _window(messages, 0.4, monkeypatch)
    report = Guard(Settings()).process(_request(messages)).report
    assert report.decided_by != "exact"
    assert report.counted in ("estimate", "bound")
    assert report.margin > 0.1


def test_what_would_take_too_long_is_left_to_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = _talk(30)
    _window(messages, 0.95, monkeypatch)
    assert Guard(Settings(exact_seconds=0.001)).process(_request(messages)).report.decided_by != "exact"


def test_a_hard_cap_is_in_counts_of_the_estimate() -> None:
    messages = _talk(30)
    cap = sum(meter_for(MODEL).text(message["content"]) for message in messages) // 2
    assert fit(_request(messages), max_input_tokens=cap).report.tokens_after <= cap


def test_nothing_is_refused_that_fits_by_the_models_own_count(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "word\n" * 9_000  # a line break of its own is a token to Gemma, too: the estimate counts it twice
    own = own_meter_for(MODEL)
    assert own
    monkeypatch.setenv("MODEL_LIMIT_GEMINI_2_5_PRO", str(int(own.text(lines) * 1.1) + 500))
    system = {"role": "system", "content": lines}
    request = {"model": MODEL, "max_tokens": 300, "messages": [system, {"role": "user", "content": "Go on."}]}
    with pytest.raises(ContextOverflowError):
        Guard(Settings(exact_seconds=0)).process(request)
    assert Guard(Settings()).process(request).request is request


def test_answers_teach_the_own_count_beside_the_estimate() -> None:
    guard, request = Guard(Settings()), _request(_talk(10))
    guard.learn(request, 9_000)
    own = own_meter_for(MODEL)
    assert own
    (sample,) = guard.calibrations.get(f"{MODEL} by its own").samples
    chat = sum(own.text(str(message["content"])) + 4 for message in _talk(10)) + 3
    assert sample.estimate == chat
    assert guard.calibrations.get(MODEL).samples[0].estimate != chat


def test_what_is_in_more_texts_than_any_session_has_is_not_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = _talk(30)
    _window(messages, 0.95, monkeypatch)
    monkeypatch.setattr(second_look, "MOST_TEXTS", len(messages) - 1, raising=False)
    report = Guard(Settings()).process(_request(messages)).report
    assert (report.action, report.decided_by) == ("compacted", "count")
