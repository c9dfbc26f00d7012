"""Whether compaction changes what a model does next: the same request asked whole, whole once more, and compacted.

The first two replies say how far the model agrees with itself, which is the yardstick; the first and the third how far it agrees with
itself over a compaction. Replies are compared and dropped; what is kept are counts.
"""

from __future__ import annotations

from token_guard.shadow.actions import Action, Agreement, agreement
from token_guard.shadow.book import Book, Reservation
from token_guard.shadow.intervals import LEAST_PAIRS, Interval, gap, rate
from token_guard.shadow.rates import Rates, names_of, rates_in
from token_guard.shadow.records import Records, read
from token_guard.shadow.tally import Agreed, Overlaps, Tally

__all__ = [
    "LEAST_PAIRS",
    "Action",
    "Agreed",
    "Agreement",
    "Book",
    "Interval",
    "Overlaps",
    "Rates",
    "Records",
    "Reservation",
    "Tally",
    "agreement",
    "gap",
    "names_of",
    "rate",
    "rates_in",
    "read",
]
