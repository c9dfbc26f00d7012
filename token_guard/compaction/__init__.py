"""Compaction passes, weakest first, run until the aim is met.

A pass is a frozen dataclass whose fields are its options; called with a `Draft` and a `Goal` it returns a new draft.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol, TypeAlias

from token_guard.compaction.ledger import Ledger
from token_guard.conversation import Message
from token_guard.errors import where
from token_guard.report import Step

__all__ = ["Compacted", "Counter", "Draft", "Goal", "Ledger", "Pass", "run"]

_LOG: Final = logging.getLogger("token_guard")

Complaint: TypeAlias = Callable[[Sequence[Message], Sequence[Message]], str | None]


class Counter(Protocol):
    """What a pass needs of a meter; every count is in tokens."""

    def text(self, text: str) -> int: ...
    def message(self, message: Message) -> int: ...
    def messages(self, messages: Iterable[Message]) -> int: ...


@dataclass(frozen=True, slots=True)
class Draft:
    """Messages on their way through the passes, and what was taken out of them so far."""

    messages: tuple[Message, ...]
    ledger: Ledger = Ledger()


LEFT_PART = 3
"""A compaction that leaves less than this part of the room has gone deeper than anybody was told."""


@dataclass(frozen=True, slots=True)
class Goal:
    """Sizes in tokens, of the messages alone.

    A pass takes nothing out below `target`, and cuts what is protected only above `most`. Passes follow one another
    until `aim` is met, which is lower than the target where what stays at the head is large. `fixed` is what instructions take.
    `cap` is where what is protected has to be cut: beyond `allowed`, where the reply can give way.
    """

    target: int
    allowed: int
    aim: int | None = None
    fixed: int = 0
    cap: int = 0

    @property
    def least(self) -> int:
        """What is left at least as long as something else can be done than taking exchanges out: a third of the room; of what is no
        session yet, and is cut to what is allowed and no further, all of it."""
        return self.target if self.end >= self.allowed else min(self.target, self.fixed + self.room // LEFT_PART)

    @property
    def most(self) -> int:
        """What protected messages may count together with all else that is left."""
        return max(self.allowed, self.cap)

    @property
    def room(self) -> int:
        """What is allowed beside instructions."""
        return max(0, self.allowed - self.fixed)

    @property
    def end(self) -> int:
        """The size at which no further pass is needed."""
        return self.target if self.aim is None else self.aim


class Pass(Protocol):
    """One way of making a conversation smaller."""

    @property
    def name(self) -> str:
        """Its name in reports, headers and metrics."""

    def __call__(self, draft: Draft, goal: Goal, counter: Counter) -> Draft:
        """A smaller draft, or the same one when there is nothing to gain."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """The result of one compaction: the draft, its size in tokens, and what each pass did."""

    draft: Draft
    tokens: int
    steps: tuple[Step, ...]


def run(passes: Iterable[Pass], draft: Draft, goal: Goal, counter: Counter, complaint: Complaint) -> Compacted:
    """Run the passes in order until the aim is met; one whose result breaks a rule or grows is rolled back, and so is one that raises."""
    steps: list[Step] = []
    tokens = counter.messages(draft.messages)
    for step in passes:
        if tokens <= goal.end:
            break
        try:
            tried = step(draft, goal, counter)
            size = counter.messages(tried.messages)
            outcome = _outcome(draft, tried, tokens, size, complaint)
        except Exception as error:  # the passes behind it make up for it: better than a request that does not fit
            tried, size, outcome = draft, tokens, f"rolled back: it raised {where(error)}"
            _warn(step.name, where(error))
        steps.append(Step(step.name, tokens, size, outcome))
        if outcome == "applied":
            draft, tokens = tried, size
    return Compacted(draft, tokens, tuple(steps))


@lru_cache(maxsize=256)
def _warn(name: str, place: str) -> None:
    """Say once that a pass raises in a place: reports add up the compactions of a session, of which others may have gone well."""
    _LOG.warning("token_guard compacts without the pass %s where it raises: %s", name, place)


def _outcome(before: Draft, after: Draft, tokens_before: int, tokens_after: int, complaint: Complaint) -> str:
    if after.messages == before.messages:
        return "unchanged"
    if tokens_after >= tokens_before:
        return "rolled back: it grew"
    broken = complaint(before.messages, after.messages)
    return f"rolled back: {broken}" if broken else "applied"
