"""Token counting: exact where it can be, a proven bound where not, and nearly free.

`meter_for` gives the meter of a model's tokenizer family, `own_meter_for` the one that counts by the model's own vocabulary, where an
extra has brought it; `TokenCounter` is its face for people; `keep_large_counts` lets counts of very
large texts survive a restart.
"""

from __future__ import annotations

from token_guard.counting.calibration import Calibration, is_cut
from token_guard.counting.calibrations import Calibrations
from token_guard.counting.counter import TokenCounter
from token_guard.counting.files import count_chunks, count_file
from token_guard.counting.meter import Measure, Meter
from token_guard.counting.meters import bound_cache, keep_large_counts, meter_for, own_meter_for

__all__ = [
    "Calibration",
    "Calibrations",
    "Measure",
    "Meter",
    "TokenCounter",
    "bound_cache",
    "count_chunks",
    "count_file",
    "is_cut",
    "keep_large_counts",
    "meter_for",
    "own_meter_for",
]
