"""What stores keep, as values: facts (a text under a section and a key), and the records of sessions, which grow by changes.

A change holds increments, never totals, so that the changes of all replicas add up whatever their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias, TypeVar

__all__ = [
    "COUNTS",
    "EVENTS",
    "GAPS",
    "LABELS",
    "ORIGINALS",
    "Asked",
    "Batch",
    "Fact",
    "History",
    "News",
    "Page",
    "SessionChange",
    "SessionRecord",
    "Totals",
    "grown",
    "summed",
]

N = TypeVar("N")

LABELS: Final = ("session", "owner", "key_alias", "team", "model", "deployment")
"""What a session is known by: the client's name for it, the hash of the key that sent it, its alias and team, and what answered last."""

COUNTS: Final = ("requests", "tokens_in", "tokens_forwarded", "tokens_saved", "compactions", "errors")

GAPS: Final = "history_gaps"
"""The section of facts that says which held histories lack an exchange."""

ORIGINALS: Final = ":originals"
"""What stands behind the id of a session where the originals of its outputs are held; they go with it."""

EVENTS: Final = 20
"""Compaction events kept of a session; the oldest go first."""

Asked: TypeAlias = tuple[str, str]
"""The kind of a call that was asked again, and its tool."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A text under a section and a key, for so many seconds (None: for good); no text where it is forgotten."""

    section: str
    key: str
    value: str | None = field(repr=False)
    ttl_seconds: float | None = None
    claimed: bool = False
    """Whether what is there already stays: of several who claim, the first counts."""

    @property
    def place(self) -> tuple[str, str]:
        """What it is kept under."""
        return self.section, self.key


@dataclass(frozen=True, slots=True)
class SessionChange:
    """What one or more requests add to the record of a session. `at` is seconds since 1970, of the last of them."""

    id: str
    at: float
    ttl_seconds: float
    """How long the record stays when nothing more comes."""
    labels: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    usage_ratio: float | None = None
    epochs: int | None = None
    asked: Mapping[Asked, int] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    """Compactions, each as JSON; never any content."""

    def then(self, later: SessionChange) -> SessionChange:
        """Both as one change."""
        return replace(
            later,
            at=max(self.at, later.at),
            labels={**self.labels, **later.labels},
            counts=_sum(self.counts, later.counts),
            usage_ratio=self.usage_ratio if later.usage_ratio is None else later.usage_ratio,
            epochs=self.epochs if later.epochs is None else later.epochs,
            asked=_sum(self.asked, later.asked) if later.asked else self.asked,
            events=(self.events + later.events)[-EVENTS:],
        )


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """All that is known of a session; times are seconds since 1970."""

    id: str
    labels: Mapping[str, str]
    counts: Mapping[str, int]
    usage_ratio: float
    epochs: int
    first_seen: float
    last_seen: float
    asked: Mapping[Asked, int] = field(default_factory=dict)
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """The held conversation of a session, sealed. `version` is another one after each change; 0 where nothing is held."""

    version: int
    sealed: str = field(repr=False)
    is_whole: bool = True
    """Whether all of it is there: an exchange that could not be kept is missing in it."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which sessions are wanted: those with these labels, newest first, behind a place in that order."""

    where: Mapping[str, str] = field(default_factory=dict)
    limit: int = 50
    after: tuple[float, str] | None = None
    """When the session before was last seen, and its id."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What the sessions with some labels add up to."""

    sessions: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    asked: Mapping[Asked, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written at once, wholly or not at all. One that is `uncertain` may have been written before its connection broke."""

    id: str
    facts: tuple[Fact, ...]
    changes: tuple[SessionChange, ...]
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """Facts that were written or forgotten since a time of the backend's own clock, and the time to ask from next."""

    facts: tuple[Fact, ...]
    until: int


def grown(record: SessionRecord | None, change: SessionChange) -> SessionRecord:
    """A record after a change."""
    known = record or SessionRecord(change.id, {}, dict.fromkeys(COUNTS, 0), 0.0, 0, change.at, change.at)
    return SessionRecord(
        known.id,
        labels={**known.labels, **change.labels},
        counts=_sum(known.counts, change.counts),
        usage_ratio=known.usage_ratio if change.usage_ratio is None else change.usage_ratio,
        epochs=known.epochs if change.epochs is None else change.epochs,
        first_seen=known.first_seen,
        last_seen=max(known.last_seen, change.at),
        asked=_sum(known.asked, change.asked) if change.asked else known.asked,
        events=(known.events + change.events)[-EVENTS:],
    )


def summed(records: Iterable[SessionRecord]) -> Totals:
    """What records add up to."""
    sessions, counts, asked = 0, dict.fromkeys(COUNTS, 0), dict[Asked, int]()
    for record in records:
        sessions, counts, asked = sessions + 1, _sum(counts, record.counts), _sum(asked, record.asked)
    return Totals(sessions, counts, asked)


def _sum(some: Mapping[N, int], more: Mapping[N, int]) -> dict[N, int]:
    return {name: some.get(name, 0) + more.get(name, 0) for name in {**some, **more}}
