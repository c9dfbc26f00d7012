"""The calibrations of all deployments: in memory, and in a store where they survive a restart and reach other replicas."""

from __future__ import annotations

import json
import math
import threading

from token_guard.counting.calibration import SLOPES, TRUSTED, Calibration, Sample
from token_guard.counting.large import CountStore

__all__ = ["Calibrations"]

SECTION = "calibration"

DEPLOYMENTS = 4_096
"""Calibrations kept in memory, least recently learned out first."""

BEYOND = 4
"""A slope that is this much beyond those of all families is no family's."""

WRITTEN_EVERY = 8
"""Of a trusted calibration, one response in so many is counted and one sample in so many is written: it moves slowly."""


class Calibrations:
    """What was learned of each deployment, under its key; thread-safe. Reads take no lock: every request reads."""

    def __init__(self, store: CountStore | None = None) -> None:
        self._store = store
        self._known: dict[str, Calibration] = {}
        self._texts: dict[str, str | None] = {}
        self._lock = threading.Lock()
        self._learned = self._asked = 0

    def get(self, key: str) -> Calibration:
        """The calibration of a deployment; an empty one when nothing is known of it."""
        known = self._known.get(key)
        if known is None or self._text(key) != self._texts.get(key):
            with self._lock:
                known = self._taken_over(key, self._text(key))
        return known

    def _text(self, key: str) -> str | None:
        return self._store.get(SECTION, key) if self._store is not None else None

    def wants_sample(self, key: str) -> bool:
        """Whether one more sample is worth its count: every one while learning, one in eight afterwards."""
        self._asked += 1
        return not self.get(key).trusted or self._asked % WRITTEN_EVERY == 0

    def learn(
        self, key: str, estimate: int, actual: int, *, litellm_count: int | None = None, slopes: tuple[float, float] = SLOPES
    ) -> Calibration:
        """The calibration of a deployment after one more response of it."""
        self.get(key)
        with self._lock:
            before = self._known.get(key, Calibration())
            after = before.learn(estimate, actual, litellm_count=litellm_count, slopes=slopes)
            self._kept(key, after)
            self._learned += 1
            written = after is not before and (len(after.samples) <= TRUSTED or self._learned % WRITTEN_EVERY == 0)
            if written and self._store is not None:
                self._texts[key] = text = _written(after)
                self._store.put(SECTION, key, text)
        return after

    def _taken_over(self, key: str, text: str | None) -> Calibration:
        """The calibration that is in the store, which another replica may have written, unless more is known here."""
        known = self._known.get(key, Calibration())
        stored = _calibration(text) if text else Calibration()
        self._texts[key] = text
        return self._kept(key, stored if len(stored.samples) >= len(known.samples) else known)

    def _kept(self, key: str, calibration: Calibration) -> Calibration:
        self._known.pop(key, None)
        if len(self._known) >= DEPLOYMENTS:
            self._texts.pop(oldest := next(iter(self._known)), None)
            del self._known[oldest]
        self._known[key] = calibration
        return calibration


def _written(calibration: Calibration) -> str:
    samples = [[sample.estimate, sample.actual, round(sample.error, 5)] for sample in calibration.samples]
    return json.dumps({"slope": calibration.slope, "offset": calibration.offset, "samples": samples}, separators=(",", ":"))


def _calibration(text: str) -> Calibration:
    """The calibration that was written; an empty one when the text is no such thing (a store may be shared with other versions)."""
    try:
        value = json.loads(text)
        samples = tuple(Sample(int(estimate), int(actual), float(error)) for estimate, actual, error in value["samples"])
        read = Calibration(samples, float(value["slope"]), float(value["offset"]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return Calibration()
    return read if _can_be(read) else Calibration()


def _can_be(read: Calibration) -> bool:
    """Whether numbers are such as are learned: by others no budget could be worked out."""
    slopes = SLOPES[0] / BEYOND <= read.slope <= SLOPES[1] * BEYOND
    samples = all(sample.estimate > 0 and sample.actual > 0 and math.isfinite(sample.error) for sample in read.samples)
    return slopes and samples and 0 <= read.offset < math.inf
