"""Prometheus metrics: an observer of reports, on the registry that LiteLLM's own /metrics serves.

Without the package `prometheus_client` (extra `metrics`) nothing is measured and nothing fails.
"""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

from token_guard.report import Correction, Report

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram

__all__ = ["Metrics", "model_label", "open_metrics", "tool_label"]

RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.5, 2.0, 4.0)
MAX_TOOLS = 100
_TOOLS: set[str] = set()

SECONDS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Metrics:
    """The instruments; `observe` reads one report, `learned` one correction.

    The label `model` is the deployment's model as litellm's own metrics name it: without the provider in front.
    """

    requests: Counter
    removed: Counter
    prevented: Counter
    refused: Counter
    usage: Histogram
    overhead: Histogram
    compression: Histogram
    error: Gauge
    correction: Gauge
    summaries: Counter
    rejected: Counter
    failed: Counter
    kept: Counter
    task_cut: Counter
    asked_again: Counter
    store_errors: Counter
    store_dropped: Counter
    store_up: Gauge

    def observe(self, report: Report) -> None:
        """Count one request."""
        self.requests.labels(model_label(report.model), report.action).inc()
        self.overhead.observe(report.seconds)
        for asked in report.asked_again:
            self.asked_again.labels(model_label(report.model), tool_label(asked.tool), asked.kind).inc()
        if report.limit.max_input_tokens:
            self.usage.observe(report.tokens_after / report.limit.max_input_tokens)
        if report.action == "compacted":
            self._compacted(report)

    def context_error(self, model: str) -> None:
        """Count one request that a provider refused as too long."""
        self.refused.labels(model_label(model)).inc()

    def reject(self, model: str, part: str) -> None:
        """Count one request that could not be made to fit, by the part of it that is largest."""
        self.requests.labels(model_label(model), "rejected").inc()
        self.rejected.labels(model_label(model), part or "input").inc()

    def fail(self, model: str) -> None:
        """Count one request that the guard itself failed on."""
        self.requests.labels(model_label(model), "bypassed").inc()
        self.failed.labels(model_label(model)).inc()

    def learned(self, model: str, correction: Correction) -> None:
        """Show how far the estimates for a model are off, and by what they are corrected."""
        self.error.labels(model_label(model)).set(correction.spread)
        self.correction.labels(model_label(model)).set(correction.slope)

    def store(self, what: str, number: int) -> None:
        """Count what the store could not do, or show whether it answers."""
        if what == "up":
            self.store_up.set(number)
        else:
            {"errors": self.store_errors, "dropped": self.store_dropped}[what].inc(number)

    def _compacted(self, report: Report) -> None:
        self.compression.observe(report.compression_ratio)
        for name, fate in report.kept.told.items():
            self.kept.labels(model_label(report.model), name, fate).inc()
        if report.kept.task in ("cut", "gone"):
            self.task_cut.labels(model_label(report.model)).inc()
        if report.tokens_before > report.budget.allowed:
            self.prevented.labels(model_label(report.model)).inc()
        for name, tokens in report.removed.items():
            self.removed.labels(model_label(report.model), name).inc(tokens)


@functools.lru_cache(maxsize=4_096)
def model_label(model: str) -> str:
    """A model's name without the provider that litellm puts in front.

    >>> model_label("openai/gpt-4o"), model_label("hosted_vllm/meta-llama/Llama-3"), model_label("meta-llama/Llama-3")
    ('gpt-4o', 'meta-llama/Llama-3', 'meta-llama/Llama-3')
    """
    provider, _, name = model.partition("/")
    return name if name and provider in _providers() else model


def tool_label(tool: str) -> str:
    """A tool's name; "other" when there are too many: clients choose them."""
    if tool not in _TOOLS and len(_TOOLS) < MAX_TOOLS:
        _TOOLS.add(tool)
    return tool[:100] if tool in _TOOLS else "other"


@functools.cache
def _providers() -> frozenset[str]:
    from litellm.types.utils import LlmProviders

    return frozenset(provider.value for provider in LlmProviders)


@functools.cache
def open_metrics() -> Metrics | None:
    """The instruments of this process; None without prometheus_client."""
    if importlib.util.find_spec("prometheus_client") is None:
        return None
    from prometheus_client import Counter, Gauge, Histogram

    return Metrics(
        requests=Counter("token_guard_requests_total", "Requests by what was done to them", ("model", "action")),
        removed=Counter("token_guard_tokens_removed_total", "Tokens removed by each pass", ("model", "pass")),
        prevented=Counter("token_guard_overflows_prevented_total", "Requests over the limit that were made to fit", ("model",)),
        refused=Counter("token_guard_context_errors_total", "Requests that a provider refused as too long", ("model",)),
        usage=Histogram("token_guard_usage_ratio", "Forwarded tokens as a share of the window", buckets=RATIOS),
        overhead=Histogram("token_guard_overhead_seconds", "Time the guard took for a request", buckets=SECONDS),
        compression=Histogram("token_guard_compression_ratio", "Forwarded tokens as a share of the client's", buckets=RATIOS),
        error=Gauge("token_guard_estimate_error_ratio", "Mean error of estimated prompt tokens, as a share", ("model",)),
        summaries=Counter("token_guard_summaries_total", "Language-model summaries by how they ended", ("outcome",)),
        rejected=Counter("token_guard_rejections_total", "Requests that cannot fit, by their largest part", ("model", "part")),
        failed=Counter("token_guard_failures_total", "Requests that the guard itself failed on", ("model",)),
        kept=Counter(
            "token_guard_kept_total",
            "Compacted requests by what became of what should stay",
            ("model", "part", "fate"),
        ),
        task_cut=Counter("token_guard_task_cut_total", "Compacted requests whose running task is no longer whole", ("model",)),
        asked_again=Counter(
            "token_guard_asked_again_total",
            "Calls that repeat one whose result was taken out, by their tool and the kind of that result",
            ("model", "tool", "kind"),
        ),
        store_errors=Counter("token_guard_store_errors_total", "Times that the store did not answer"),
        store_dropped=Counter("token_guard_store_dropped_total", "Records that were dropped because the store did not answer for long"),
        store_up=Gauge("token_guard_store_up", "Whether the store answers", multiprocess_mode="livemin"),
        correction=Gauge("token_guard_estimate_correction_ratio", "Real prompt tokens per estimated one", ("model",)),
    )
