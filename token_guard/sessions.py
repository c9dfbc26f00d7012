"""Which conversation a request belongs to, and the last compactions of each: an observer of reports, without any content.

The log is this process's own and in memory; its events are plain values, ready for a store.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

from cachetools import LRUCache

from token_guard.conversation import Message
from token_guard.report import Report, Step

__all__ = ["CompactionEvent", "CompactionLog", "session_of"]

MAX_EVENTS = 20
"""Events kept of a session; the oldest go first."""

MAX_SESSIONS = 1_000
"""Sessions kept, least recently compacted out first: with 20 events of about a kilobyte each, 20 MB at most."""

METADATA = ("litellm_metadata", "metadata")
"""Where a request may carry the fields of the proxy and the client."""

GIVEN = ("session_id", "trace_id")
"""What a client calls its session in the metadata. The proxy's own `litellm_trace_id` is made up for each request."""


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
                events.append(_event(report, self._clock()))
            self._events[report.session] = events


def session_of(request: Mapping[str, Any], messages: Sequence[Message]) -> str:
    """The name of a conversation: what LiteLLM or the client calls it, else a digest of its opening.

    The opening is the instructions and the first user message, which a client sends with every turn; conversations that
    open with the same words share a name.
    """
    metadata = [request[place] for place in METADATA if isinstance(request.get(place), Mapping)]
    given = [request.get("litellm_session_id"), *(fields.get(name) for name in GIVEN for fields in metadata)]
    return next((name for name in given if isinstance(name, str) and name), _digest(messages))


def _digest(messages: Sequence[Message]) -> str:
    digest = blake2b(digest_size=16)
    for message in _opening(messages):
        digest.update(f"{message.role}\n{message.said}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _opening(messages: Sequence[Message]) -> list[Message]:
    first = next((place for place, message in enumerate(messages) if message.asks), len(messages) - 1)
    return list(messages[: first + 1])


def _is_new(report: Report, events: Sequence[CompactionEvent]) -> bool:
    last = next((event for event in reversed(events) if event.model == report.model), None)
    return last is None or last.epochs != report.epochs


def _event(report: Report, now: float) -> CompactionEvent:
    return CompactionEvent(now, report.model, report.tokens_before, report.tokens_after, report.steps, report.retention, report.epochs)
