"""Prometheus metrics: the documented names, filled from reports."""

from __future__ import annotations

import pytest
from build import agent, say

from token_guard import Guard, Settings
from token_guard.proxy.headers import report_headers
from token_guard.proxy.metrics import open_metrics
from token_guard.report import Correction

prometheus_client = pytest.importorskip("prometheus_client", reason="the extra `metrics` is not installed")


def value(name: str, **labels: str) -> float:
    return prometheus_client.REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_compacted_request_is_counted_with_what_each_pass_removed() -> None:
    metrics = open_metrics()
    assert metrics
    report = Guard(Settings()).process({"model": "gpt-4o", "messages": agent(120)}, max_input_tokens=8_000).report

    def removed() -> float:
        return sum(value("token_guard_tokens_removed_total", **{"model": "gpt-4o", "pass": step.name}) for step in report.steps)

    def counted() -> tuple[float, float]:
        return (
            value("token_guard_overflows_prevented_total", model="gpt-4o"),
            value("token_guard_requests_total", model="gpt-4o", action="compacted"),
        )

    removed_before, (overflows, requests) = removed(), counted()
    metrics.observe(report)
    assert removed() - removed_before == report.tokens_before - report.tokens_after
    assert counted() == (overflows + 1, requests + 1)


def test_every_request_fills_the_histograms() -> None:
    metrics = open_metrics()
    assert metrics
    before = value("token_guard_overhead_seconds_count")
    metrics.observe(Guard().process({"model": "gpt-4o", "messages": [say("user", "hi")]}).report)
    assert value("token_guard_overhead_seconds_count") == before + 1
    assert value("token_guard_usage_ratio_count") > 0


def test_the_correction_and_its_spread_are_shown() -> None:
    metrics = open_metrics()
    assert metrics
    metrics.learned("claude", Correction(1.25, 40.0, 0.031, 9))
    assert value("token_guard_estimate_error_ratio", model="claude") == 0.031
    assert value("token_guard_estimate_correction_ratio", model="claude") == 1.25


def test_there_is_one_set_of_instruments() -> None:
    assert open_metrics() is open_metrics()


def test_all_metrics_name_a_model_without_its_provider() -> None:
    metrics = open_metrics()
    assert metrics
    names = ("token_guard_context_errors_total", "token_guard_failures_total")
    before = [value(name, model="a/b-model") for name in names]
    metrics.context_error("hosted_vllm/a/b-model")
    metrics.fail("a/b-model")
    metrics.learned("hosted_vllm/a/b-model", Correction(1.5, 0.0, 0.01, 9))
    metrics.reject("hosted_vllm/a/b-model", "system")
    assert [value(name, model="a/b-model") for name in names] == [count + 1 for count in before]
    assert value("token_guard_estimate_correction_ratio", model="a/b-model") == 1.5
    assert value("token_guard_rejections_total", model="a/b-model", part="system") == 1
    assert value("token_guard_requests_total", model="a/b-model", action="rejected") == 1


def test_a_task_that_had_to_be_cut_is_an_alarm() -> None:
    metrics = open_metrics()
    assert metrics
    task = "Mend what is named here: " + "the handler of requests, the lookup and the queue, " * 400
    request = {"model": "gpt-4o", "messages": [say("user", task), *agent(20)[2:]]}
    whole, cut = (Guard().process(request, max_input_tokens=limit).report for limit in (9_000, 2_000))
    before = value("token_guard_task_cut_total", model="gpt-4o")
    metrics.observe(whole)
    assert (whole.kept.task, value("token_guard_task_cut_total", model="gpt-4o")) == ("whole", before)
    metrics.observe(cut)
    assert (cut.kept.task, value("token_guard_task_cut_total", model="gpt-4o")) == ("cut", before + 1)
    assert value("token_guard_kept_total", model="gpt-4o", part="task", fate="cut") >= 1
    assert "task=cut" in report_headers(cut)["x-token-guard-kept"]
