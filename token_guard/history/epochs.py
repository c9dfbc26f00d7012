"""When an epoch is due, how far it goes, and how long the next one waits."""

from __future__ import annotations

from collections.abc import Sequence

from token_guard.compaction import Counter, Goal
from token_guard.compaction.pins import head, pins
from token_guard.conversation import Message
from token_guard.history.states import State
from token_guard.history.thresholds import HIGHEST, Levels
from token_guard.report import Step

__all__ = ["epoch_goal", "floor_after", "summed", "trigger_of", "whole_again"]

KEPT_SHARE = 0.5
"""However much task and notes take, the exchanges after them keep this share of the target."""

RECALL_SHARE, TALK_SHARE = 0.1, 0.5
"""Of a conversation that waits until it does not fit, once something was taken out: what is left free to bring it back, as a share of
what is allowed; and in talk, where a question has a better answer the more of it is found, as a share of what an epoch frees."""


def trigger_of(state: State, history: Sequence[Message], at: Levels, allowed: int, counter: Counter, *, recalls: bool) -> int:
    """The size above which there is an epoch: higher where task and notes take so much of the budget that an epoch
    frees little, so that what it writes is read from the prompt cache more than once or twice; and lower where all of it could be
    used but for what is to be recalled."""
    if recalls and state.epochs and at.trigger >= allowed:
        return allowed - int(TALK_SHARE * (allowed - at.target) if state.tally.kind == "talk" else RECALL_SHARE * allowed)
    fixed = min(allowed, state.instructions)
    highest = fixed + int(HIGHEST * (allowed - fixed))
    if state.tokens <= at.trigger or at.trigger >= highest:
        return at.trigger
    if state.tokens > highest:  # where it is due whatever task and notes take: to find these is to look through all of the history
        return highest
    crowd = counter.messages(head(history)) - fixed - int((1 - KEPT_SHARE) * (at.target - fixed))
    return max(at.trigger, min(at.trigger + crowd, highest))


def epoch_goal(view: Sequence[Message], at: Levels, instructions: int, allowed: int, cap: int, counter: Counter) -> Goal:
    """The target, or more where what stays at the head would leave the newest exchanges too little of it."""
    kept = counter.messages(head(view)) + int(KEPT_SHARE * max(0, at.target - instructions))
    return Goal(min(allowed, max(at.target, kept)), allowed, at.target, min(allowed, instructions), cap)


def floor_after(tokens: int, at: Levels, allowed: int) -> int:
    """The size up to which there is no further epoch after one that left so many tokens; 0 where it reached its target: the next one
    waits until what an epoch frees has come in again."""
    return min(tokens + at.trigger - at.target, allowed) if tokens > at.target else 0


def whole_again(view: Sequence[Message], history: Sequence[Message]) -> tuple[Message, ...]:
    """The view with task, plan and rules as the client sends them: what had to be cut beside a large output may have room now."""
    stays = pins(view)
    cut = {place for place in stays.task | stays.plan | stays.rules if view[place].index is not None and _is_cut(view[place])}
    return tuple(history[message.index or 0] if place in cut else message for place, message in enumerate(view)) if cut else tuple(view)


def _is_cut(message: Message) -> bool:
    """Whether something of a message of the client's is gone; words that were added to it stay."""
    sent = message.origin.parts if message.origin else ()
    return message.parts[: len(sent)] != sent


def summed(earlier: Sequence[Step], new: Sequence[Step]) -> tuple[Step, ...]:
    """One step a pass, with the tokens of all epochs.

    >>> summed([Step("truncate", 90, 60)], [Step("truncate", 80, 70), Step("summarize", 70, 70, "unchanged")])[0]
    Step(name='truncate', tokens_before=170, tokens_after=130, outcome='applied')
    """
    sums: dict[str, Step] = {}
    for step in (*earlier, *new):
        known = sums.get(step.name, Step(step.name, 0, 0, step.outcome))
        outcome = "applied" if "applied" in (known.outcome, step.outcome) else step.outcome
        sums[step.name] = Step(step.name, known.tokens_before + step.tokens_before, known.tokens_after + _result(step), outcome)
    return tuple(sums.values())


def _result(step: Step) -> int:
    return step.tokens_after if step.outcome == "applied" else step.tokens_before
