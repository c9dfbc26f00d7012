"""Prometheus metrics: an observer of reports, on the registry that LiteLLM's own /metrics serves.

Without the package `prometheus_client` (extra `metrics`) nothing is measured and nothing fails. Of several workers LiteLLM makes
prometheus_client write to files that one scrape adds up; a gauge then shows what was set last,
or the lowest of all.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from token_guard.proxy.instruments import INSTRUMENTS, Instrument, Labels, Names
from token_guard.report import Correction, Report

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram

    from token_guard.proxy.alarms import Alarm

__all__ = ["Metrics", "open_metrics"]


@dataclass(frozen=True, slots=True)
class Metrics:
    """The instruments by their names in `INSTRUMENTS`; `observe` reads one report, `learned` one correction.

    The label `model` is the deployment's model as litellm's own metrics name it: without the provider in front.
    """

    requests: Counter
    would: Counter
    removed: Counter
    saved: Counter
    prompt: Counter
    prevented: Counter
    refused: Counter
    rejected: Counter
    failed: Counter
    kept: Counter
    task_cut: Counter
    alarms: Counter
    ignored: Counter
    asked_again: Counter
    store_errors: Counter
    store_dropped: Counter
    store_up: Gauge
    summaries: Counter
    histories: Counter
    retrievals: Counter
    shadows: Counter
    usage: Histogram
    overhead: Histogram
    compression: Histogram
    error: Gauge
    correction: Gauge
    label: Labels = field(default_factory=Labels)
    tool: Names = field(default_factory=Names)

    def observe(self, report: Report) -> None:
        """Count one request."""
        model = self.label(report.model)
        _of(self.requests, model, report.action).inc()
        self.overhead.observe(report.seconds)
        if report.would:
            self.would.labels(model, report.would).inc()
        for asked in report.asked_again:
            self.asked_again.labels(model, self.tool(asked.tool), asked.kind).inc()
        if report.limit.max_input_tokens:
            forwarded = report.tokens_before if report.would else report.tokens_after
            self.usage.observe(forwarded / report.limit.max_input_tokens)
        if report.action == "compacted":
            self._compacted(model, report)

    def context_error(self, model: str) -> None:
        """Count one request that a provider refused as too long."""
        self.refused.labels(self.label(model)).inc()

    def reject(self, model: str, part: str) -> None:
        """Count one request that could not be made to fit, by the part of it that is largest."""
        self.requests.labels(self.label(model), "rejected").inc()
        self.rejected.labels(self.label(model), part).inc()

    def fail(self, model: str) -> None:
        """Count one request that the guard itself failed on."""
        self.requests.labels(self.label(model), "bypassed").inc()
        self.failed.labels(self.label(model)).inc()

    def alarm(self, alarm: Alarm) -> None:
        """Count one alarm."""
        self.alarms.labels(self.label(alarm.model), alarm.name, alarm.cause).inc()

    def prompted(self, model: str, tokens: Mapping[str, int]) -> None:
        """Count the tokens of one prompt as its provider did, by what became of them in its cache."""
        label = self.label(model)
        for kind, count in tokens.items():
            _of(self.prompt, label, kind).inc(count)

    def save(self, model: str, tokens: int) -> None:
        """Count what one request saved, net."""
        self.saved.labels(self.label(model)).inc(tokens)

    def learned(self, model: str, correction: Correction) -> None:
        """Show how far the estimates for a model are off, and by what they are corrected."""
        self.error.labels(self.label(model)).set(correction.spread)
        self.correction.labels(self.label(model)).set(correction.slope)

    def store(self, what: str, number: int) -> None:
        """Count what the store could not do, or show whether it answers."""
        if what == "up":
            self.store_up.set(number)
        else:
            {"errors": self.store_errors, "dropped": self.store_dropped}[what].inc(number)

    def _compacted(self, model: str, report: Report) -> None:
        self.compression.observe(report.compression_ratio)
        for name, fate in report.kept.told.items():
            self.kept.labels(model, name, fate).inc()
        if report.kept.task in ("cut", "gone"):
            self.task_cut.labels(model).inc()
        if report.tokens_before > report.budget.allowed:
            self.prevented.labels(model).inc()
        for name, tokens in report.removed.items():
            self.removed.labels(model, name).inc(tokens)


@functools.lru_cache(maxsize=4_096)
def _of(counter: Counter, *labels: str) -> Counter:
    """The counter with these labels, which every request asks for: to find it takes ten times as long as to count."""
    return counter.labels(*labels)


@functools.cache
def open_metrics() -> Metrics | None:
    """The instruments of this process; None without prometheus_client."""
    if importlib.util.find_spec("prometheus_client") is None:
        return None
    return Metrics(**{name: _opened(instrument) for name, instrument in INSTRUMENTS.items()})


def _opened(instrument: Instrument) -> Any:
    from prometheus_client import Counter, Gauge, Histogram

    named = (instrument.name, instrument.meaning, instrument.labels)
    if instrument.kind == "counter":
        return Counter(*named)
    if instrument.kind == "histogram":
        return Histogram(*named, buckets=instrument.bounds)
    return Gauge(*named, multiprocess_mode=instrument.workers)
