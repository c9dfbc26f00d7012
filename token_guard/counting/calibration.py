"""Learning from real usage: what a deployment's responses say its prompts counted, against what was estimated."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

__all__ = ["SLOPES", "TRUSTED", "Calibration", "Sample", "is_cut"]

KEPT = 128
"""Samples remembered: their largest error stands for the 99th percentile."""

FITTED = 32
"""Newest samples that the line goes through; few enough that a changed tokenizer or prompt is followed within a session."""

TRUSTED = 5
"""Samples after which the correction is used with its own margin, and a further sample is taken with a bounded step."""

LEARNING = 16
"""The oldest samples are judged by today's line and not by what was predicted then: a line through a handful of small prompts is a third
off where tools are estimated upward, and such an error would take that much of every budget for the next hundred samples."""

STEP = 1.3
"""A trusted calibration believes a sample no further than this factor from what it predicted."""

SLOPES = (0.7, 1.8)
"""Tokens of one tokenizer per token of another, over the families measured on English, code and JSON."""

CUT = 0.5
"""A provider that counts less than this share of the least that its tokenizer makes of a prompt has not read all of it: Ollama cuts what
is longer than the window that it has loaded, in silence."""

APART = 1.5
"""Two samples say something about the slope when one is at least this much larger than the other."""

DOUBT = 1.25
"""The largest error among so few samples is exceeded now and then: the margin is this much larger."""

FLOOR = 0.04
"""Smallest margin, as a share. Providers now and then add a few hundred tokens to a single turn: gpt-4.1 did so in 13 of 434
recorded prompts of 8,000 tokens. With 0.01 the margin covers 95.8 to 99.7 % of recorded prompts, with 0.04 all of them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One response: the estimate of its prompt, what the provider counted, and by which share the prediction was off (up: it was low)."""

    estimate: int
    actual: int
    error: float


@dataclass(frozen=True)  # without slots: what follows from the samples is worked out once, and every request asks for it
class Calibration:
    """The line that leads from a deployment's estimates to its real counts, and how far off it has been; a value, grown by `learn`.

    A line and not a ratio: providers add prompts of their own (tools, safety), which do not grow with the client's. It goes through
    medians (Theil and Sen), so that a wrong sample weighs no more than a right one.

    >>> calibration = Calibration()
    >>> for estimate in (1000, 2000, 3000, 4000, 5000):
    ...     calibration = calibration.learn(estimate, 300 + estimate * 6 // 5)
    >>> calibration.correct(10_000)
    12300
    """

    samples: tuple[Sample, ...] = ()
    slope: float = 1.0
    offset: float = 0.0

    @property
    def trusted(self) -> bool:
        """Whether there are enough samples to go by."""
        return len(self.samples) >= TRUSTED

    @cached_property
    def spread(self) -> float:
        """Mean absolute error of the predictions, as a share of the prediction; 0 without samples."""
        return sum([abs(sample.error) for sample in self.samples]) / len(self.samples) if self.samples else 0.0

    def correct(self, estimate: int) -> int:
        """The prompt tokens that the provider will count, by all that is known."""
        return max(0, round(self.offset + self.slope * estimate)) if self.samples else estimate

    def estimate_for(self, actual: int) -> int:
        """The largest estimate whose correction is no more than `actual` tokens: the budget in the meter's own counts."""
        return max(0, int((actual - self.offset) / self.slope)) if self.samples else actual

    def margin(self, window: int, untrained: int) -> int:
        """Tokens of a window to leave free for the error of corrected counts: by what was observed, else the family's `untrained`."""
        if not self.trusted:
            return untrained
        share = max(FLOOR, DOUBT * self._worst)
        return math.ceil(window * share / (1.0 + share))

    def learn(self, estimate: int, actual: int, *, litellm_count: int | None = None, slopes: tuple[float, float] = SLOPES) -> Calibration:
        """The calibration after one more response.

        A sample that says nothing leaves it as it is: no tokens, a part of the prompt, or exactly what litellm itself counts, which
        it fills in unmarked where the provider sent no usage. `slopes` are the least and the most that the tokenizer's family can be
        off by.
        """
        if estimate <= 0 or actual <= 0 or actual == litellm_count or is_cut(estimate, actual, slopes):
            return self
        predicted = max(1, self.correct(estimate))
        believed = min(max(actual, predicted / STEP), predicted * STEP) if self.trusted else actual
        sample = Sample(estimate, round(believed), believed / predicted - 1.0)
        return replace(self, samples=(*self.samples, sample)[-KEPT:])._fitted(slopes)

    @cached_property
    def _worst(self) -> float:
        return max(map(self._error, range(len(self.samples))))

    def _error(self, place: int) -> float:
        """By which share a sample exceeds its prediction; one of the oldest, today's, and believed no further than others are."""
        sample = self.samples[place]
        if place >= LEARNING:
            return sample.error
        return min(sample.actual / max(1, self.correct(sample.estimate)), STEP) - 1.0

    def _fitted(self, slopes: tuple[float, float]) -> Calibration:
        newest = self.samples[-FITTED:]
        slope = _bounded(statistics.median(_slopes(newest)), slopes)
        offset = statistics.median(sample.actual - slope * sample.estimate for sample in newest)
        if offset >= 0:
            return replace(self, slope=slope, offset=offset)
        # providers add prompts, they take nothing away: estimates that are too high are so in proportion
        ratio = statistics.median(sample.actual / sample.estimate for sample in newest)
        return replace(self, slope=_bounded(ratio, slopes), offset=0.0)


def is_cut(estimate: int, actual: int, slopes: tuple[float, float] = SLOPES) -> bool:
    """Whether a provider has counted so little of a prompt that it cannot have read all of it.

    >>> is_cut(23_629, 4_035), is_cut(10_000, 7_500)
    (True, False)
    """
    return actual < CUT * slopes[0] * estimate


def _bounded(slope: float, slopes: tuple[float, float]) -> float:
    return min(max(slope, slopes[0]), slopes[1])


def _slopes(samples: Iterable[Sample]) -> Iterator[float]:
    # the estimate is itself a measured prior: one vote for "as estimated"
    yield 1.0
    for one, other in combinations(samples, 2):
        low, high = (one, other) if one.estimate <= other.estimate else (other, one)
        if high.estimate >= APART * low.estimate:
            yield (high.actual - low.actual) / (high.estimate - low.estimate)
