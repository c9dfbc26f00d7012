"""The requests of the last hour: an observer of reports that adds them up for the page. It keeps numbers and names, never what was said.

It is this process's own and in memory; what outlives it are the records of sessions and the metrics.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from token_guard.report import Action, Correction, Report
from token_guard.sessions.answered import Answer, prompts

__all__ = ["Overview", "Recent", "Sample", "percentile", "series"]

HOUR: Final = 3_600.0

AHEAD: Final = 60.0
"""Requests of so many seconds to come are shown as those of now: a clock was put right. What is further ahead is not told until then."""

MAX_SAMPLES: Final = 50_000
"""Requests kept, the oldest go first: about 10 MB. A process of more than 14 a second shows the newest of its hour, and since when."""

MAX_MODELS: Final = 1_000
"""Models whose last error is kept; clients choose names where a proxy has wildcards."""

STEPS: Final = (1.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds between two points of a series: the fewest by which what there is takes no more than `POINTS`."""
POINTS: Final = 60

CHANGING: Final = ("compacted",)
"""What makes the forwarded tokens differ from the client's."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What is kept of one request: when (seconds since 1970), whose key sent it, and what was done."""

    at: float
    owner: str
    model: str
    action: Action
    tokens_before: int = 0
    tokens_after: int = 0
    seconds: float | None = None
    """The time that the guard took; None where there is no report."""
    prevented: bool = False
    """Whether it would not have fitted as it came."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What requests add up to. Times are seconds, shares between 0 and 1; None where nothing is known."""

    requests: int
    actions: Mapping[str, int]
    overflows_prevented: int
    tokens_in: int
    tokens_forwarded: int
    overhead_p50: float | None
    overhead_p99: float | None

    def as_json(self) -> dict[str, Any]:
        """The figures, and what is worked out from them."""
        compacted = self.actions.get("compacted", 0)
        return {
            "requests": self.requests,
            "actions": dict(self.actions),
            "compacted_share": compacted / self.requests if self.requests else None,
            "overflows_prevented": self.overflows_prevented,
            "tokens_in": self.tokens_in,
            "tokens_forwarded": self.tokens_forwarded,
            "tokens_saved": self.tokens_in - self.tokens_forwarded,
            "overhead_p50_seconds": self.overhead_p50,
            "overhead_p99_seconds": self.overhead_p99,
        }


class Recent:
    """The samples of the last hour, and the error of each model's estimates as it was found last; thread-safe."""

    def __init__(self, label: Callable[[str], str] = str, clock: Callable[[], float] = time.time) -> None:
        """`label` gives the name that a model has in metrics: answers and requests name the same model differently."""
        self._label = label
        self._clock = clock
        self._samples: deque[Sample] = deque(maxlen=MAX_SAMPLES)
        self._answers: deque[Answer] = deque(maxlen=MAX_SAMPLES)
        self._errors: dict[str, float] = {}
        self._lock = threading.Lock()

    def observe(self, report: Report, owner: str) -> None:
        """Keep a request that goes on."""
        after = report.tokens_after if report.action in CHANGING else report.tokens_before
        prevented = report.action == "compacted" and report.tokens_before > report.budget.allowed
        told = (self._label(report.model), report.action, report.tokens_before, after, report.seconds, prevented)
        self._samples.append(Sample(self._clock(), owner, *told))

    def stopped(self, model: str, owner: str, action: Action) -> None:
        """Keep a request without a report: one that was rejected, or that the guard failed on."""
        self._samples.append(Sample(self._clock(), owner, self._label(model), action))

    def answered(self, model: str, owner: str, *, prompt: int, read: int, wrote: int, saved: int = 0, price: float = 0.0) -> None:
        """Keep what an answer said of its prompt."""
        self._answers.append(Answer(self._clock(), owner, self._label(model), prompt, read, wrote, saved, price))

    def learned(self, model: str, correction: Correction) -> None:
        """Keep how far the estimates for a model are off."""
        with self._lock:
            self._errors[self._label(model)] = correction.spread
            if len(self._errors) > MAX_MODELS:
                del self._errors[next(iter(self._errors))]

    def overview(self, owner: str | None = None) -> dict[str, Any]:
        """What the last hour adds up to, in all, by model and over time; of one key's requests, or of all (None)."""
        now = self._clock()
        samples, answers = _of(_copy(self._samples), owner, now), _of(_copy(self._answers), owner, now)
        by_model, answered = _by_model(samples), _by_model(answers)
        models = [
            {"model": name, **_added(of).as_json(), **prompts(answered.get(name, ())).as_json(), "estimate_error": self._errors.get(name)}
            for name, of in by_model.items()
        ]
        models.sort(key=lambda model: (-model["requests"], model["model"]))
        known = [(model["requests"], model["estimate_error"]) for model in models if model["estimate_error"] is not None]
        error = sum(weight * each for weight, each in known) / sum(weight for weight, _ in known) if known else None
        whole = {**_added(samples).as_json(), **prompts(answers).as_json(), "estimate_error": error}
        return {"until": now, "since": self._since(now), **whole, "models": models, "series": series(samples, now)}

    def _since(self, now: float) -> float:
        """The time from which on nothing is missing."""
        full = len(self._samples) == MAX_SAMPLES
        return max(now - HOUR, self._samples[0].at) if full else now - HOUR


