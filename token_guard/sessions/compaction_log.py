"""The last compactions of each conversation: an observer of reports, without any content.

The log is this process's own and in memory; its events are plain values, ready for a store.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cachetools import LRUCache

from token_guard.report import Report, Retained, Step

__all__ = ["CompactionEvent", "CompactionLog", "event_of"]

MAX_EVENTS = 20
"""Events kept of a session; the oldest go first."""

MAX_SESSIONS = 1_000
"""Sessions kept, least recently compacted out first: with 20 events of about a kilobyte each, 20 MB at most."""


@dataclass(frozen=True, slots=True)
class CompactionEvent:
    """One compaction of a session: when (seconds since 1970), for which model, and what it did, in tokens and shares.

    `steps` and `retention` are those of the report: of all `epochs` that the history has been through by then.
    """

    time: float
    model: str
    tokens_before: int
    tokens_after: int
    steps: tuple[Step, ...]
    retention: float
    epochs: int
    by_class: Retained = field(default_factory=Retained)
    """What is left of each kind of name; see `Quality`."""

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


class CompactionLog:
    """The last events of the sessions seen last; bounded and thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._events: LRUCache[str, deque[CompactionEvent]] = LRUCache(MAX_SESSIONS)
        self._lock = threading.Lock()
        self._clock = clock

    def __len__(self) -> int:
        return len(self._events)

    def __call__(self, session: str) -> tuple[CompactionEvent, ...]:
        """The events of a session, oldest first; none where it is not known."""
        with self._lock:
            return tuple(self._events.get(session, ()))

    def observe(self, report: Report) -> None:
        """Note a compaction. A turn that only repeats earlier ones, as the replay does, is none."""
        if report.action != "compacted" or not report.session:
            return
        with self._lock:
            events = self._events.get(report.session) or deque(maxlen=MAX_EVENTS)
            if _is_new(report, events):
                events.append(event_of(report, self._clock()))
            self._events[report.session] = events


def _is_new(report: Report, events: Sequence[CompactionEvent]) -> bool:
    last = next((event for event in reversed(events) if event.model == report.model), None)
    return last is None or last.epochs != report.epochs


def event_of(report: Report, now: float) -> CompactionEvent:
    """The compaction that a report tells of."""
    told = (report.tokens_before, report.tokens_after, report.steps, report.retention, report.epochs, report.quality.by_class)
    return CompactionEvent(now, report.model, *told)
