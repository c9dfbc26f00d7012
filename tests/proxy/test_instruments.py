"""Labels have few values, whoever names the models."""

from __future__ import annotations

import dataclasses
import sys
from types import SimpleNamespace

import pytest

from token_guard.budget import Budget, ContextLimit
from token_guard.proxy.alarms import Alarms
from token_guard.proxy.instruments import INSTRUMENTS, LONGEST, OTHER, Labels, Names
from token_guard.proxy.metrics import Metrics
from token_guard.proxy.noting import Noting
from token_guard.report import Report


def test_models_that_clients_make_up_share_a_label_beyond_so_many() -> None:
    labels = Labels(most=2)
    assert [labels(f"openai/made-up-{number}") for number in range(4)] == ["made-up-0", "made-up-1", OTHER, OTHER]
    assert labels("made-up-1") == "made-up-1"


def test_tools_share_a_label_beyond_so_many_and_are_told_by_their_beginning() -> None:
    names = Names(most=1)
    assert [names("t" * 200), names("grep"), names("t" * 200)] == ["t" * LONGEST, OTHER, "t" * LONGEST]


def test_models_of_deployments_are_always_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [{"model_name": "m", "litellm_params": {"model": "hosted_vllm/house"}}]
    router = SimpleNamespace(get_model_list=lambda _group: entries)
    monkeypatch.setitem(sys.modules, "litellm.proxy.proxy_server", SimpleNamespace(llm_router=router))
    labels = Labels(most=1)
    assert [labels(name) for name in ("junk", "more junk", "hosted_vllm/house")] == ["junk", OTHER, "house"]


def test_the_last_hour_tells_models_apart_as_metrics_do() -> None:
    noting, limit, budget = Noting(None, Alarms(lambda _alarm: None)), ContextLimit(9), Budget(9, 8, 3, 0)
    for number in range(300):
        noting.recent.observe(Report("none", f"openai/made-up-{number}", limit, budget, 1, 1), "ann")
    assert {"made-up-0", OTHER} <= {model["model"] for model in noting.recent.overview()["models"]}
    assert len(noting.recent.overview()["models"]) == 101


def test_every_instrument_is_documented_and_opened() -> None:
    assert set(INSTRUMENTS) == {field.name for field in dataclasses.fields(Metrics)} - {"label", "tool"}
    assert len({instrument.name for instrument in INSTRUMENTS.values()}) == len(INSTRUMENTS)
