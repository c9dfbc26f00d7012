"""The frozen record of what happened to one request; observers read it, nothing else is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from token_guard.budget import Budget, ContextLimit

__all__ = [
    "Action",
    "AskedAgain",
    "Correction",
    "Counted",
    "DecidedBy",
    "Fate",
    "Fitted",
    "Kept",
    "Quality",
    "Report",
    "Retained",
    "Rules",
    "Step",
    "removed_by_pass",
]

Action: TypeAlias = Literal["none", "compacted", "clamped", "rejected", "observed", "bypassed"]
DecidedBy: TypeAlias = Literal["bound", "cache", "count", "exact"]
Counted: TypeAlias = Literal["exact", "estimate", "bound"]


@dataclass(frozen=True, slots=True)
class Step:
    """One pass of one compaction: tokens before and after it, and whether it was `applied`, left things `unchanged`,
    or was `rolled back: <why>`."""

    name: str
    tokens_before: int
    tokens_after: int
    outcome: str = "applied"


def removed_by_pass(steps: Iterable[Step]) -> dict[str, int]:
    """The tokens that each pass removed; passes that changed nothing are left out.

    >>> removed_by_pass([Step("mask_observations", 900, 88), Step("deduplicate", 88, 88, "unchanged")])
    {'mask_observations': 812}
    """
    removed: dict[str, int] = {}
    for step in steps:
        if step.outcome == "applied":
            removed[step.name] = removed.get(step.name, 0) + step.tokens_before - step.tokens_after
    return removed


@dataclass(frozen=True, slots=True)
class Retained:
    """Of the different paths, identifiers, ... of the client's messages, the shares that the forwarded ones still hold;
    1.0 where there were none."""

    paths: float = 1.0
    identifiers: float = 1.0
    numbers: float = 1.0
    error_lines: float = 1.0
    decisions: float = 1.0
    directives: float = 1.0


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules and facts that the user gave: how many were found, and how many of them are forwarded, to the letter."""

    found: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Quality:
    """What the compactions of a history left of it, in shares between 0 and 1; found once an epoch, for the messages before it.

    `retention` is of what the history comes back to: the paths, identifiers and numbers that more than one message has; one counts
    where it still stands with words that it stood with, not in a list of names. `changes` is of the calls that changed something: that
    they are told. `names` is of all names, wherever they stand, `by_class` of each kind. `relevance` is of what earlier messages have
    to do with the present: each of their names that the task or the newest messages use as well weighs the more, the fewer
    messages have it; a name counts where its own message still holds it, not where a note mentions it.
    """

    retention: float = 1.0
    by_class: Retained = Retained()
    relevance: float = 1.0
    names: float = 1.0
    changes: float = 1.0
    rules: Rules = Rules()


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """A call that repeats one whose result was taken out: what kind of text that was (code, log, json, ...), and the tool."""

    kind: str
    tool: str


Fate: TypeAlias = Literal["whole", "cut", "gone", "none"]
"""What became of something that should stay; `none` where there was no such thing."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of the running task, the rules that the client loaded, the newest plan, and the newest exchange."""

    task: Fate = "none"
    rules: Fate = "none"
    plan: Fate = "none"
    newest: Fate = "none"

    @property
    def told(self) -> dict[str, Fate]:
        """What became of each thing that there was."""
        if self is NOTHING_KEPT:  # of nearly every request
            return {}
        fates: dict[str, Fate] = {"task": self.task, "rules": self.rules, "plan": self.plan, "newest": self.newest}
        return {name: fate for name, fate in fates.items() if fate != "none"}


NOTHING_KEPT = Kept()
"""Of a request that is not compacted."""


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
    measurement settled the question: a proven bound, cached counts, the tokenizer, or, where the tokenizer's estimate left it open, the
    model's own vocabulary (`exact`); a count that holds an upper bound on the price of media is a bound. `steps` has one step
    for each pass that ran, with the tokens of all the compactions that the history went through.
    `repaired` says which breaks of the client's own were mended, and how many.
    """

    action: Action
    model: str
    limit: ContextLimit
    budget: Budget
    tokens_before: int
    tokens_after: int
    decided_by: DecidedBy = "count"
    margin: float = 0.0
    """By which share the provider may count more than the report says; 0 where the tokenizer is the model's own."""
    steps: tuple[Step, ...] = ()
    quality: Quality = Quality()
    """What the compactions left of the history; all 1.0 when nothing was removed."""
    kept: Kept = NOTHING_KEPT
    """What compaction left of that which should stay whole; all `none` where nothing was compacted."""
    repaired: tuple[str, ...] = ()
    epochs: int = 0
    """How many compactions the history has been through, this turn's included."""
    is_new_epoch: bool = False
    """Whether the newest compaction was made at this turn; later ones repeat it."""
    asked_again: tuple[AskedAgain, ...] = ()
    """Calls of this turn that repeat one whose result was taken out before."""
    max_output_tokens: int | None = None
    """The reply length that was forwarded instead of the client's, when it was clamped."""
    correction: Correction | None = None
    """How far the provider's counts were from the estimates so far; None when nothing is known of the deployment."""
    note: str = ""
    """Why a request was passed by, rejected or left as it was, in a few words; never any content."""
    would: Action | None = None
    """What would have been done, where requests are only observed; all figures are of that."""
    session: str = ""
    """Which conversation was compacted, as `sessions.session_of` names it; empty where none was."""
    seconds: float = 0.0

    @property
    def counted(self) -> Counted:
        """What the numbers of tokens are: the model's own count, an estimate that `margin` is kept for, or a bound that they stay below."""
        if self.decided_by == "bound":
            return "bound"
        return "exact" if self.decided_by == "exact" or not self.margin else "estimate"

    @property
    def retention(self) -> float:
        """The share of what the history comes back to that is forwarded in its context; see `Quality`."""
        return self.quality.retention

    @property
    def rules(self) -> Rules:
        """How many rules and facts of the user's were found in what was compacted, and how many of them are forwarded."""
        return self.quality.rules

    @property
    def compression_ratio(self) -> float:
        """Forwarded tokens as a share of the client's."""
        return round(self.tokens_after / self.tokens_before, 4) if self.tokens_before else 1.0

    @property
    def utilisation(self) -> float:
        """Forwarded tokens as a share of what is allowed."""
        return round(self.tokens_after / self.budget.allowed, 4) if self.budget.allowed else 0.0

    @property
    def removed(self) -> dict[str, int]:
        """The tokens that each pass removed, over all compactions of the history."""
        return removed_by_pass(self.steps)

    def as_json(self) -> dict[str, Any]:
        """All fields, and what is worked out from them, as plain values."""
        figures = {name: getattr(self, name) for name in ("counted", "retention", "compression_ratio", "utilisation", "removed")}
        return {**asdict(self), **figures}


@dataclass(frozen=True, slots=True)
class Fitted:
    """A request as it is to be forwarded (the very same object when nothing was done), and the report on it."""

    request: Mapping[str, Any]
    report: Report = field(repr=False)
