"""The Prometheus metrics by name: what each one counts, and its labels.

All labels have few values: those of tables in this package, and models, which `Labels` keeps to the deployments and some more.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from token_guard.proxy.callers import deployments

__all__ = ["INSTRUMENTS", "OTHER", "Instrument", "Labels", "Names", "model_label"]

_RATIOS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.5, 2.0, 4.0)
_SECONDS: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)

OTHER: Final = "other"
"""The label of models beyond those that are told apart."""

_MOST: Final = 100
"""Tools, and models that no deployment names, are told apart up to this number: behind a wildcard or a pass-through route any client
names them."""

LONGEST: Final = 128
"""Characters of a name; no provider takes more for a tool's."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """One metric; a histogram has its upper bounds."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    workers: Literal["mostrecent", "livemin"] = "mostrecent"
    """What one scrape shows of a gauge that several workers set."""


def _counter(name: str, meaning: str, *labels: str) -> Instrument:
    return Instrument(f"token_guard_{name}_total", "counter", meaning, labels)


def _gauge(name: str, meaning: str, *labels: str) -> Instrument:
    return Instrument(f"token_guard_{name}", "gauge", meaning, labels)


def _histogram(name: str, meaning: str, bounds: tuple[float, ...]) -> Instrument:
    return Instrument(f"token_guard_{name}", "histogram", meaning, bounds=bounds)


INSTRUMENTS: Final[Mapping[str, Instrument]] = {
    "requests": _counter("requests", "Attempts by what was done to them, refused and failed ones included", "model", "action"),
    "would": _counter("would", "Attempts that were only observed, by what would have been done", "model", "action"),
    "removed": _counter("tokens_removed", "Tokens removed by each pass", "model", "pass"),
    "saved": _counter("tokens_saved", "Prompt tokens saved, net: see Savings", "model"),
    "prompt": _counter("prompt_tokens", "Prompt tokens as providers counted them: uncached, cache_read, cache_write", "model", "kind"),
    "prevented": _counter("overflows_prevented", "Requests over the limit that were made to fit", "model"),
    "refused": _counter("context_errors", "Requests that a provider refused as too long", "model"),
    "rejected": _counter("rejections", "Requests that cannot fit, by their largest part", "model", "part"),
    "failed": _counter("failures", "Requests that the guard itself failed on", "model"),
    "kept": _counter("kept", "Compacted requests by what became of what should stay", "model", "part", "fate"),
    "task_cut": _counter("task_cut", "Compacted requests whose running task is no longer whole", "model"),
    "alarms": _counter("alarms", "What an operator should look into, by its cause", "model", "alarm", "cause"),
    "ignored": _counter("overrides_ignored", "Options that were asked for and not heeded, by who asked", "place"),
    "summaries": _counter("summaries", "Language-model summaries by how they ended", "outcome"),
    "histories": _counter("histories", "Requests of sessions whose conversation is held, and exchanges that were lost", "outcome"),
    "retrievals": _counter("retrievals", "Calls for originals of compacted outputs, by how they were answered", "outcome"),
    "shadows": _counter("shadows", "Comparisons of whole with compacted requests by how they ended", "outcome"),
    "usage": _histogram("usage_ratio", "Forwarded tokens as a share of the window", _RATIOS),
    "overhead": _histogram("overhead_seconds", "Time the guard took for a request", _SECONDS),
    "compression": _histogram("compression_ratio", "Forwarded tokens as a share of the client's, of compacted requests", _RATIOS),
    "error": _gauge("estimate_error_ratio", "Mean error of estimated prompt tokens, as a share", "model"),
    "asked_again": _counter(
        "asked_again",
        "Calls that repeat one whose result was taken out, by their tool and that result's kind",
        "model",
        "tool",
        "kind",
    ),
    "store_errors": _counter("store_errors", "Times that the store did not answer"),
    "store_dropped": _counter("store_dropped", "Records that were dropped because the store did not answer for long"),
    "store_up": replace(_gauge("store_up", "Whether the store answers"), workers="livemin"),
    "correction": _gauge("estimate_correction_ratio", "Real prompt tokens per estimated one", "model"),
}
"""Every metric, by its name in `Metrics`."""


@functools.lru_cache(maxsize=4_096)
def model_label(model: str) -> str:
    """A model's name without the provider that litellm puts in front.

    >>> model_label("openai/gpt-4o"), model_label("hosted_vllm/meta-llama/Llama-3"), model_label("meta-llama/Llama-3")
    ('gpt-4o', 'meta-llama/Llama-3', 'meta-llama/Llama-3')
    """
    provider, _, name = model.partition("/")
    return name if name and provider in _providers() else model


@functools.cache
def _providers() -> frozenset[str]:
    from litellm.types.utils import LlmProviders

    return frozenset(provider.value for provider in LlmProviders)


class Names:
    """Names as a label has them: so many of them, and `other` for all that come later; thread-safe."""

    def __init__(self, most: int = _MOST) -> None:
        self._left = most
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, name: str) -> str:
        """The name, or `other`."""
        label = self.label(name)
        if label in self._known:
            return label
        counts = not self.is_ours(label)
        with self._lock:
            if label not in self._known and counts:
                if not self._left:
                    return OTHER
                self._left -= 1
            self._known.add(label)
        return label

    def label(self, name: str) -> str:
        """How a name is told: of a longer one than providers take, the beginning."""
        return name[:LONGEST]

    def is_ours(self, _label: str) -> bool:
        """Whether the operator gave the name: then it is told in any case."""
        return False


class Labels(Names):
    """Names of models: without their providers, and all that deployments have."""

    def label(self, name: str) -> str:
        """A model's name as `model_label` has it."""
        return model_label(name)

    def is_ours(self, label: str) -> bool:
        """Whether a deployment of the router has the model."""
        return any(model_label(str(entry["litellm_params"]["model"])) == label for entry in deployments())
