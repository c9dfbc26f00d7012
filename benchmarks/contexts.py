"""What a reader finds in a forwarded request: facts with what they meant, work that is told, lines that can be quoted.

The questions are asked by `context_facts.py` of the corpus; here its tallies become values that can be added and compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeAlias

from engines import Fit, Wire

__all__ = ["COLUMNS", "Context", "FactsJudge", "Reading", "forwarding", "reading"]

COLUMNS = {
    "names whole": ("whole", "at_risk"),
    "bound": ("bound", "at_risk"),
    "changes told": ("told", "changes"),
    "outcomes": ("outcomes", "changes"),
    "edit lines": ("quotable", "lines"),
}
"""By column: what is kept, and of what."""


class FactsJudge(Protocol):
    """`context_facts.py` of the corpus."""

    def measure(self, fit: Fit, sessions: Sequence[list[Wire]], budget: int, every: int, /) -> dict[str, Any]: ...
    def judge(self, pre: list[Wire], out: Sequence[Wire], following: Wire, tally: dict[str, Any], /) -> None: ...


@dataclass(frozen=True, slots=True)
class Context:
    """Counts over the requests that were read; `put` and `bare` are tokens of text that the engine wrote."""

    judged: int = 0
    at_risk: int = 0
    whole: int = 0
    bound: int = 0
    changes: int = 0
    told: int = 0
    outcomes: int = 0
    lines: int = 0
    quotable: int = 0
    put: int = 0
    bare: int = 0
    invented: int = 0

    @classmethod
    def of(cls, tally: Mapping[str, Any]) -> Context:
        """The counts of the judge's tally."""
        return cls(**{name: int(tally[name]) for name in asdict(cls())})

    @classmethod
    def sum(cls, some: Iterable[Context]) -> Context:
        """All requests of some sessions together."""
        counts = [asdict(one) for one in some]
        return cls(**{name: sum(one[name] for one in counts) for name in asdict(cls())})

    def of_how_many(self, column: str) -> int:
        """How many of a column's things there were to keep."""
        return int(getattr(self, COLUMNS[column][1]))

    def share(self, column: str) -> float | None:
        """The share kept, to the three places that the page shows; None where there was nothing to keep."""
        part, of = (getattr(self, name) for name in COLUMNS[column])
        return round(part / of, 3) if of else None


Reading: TypeAlias = Callable[[Fit, list[Wire], int], Context]
"""Reads what an engine forwards of one session at a budget."""


def reading(facts: FactsJudge, every: int) -> Reading:
    """Reads every `every`-th over-budget request of a session."""
    return lambda fit, session, budget: Context.of(facts.measure(forwarding(fit), [session], budget, every))


def forwarding(fit: Fit) -> Fit:
    """An engine that raises forwards what it was given, as the judge's replay has it."""

    def fitted(messages: list[Wire], budget: int) -> Sequence[Wire]:
        try:
            return fit(messages, budget)
        except Exception:
            return messages

    return fitted
