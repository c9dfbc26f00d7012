"""Pass 2 of the strategies that go by age: everything older than a window of the newest exchanges goes into a note."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from token_guard.compaction import Counter, Draft, Goal
from token_guard.compaction.pins import droppable
from token_guard.compaction.summarize import Summarize
from token_guard.conversation import Message

__all__ = ["SummarizeOld"]


@dataclass(frozen=True, slots=True)
class SummarizeOld:
    """Summarises all exchanges that may go, but for the newest ones: of these, what has room in `window` stays as it is.

    `window` is a share of the target; 0 keeps no exchange but what every compaction keeps (instructions, task, last turn).
    """

    summarize: Summarize = field(default_factory=Summarize)
    window: float = 0.0
    name: str = "summarize"

    def __call__(self, draft: Draft, goal: Goal, counter: Counter) -> Draft:
        if counter.messages(draft.messages) <= goal.target:
            return draft
        recent = _newest(draft.messages, int(self.window * goal.target), counter)
        older = tuple(message for place, message in enumerate(draft.messages) if place not in recent)
        done = self.summarize(replace(draft, messages=older), replace(goal, target=0), counter)
        return replace(done, messages=tuple(_merged(done.messages, [draft.messages[place] for place in sorted(recent)])))


def _newest(messages: Sequence[Message], room: int, counter: Counter) -> frozenset[int]:
    """Places of the newest exchanges that may go and have room, without a gap; what they hold back stays with them."""
    kept: set[int] = set()
    for unit, held in reversed(droppable(messages)):
        size = counter.messages(unit.messages)
        if size > room or not held <= kept:
            break
        room -= size
        kept.update(range(unit.start, unit.stop))
    return frozenset(kept)


def _merged(messages: Sequence[Message], back: Sequence[Message]) -> Iterator[Message]:
    """The messages with the others back in their places in the history; notes stay right before what follows them."""
    waiting = list(back)
    for message in messages:
        while waiting and message.index is not None and (waiting[0].index or 0) < message.index:
            yield waiting.pop(0)
        yield message
    yield from waiting
