"""Counts of pairs and of how comparisons ended: all that is kept of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from token_guard.shadow.actions import Agreement
from token_guard.shadow.intervals import Interval, gap, mean, rate

__all__ = ["Agreed", "Overlaps", "Tally"]


class _Sums:
    """Numbers that add up, field by field."""

    __slots__ = ()

    def plus(self, other: Self) -> Self:
        """Both together."""
        names = [one.name for one in fields(self)]  # type: ignore[arg-type]
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in names})  # type: ignore[type-var]


@dataclass(frozen=True, slots=True)
class Agreed(_Sums):
    """Of so many pairs: in how many the second whole reply agreed with the first, in how many the compacted one did, in how many both."""

    pairs: int = 0
    whole: int = 0
    compacted: int = 0
    both: int = 0

    @classmethod
    def of(cls, whole: bool | None, compacted: bool | None) -> Agreed:
        """One pair; none where there was nothing to agree on."""
        if whole is None or compacted is None:
            return cls()
        return cls(1, int(whole), int(compacted), int(whole and compacted))

    @property
    def by_itself(self) -> Interval | None:
        """How often the model disagrees with itself."""
        return rate(self.pairs - self.whole, self.pairs)

    @property
    def over_compaction(self) -> Interval | None:
        """How often it disagrees with itself over a compaction."""
        return rate(self.pairs - self.compacted, self.pairs)

    @property
    def added(self) -> Interval | None:
        """By how much the second is more than the first."""
        return gap(self.whole - self.both, self.compacted - self.both, self.pairs)


@dataclass(frozen=True, slots=True)
class Overlaps(_Sums):
    """The overlaps of so many texts with the second whole reply and with the compacted one, and what their differences add up to."""

    pairs: int = 0
    whole: float = 0.0
    compacted: float = 0.0
    whole_squares: float = 0.0
    compacted_squares: float = 0.0
    difference_squares: float = 0.0

    @classmethod
    def of(cls, whole: float | None, compacted: float | None) -> Overlaps:
        """One pair; none where the model did not answer in words."""
        if whole is None or compacted is None:
            return cls()
        return cls(1, whole, compacted, whole**2, compacted**2, (whole - compacted) ** 2)

    @property
    def by_itself(self) -> Interval | None:
        """The words that two replies to the whole request share, on average."""
        return mean(self.whole, self.whole_squares, self.pairs)

    @property
    def over_compaction(self) -> Interval | None:
        """Those that the reply to the compacted one shares."""
        return mean(self.compacted, self.compacted_squares, self.pairs)

    @property
    def lost(self) -> Interval | None:
        """By how much the second is less than the first."""
        return mean(self.whole - self.compacted, self.difference_squares, self.pairs)


@dataclass(frozen=True, slots=True)
class Tally:
    """What comparisons add up to: their agreements, how many ended how, what they cost."""

    next: Agreed = Agreed()
    tool: Agreed = Agreed()
    target: Agreed = Agreed()
    arguments: Agreed = Agreed()
    overlap: Overlaps = Overlaps()
    ended: Mapping[str, int] = field(default_factory=dict)
    spent: float = 0.0

    @classmethod
    def of(cls, whole: Agreement, compacted: Agreement) -> Tally:
        """One pair, by how the second whole reply and the compacted one agree with the first."""
        return cls(
            next=Agreed.of(whole.next, compacted.next),
            tool=Agreed.of(whole.tool, compacted.tool),
            target=Agreed.of(whole.target, compacted.target),
            arguments=Agreed.of(whole.arguments, compacted.arguments),
            overlap=Overlaps.of(whole.overlap, compacted.overlap),
        )

    @classmethod
    def from_json(cls, known: Mapping[str, Any]) -> Tally:
        """The tally that `as_json` wrote."""
        agreed = {name: Agreed(**known[name]) for name in ("next", "tool", "target", "arguments")}
        return cls(**agreed, overlap=Overlaps(**known["overlap"]), ended=dict(known["ended"]), spent=float(known["spent"]))

    def as_json(self) -> dict[str, Any]:
        """All counts as plain values."""
        return asdict(self)

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(
            self.next.plus(other.next),
            self.tool.plus(other.tool),
            self.target.plus(other.target),
            self.arguments.plus(other.arguments),
            self.overlap.plus(other.overlap),
            {how: self.ended.get(how, 0) + other.ended.get(how, 0) for how in {**self.ended, **other.ended}},
            self.spent + other.spent,
        )
