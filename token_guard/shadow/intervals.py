"""How sure a rate is: 95 % confidence intervals, for one rate and for the difference of two that were measured on the same pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

__all__ = ["LEAST_PAIRS", "Interval", "gap", "mean", "rate"]

LEAST_PAIRS: Final = 50
"""Below so many pairs nothing is said: at 50 a rate is known to about 14 points, and what looks like a difference is mostly chance."""

Z: Final = 1.96
"""The standard normal quantile of 95 %."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the bounds between which the truth lies, 95 times of 100."""

    estimate: float
    low: float
    high: float


def rate(times: int, pairs: int) -> Interval | None:
    """A rate with Wilson's interval; None below `LEAST_PAIRS`.

    >>> rate(10, 100)
    Interval(estimate=0.1, low=0.0552, high=0.1744)
    >>> rate(5, 49)
    """
    if pairs < LEAST_PAIRS:
        return None
    share, spread = times / pairs, Z * Z / pairs
    middle = (share + spread / 2) / (1 + spread)
    half = Z * math.sqrt(share * (1 - share) / pairs + spread / (4 * pairs)) / (1 + spread)
    return _interval(share, middle - half, middle + half, least=0.0)


def gap(more: int, less: int, pairs: int) -> Interval | None:
    """By how much a rate is above another one of the same pairs, of which `more` count for the first alone and `less` for the second
    alone; None below `LEAST_PAIRS`. Half a pair is added to each cell (Agresti and Min, 2005), so that no interval is empty.

    >>> gap(12, 2, 100)
    Interval(estimate=0.1, low=0.0261, high=0.17)
    """
    if pairs < LEAST_PAIRS:
        return None
    total = pairs + 2
    difference = (more - less) / total
    half = Z * math.sqrt((more + less + 1) / total - difference**2) / math.sqrt(total)
    return _interval((more - less) / pairs, difference - half, difference + half, least=-1.0)


def mean(total: float, squares: float, pairs: int) -> Interval | None:
    """The mean of values from their sum and the sum of their squares; None below `LEAST_PAIRS`."""
    if pairs < LEAST_PAIRS:
        return None
    middle = total / pairs
    variance = max(0.0, squares / pairs - middle**2) * pairs / (pairs - 1)
    half = Z * math.sqrt(variance / pairs)
    return _interval(middle, middle - half, middle + half, least=-1.0)


def _interval(estimate: float, low: float, high: float, least: float) -> Interval:
    return Interval(round(estimate, 4), round(max(least, low), 4), round(min(1.0, high), 4))
