"""A day's money, kept by all who share a store: what a call may cost is reserved before it is made, and settled after.

The book of a day is a row of numbered pages. Each page holds one change and the sum behind it, and belongs to whoever claims it first;
whoever comes second reads it and tries the next one. So no two can spend the same money, in whatever process they are.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

__all__ = ["Book", "MoneyStore", "Reservation"]

_SECTION: Final = "shadow_money"
_LAST: Final = "last"
_KEPT_SECONDS: Final = 2 * 86_400.0
"""A book outlives its day by what a call of the last minute takes to be settled, and by as long as somebody may want to look."""
_DUST: Final = 1e-9
"""Sums of floating-point money must not refuse what fits to the cent."""


class MoneyStore(Protocol):
    """What is needed of a store."""

    def get(self, section: str, key: str) -> str | None: ...
    def put(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> None: ...
    def claim(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> str: ...
    def flush(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money that is set aside of a day's."""

    day: str
    amount: float


class Book:
    """The money of each day; thread-safe. Its methods may wait for the store."""

    def __init__(self, per_day: float, store: MoneyStore, now: Callable[[], float] = time.time) -> None:
        self._per_day = per_day
        self._store = store
        self._now = now
        self._lock = threading.Lock()
        self._pages: dict[str, tuple[int, float]] = {}

    def reserve(self, amount: float) -> Reservation | None:
        """Set money aside; None where today's does not reach, or where the store does not answer: nobody knows then what others spend."""
        day = datetime.fromtimestamp(self._now(), UTC).date().isoformat()
        if not self._store.flush():
            return None
        with self._lock:
            return Reservation(day, amount) if self._write(day, amount, self._per_day) else None

    def settle(self, reservation: Reservation, spent: float) -> None:
        """Put what was really spent in the place of what was set aside."""
        with self._lock:
            self._write(reservation.day, spent - reservation.amount, None)

    def spent(self, day: str) -> float:
        """What the book of a day says, reservations included."""
        with self._lock:
            return self._last(day)[1]

    def _write(self, day: str, change: float, most: float | None) -> bool:
        """Add a page with this change; False where the sum would be more than it may be."""
        page, total = self._last(day)
        while most is None or total + change <= most + _DUST:
            page += 1
            mine = json.dumps({"by": uuid.uuid4().hex, "total": max(0.0, total + change)})
            written = self._store.claim(_SECTION, f"{day}/{page}", mine, ttl_seconds=_KEPT_SECONDS)
            total = float(json.loads(written)["total"])
            self._remember(day, page, total)
            if written == mine:
                self._store.put(_SECTION, f"{day}/{_LAST}", str(page), ttl_seconds=_KEPT_SECONDS)
                return True
        return False

    def _last(self, day: str) -> tuple[int, float]:
        """The last page that is known here, and its sum. Others may have written more: a claim tells."""
        page, total = self._pages.get(day, (0, 0.0))
        hinted = int(self._store.get(_SECTION, f"{day}/{_LAST}") or 0)
        if hinted > page and (known := self._total(day, hinted)) is not None:
            page, total = hinted, known
        while (known := self._total(day, page + 1)) is not None:
            page, total = page + 1, known
        self._remember(day, page, total)
        return page, total

    def _total(self, day: str, page: int) -> float | None:
        written = self._store.get(_SECTION, f"{day}/{page}")
        return None if written is None else float(json.loads(written)["total"])

    def _remember(self, day: str, page: int, total: float) -> None:
        self._pages = {**{other: known for other, known in self._pages.items() if other > day}, day: (page, total)}
