"""The frozen record of what happened to one request; observers read it, nothing else is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from token_guard.budget import Budget, ContextLimit

__all__ = ["Action", "Correction", "DecidedBy", "Fitted", "Report", "Step"]

Action: TypeAlias = Literal["none", "compacted", "clamped", "rejected", "observed", "bypassed"]
DecidedBy: TypeAlias = Literal["bound", "cache", "count"]


@dataclass(frozen=True, slots=True)
class Step:
    """One pass of one compaction: tokens before and after it, and whether it was `applied`, left things `unchanged`,
    or was `rolled back: <why>`."""

    name: str
    tokens_before: int
    tokens_after: int
    outcome: str = "applied"


@dataclass(frozen=True, slots=True)
class Correction:
    """What the deployment's own counts taught: real = offset + slope x estimate, from so many samples, off by `spread`
    on average (a share)."""

    slope: float
    offset: float
    spread: float
    samples: int


@dataclass(frozen=True, slots=True)
class Report:
    """What the guard found and did.

    Token counts are of the whole prompt (messages, tools, formats, overheads). `decided_by` says which
    measurement settled the question: a proven bound, cached counts, or the tokenizer. `retention` is the
    share of the client's identifiers, paths and numbers that the forwarded messages still hold (1.0 when
    nothing was removed). `steps` has one step for each pass that ran, with the tokens of all the
    compactions that the history went through. `repaired` names breaks of the client's own that were mended.
    """

    action: Action
    model: str
    limit: ContextLimit
    budget: Budget
    tokens_before: int
    tokens_after: int
    decided_by: DecidedBy = "count"
    steps: tuple[Step, ...] = ()
    retention: float = 1.0
    repaired: tuple[str, ...] = ()
    epochs: int = 0
    """How many compactions the history has been through, this turn's included."""
    max_output_tokens: int | None = None
    """The reply length that was forwarded instead of the client's, when it was clamped."""
    correction: Correction | None = None
    """How far the provider's counts were from the estimates so far; None when nothing is known of the deployment."""
    note: str = ""
    """Why a request was passed by, rejected or left as it was, in a few words; never any content."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """A request as it is to be forwarded (the very same object when nothing was done), and the report on it."""

    request: Mapping[str, Any]
    report: Report = field(repr=False)
