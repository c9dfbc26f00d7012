"""Token counting: exact where it can be, a proven bound where not, and nearly free.

`meter_for` gives the meter of a model's tokenizer family; `TokenCounter` is its face for people.
"""

from __future__ import annotations

from token_guard.counting.counter import TokenCounter
from token_guard.counting.meter import Measure, Meter
from token_guard.counting.meters import meter_for

__all__ = ["Measure", "Meter", "TokenCounter", "meter_for"]
