"""What requests added up to, by model; totals of sessions can be added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from token_guard.report import Report
from token_guard.simulation.bill import Bill

__all__ = ["Against", "Quality", "Side", "Total", "added"]

BUCKETS = 12
"""Tenths of the window in a histogram of sizes; the last but one is what is up to twice as large, the last everything larger."""


@dataclass(slots=True)
class Quality:
    """What compaction left, summed over what was compacted: shares over requests, rules over the last compaction of each session."""

    compacted: int = 0
    retention: float = 0.0
    changes: float = 0.0
    rules_found: int = 0
    rules_kept: int = 0

    def note(self, report: Report) -> None:
        """One more compacted request."""
        self.compacted += 1
        self.retention += report.quality.retention
        self.changes += report.quality.changes

    def note_session(self, report: Report) -> None:
        """The last compacted request of a session."""
        self.rules_found += report.rules.found
        self.rules_kept += report.rules.kept

    def as_json(self) -> dict[str, Any]:
        """The shares as means; None where nothing was compacted."""
        mean = {"retention": self.retention, "changes_told": self.changes}
        shares = {name: round(value / self.compacted, 4) if self.compacted else None for name, value in mean.items()}
        return {"compacted": self.compacted, **shares, "rules_found": self.rules_found, "rules_kept": self.rules_kept}


@dataclass(slots=True)
class Side:
    """What one guard did: how often it did what, and what its requests were."""

    actions: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    bytes: int = 0
    bill: Bill = field(default_factory=Bill)
    quality: Quality = field(default_factory=Quality)

    def as_json(self) -> dict[str, Any]:
        """All figures; costs in dollars."""
        return {
            "actions": dict(self.actions),
            "tokens": self.tokens,
            "bytes": self.bytes,
            "bill": _bill(self.bill),
            "quality": self.quality.as_json(),
        }


@dataclass(slots=True)
class Against:
    """What a provider itself counted, and what is simulated of the same requests."""

    requests: int = 0
    pauses: int = 0
    """How often its cache had lost what the requests before had left there."""
    counted: Bill = field(default_factory=Bill)
    simulated: Bill = field(default_factory=Bill)

    def as_json(self) -> dict[str, Any]:
        """Both bills, and by which share the simulated one is off."""
        off = self.simulated.cost / self.counted.cost - 1.0 if self.counted.cost else None
        return {
            "requests": self.requests,
            "pauses": self.pauses,
            "counted": _bill(self.counted),
            "simulated": _bill(self.simulated),
            "off": None if off is None else round(off, 4),
        }


@dataclass(slots=True)
class Total:
    """All requests for one model."""

    model: str
    window: int = 0
    source: str = ""
    priced_as: str = ""
    """The name of the model in the map of prices; empty where it has none."""
    sessions: int = 0
    requests: int = 0
    overflowing: int = 0
    before: Side = field(default_factory=Side)
    after: Side = field(default_factory=Side)
    other: Side | None = None
    """The same by other settings, where they are compared."""
    provider: Against = field(default_factory=Against)
    sizes: Counter[int] = field(default_factory=Counter)
    """Requests by their size in tenths of the window."""

    def note_size(self, tokens: int) -> None:
        """One more request of a size."""
        tenths = 10 * tokens // max(1, self.window)
        self.sizes[tenths if tenths < BUCKETS - 2 else BUCKETS - 2 if tenths < 2 * (BUCKETS - 2) else BUCKETS - 1] += 1

    def as_json(self) -> dict[str, Any]:
        """All figures."""
        before = {key: value for key, value in self.before.as_json().items() if key not in ("actions", "quality")}
        return {
            "model": self.model,
            "window": {"max_input_tokens": self.window, "source": self.source},
            "priced_as": self.priced_as or None,
            "sessions": self.sessions,
            "requests": self.requests,
            "overflowing": self.overflowing,
            "before": before,
            "after": self.after.as_json(),
            **({"against": self.other.as_json()} if self.other else {}),
            "provider": self.provider.as_json() if self.provider.requests else None,
            "sizes": [self.sizes[bucket] for bucket in range(BUCKETS)],
        }


def added(totals: Iterable[Total]) -> list[Total]:
    """One total for each model, the one with most requests first."""
    by_model: dict[str, Total] = {}
    for total in totals:
        known = by_model.get(total.model)
        if known is None:
            by_model[total.model] = total
        else:
            _add(known, total)
    return sorted(by_model.values(), key=lambda total: (-total.requests, total.model))


def _add(into: Total, other: Total) -> None:
    into.sessions += other.sessions
    into.requests += other.requests
    into.overflowing += other.overflowing
    into.sizes += other.sizes
    for mine, theirs in ((into.before, other.before), (into.after, other.after), (into.other, other.other)):
        if mine is not None and theirs is not None:
            _add_side(mine, theirs)
    into.provider.requests += other.provider.requests
    into.provider.pauses += other.provider.pauses
    into.provider.counted += other.provider.counted
    into.provider.simulated += other.provider.simulated


def _add_side(into: Side, other: Side) -> None:
    into.actions += other.actions
    into.tokens += other.tokens
    into.bytes += other.bytes
    into.bill += other.bill
    for name in ("compacted", "retention", "changes", "rules_found", "rules_kept"):
        setattr(into.quality, name, getattr(into.quality, name) + getattr(other.quality, name))


def _bill(bill: Bill) -> Mapping[str, Any]:
    return {"uncached": bill.plain, "cache_read": bill.read, "cache_written": bill.write, "cost": round(bill.cost, 6)}