Told = TypeVar("Told", Sample, Answer)


def _copy(told: deque[Told]) -> list[Told]:
    while True:
        try:
            return list(told)
        except RuntimeError:  # a request came in between
            continue


def _of(told: Iterable[Told], owner: str | None, now: float) -> list[Told]:
    """Those of the last hour, of one key or of all (None)."""
    return [one for one in told if now - HOUR < one.at < now + AHEAD and owner in (None, one.owner)]


def _by_model(told: Iterable[Told]) -> dict[str, list[Told]]:
    models: dict[str, list[Told]] = {}
    for one in told:
        models.setdefault(one.model, []).append(one)
    return models


def series(samples: Sequence[Sample], now: float) -> dict[str, Any]:
    """The same over time: lists of equal length, each point the seconds up to its `times`."""
    span = max(0.0, now - min(one.at for one in samples)) if samples else 0.0
    step = next((step for step in STEPS if span <= step * (POINTS - 1)), STEPS[-1])
    end = math.ceil(now / step) * step
    slots: list[list[Sample]] = [[] for _ in range(POINTS)]
    for one in samples:
        slots[min(POINTS - 1, max(0, POINTS - 1 - int((end - one.at) / step)))].append(one)
    figures = [_added(slot) for slot in slots]
    return {
        "step_seconds": step,
        "times": [end - step * (POINTS - 1 - place) for place in range(POINTS)],
        "requests": [each.requests for each in figures],
        "compacted": [each.actions.get("compacted", 0) for each in figures],
        "rejected": [each.actions.get("rejected", 0) for each in figures],
        "tokens_in": [each.tokens_in for each in figures],
        "tokens_forwarded": [each.tokens_forwarded for each in figures],
        "overhead_p50_seconds": [each.overhead_p50 for each in figures],
        "overhead_p99_seconds": [each.overhead_p99 for each in figures],
    }


def percentile(sorted_values: Sequence[float], share: float) -> float | None:
    """The smallest value that so large a share of the values does not exceed (the nearest rank); None of nothing.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5), percentile([1.0, 2.0, 3.0, 4.0], 0.99), percentile([], 0.5)
    (2.0, 4.0, None)
    """
    return sorted_values[max(0, math.ceil(share * len(sorted_values)) - 1)] if sorted_values else None


def _added(samples: Iterable[Sample]) -> Overview:
    told = tuple(samples)
    seconds = sorted(one.seconds for one in told if one.seconds is not None)
    return Overview(
        requests=len(told),
        actions=Counter(one.action for one in told),
        overflows_prevented=sum(one.prevented for one in told),
        tokens_in=sum(one.tokens_before for one in told),
        tokens_forwarded=sum(one.tokens_after for one in told),
        overhead_p50=percentile(seconds, 0.5),
        overhead_p99=percentile(seconds, 0.99),
    )
