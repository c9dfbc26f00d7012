"""The last hour of requests: what is kept, for how long, and for whom."""

from __future__ import annotations

from itertools import count

import pytest

from token_guard.budget import Budget, ContextLimit
from token_guard.report import Correction, Report
from token_guard.sessions import recent
from token_guard.sessions.recent import Recent


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def report(action="none", before=100, after=100, seconds=0.01, model="m", allowed=1_000) -> Report:
    return Report(action, model, ContextLimit(2_000), Budget(allowed, 800, 300, 0), before, after, seconds=seconds)


def test_figures_are_those_of_the_last_hour() -> None:
    clock = Clock()
    kept = Recent(clock=clock)
    kept.observe(report(), "ann")
    clock.now += 3_000
    kept.observe(report("compacted", 1_500, 300), "ann")
    first = kept.overview()
    clock.now += 1_000
    second = kept.overview()
    assert (first["requests"], second["requests"]) == (2, 1)
    assert (second["overflows_prevented"], second["tokens_saved"], second["compacted_share"]) == (1, 1_200, 1.0)


def test_a_key_is_shown_its_own_requests() -> None:
    kept = Recent()
    kept.observe(report(), "ann")
    kept.stopped("m", "bob", "rejected")
    assert [kept.overview(owner)["requests"] for owner in ("ann", "bob", "", None)] == [1, 1, 0, 2]


def test_what_was_only_observed_saved_nothing() -> None:
    kept = Recent()
    kept.observe(report("observed", 1_500, 300), "ann")
    assert (kept.overview()["tokens_saved"], kept.overview()["overflows_prevented"]) == (0, 0)


def test_more_requests_than_are_kept_shorten_the_time_that_is_shown(monkeypatch) -> None:
    monkeypatch.setattr(recent, "MAX_SAMPLES", 3)
    clock = Clock()
    kept = Recent(clock=clock)
    for _ in range(5):
        clock.now += 1
        kept.observe(report(), "ann")
    found = kept.overview()
    assert (found["requests"], found["until"] - found["since"]) == (3, 2)


@pytest.mark.parametrize("apart", [0.1, 0.9, 7.0, 61.0])
def test_no_request_is_missing_from_the_series(apart) -> None:
    clock = Clock()
    kept = Recent(clock=clock)
    for _ in range(50):
        kept.observe(report(), "ann")
        clock.now += apart
    found = kept.overview()
    assert sum(found["series"]["requests"]) == found["requests"] == 50
    assert found["series"]["times"][-1] >= clock.now


def test_overhead_is_told_by_its_median_and_its_99th_percentile() -> None:
    kept = Recent()
    for number in range(1, 101):
        kept.observe(report(seconds=number / 1_000), "ann")
    kept.stopped("m", "ann", "bypassed")
    found = kept.overview()
    assert (found["overhead_p50_seconds"], found["overhead_p99_seconds"]) == (0.05, 0.099)


def test_errors_of_estimates_are_weighted_by_requests() -> None:
    kept = Recent(label=lambda model: model.rpartition("/")[2])
    for name, times in (("openai/a", 3), ("b", 1), ("c", 9)):
        for _ in range(times):
            kept.observe(report(model=name), "ann")
    kept.learned("a", Correction(1.0, 0.0, 0.02, 5))
    kept.learned("openai/b", Correction(1.0, 0.0, 0.06, 5))
    found = kept.overview()
    assert {model["model"]: model["estimate_error"] for model in found["models"]} == {"a": 0.02, "b": 0.06, "c": None}
    assert found["estimate_error"] == pytest.approx(0.03)


def answered(kept: Recent, model: str = "m", owner: str = "ann", **figures: float) -> None:
    kept.observe(report(model=model), owner)
    kept.answered(model, owner, **{"prompt": 1_000, "read": 0, "wrote": 0, **figures})


def test_the_share_of_a_prompt_cache_is_of_what_providers_counted() -> None:
    kept = Recent(label=lambda model: model.rpartition("/")[2])
    answered(kept, "openai/a", wrote=900)
    answered(kept, "a", read=600)
    answered(kept, "silent")
    found = kept.overview()
    assert {model["model"]: model["cache_share"] for model in found["models"]} == {"a": 0.3, "silent": None}
    assert (found["prompt_tokens"], found["cache_read_tokens"], found["cache_share"]) == (3_000, 600, 0.2)


def test_money_is_what_saved_tokens_would_have_cost_where_that_is_known() -> None:
    kept = Recent()
    answered(kept, "a", saved=4_000, price=2.5e-6)
    answered(kept, "b", saved=500)
    answered(kept, "c", price=1e-6)
    found = kept.overview()
    money = {model["model"]: (model["money_saved"], model["tokens_saved_unpriced"]) for model in found["models"]}
    assert money == {"a": (pytest.approx(0.01), 0), "b": (None, 500), "c": (0, 0)}
    assert (found["money_saved"], found["tokens_saved_net"], found["tokens_saved_unpriced"]) == (pytest.approx(0.01), 4_500, 500)


def test_of_answers_too_a_key_is_shown_its_own_of_the_last_hour() -> None:
    clock = Clock()
    kept = Recent(clock=clock)
    answered(kept, owner="ann", saved=1, price=1.0)
    clock.now += 3_500
    answered(kept, owner="bob", saved=2, price=1.0)
    assert [kept.overview(owner)["money_saved"] for owner in ("ann", "bob", "", None)] == [1, 2, None, 3]
    clock.now += 200
    assert [kept.overview(owner)["money_saved"] for owner in ("ann", "bob", None)] == [None, 2, 2]


def test_names_of_models_that_clients_make_up_are_not_kept_for_ever(monkeypatch) -> None:
    monkeypatch.setattr(recent, "MAX_MODELS", 10)
    kept = Recent()
    for number in range(100):
        kept.learned(f"m{number}", Correction(1.0, 0.0, 0.1, 1))
    assert len(kept._errors) == 10


def test_it_is_read_while_requests_come_in() -> None:
    import threading

    kept, stop = Recent(), threading.Event()

    def write() -> None:
        for _ in count():
            kept.observe(report(), "ann")
            if stop.is_set():
                return

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(20):
            assert kept.overview()["requests"] >= 0
    finally:
        stop.set()
        thread.join()
