"""Where what is recalled goes in a history: behind the question that needs it, and out again with the next epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

from token_guard.compaction import Counter, Goal
from token_guard.conversation import Message
from token_guard.history.passages import Passages
from token_guard.history.recall import Recall, asked_in
from token_guard.history.states import Edited, State, bound, view_of
from token_guard.history.thresholds import Levels

__all__ = ["Recollection"]

WORTH_A_SEARCH = 2.0
"""Where at least half of a transcript or document fits, most of it in its order is worth more than quotes of it."""

BARE_SHARE = 0.15
"""What beside instructions and question, as a share of the room, stays of a transcript that is searched: its newest lines and a note."""

FOUND_SHARE = 0.9
"""A search that finds less than this share of what would have been forwarded without it is given up."""

SPARE_SHARE = 0.005
"""What a session of tools may recall at an epoch beyond its target, as a share of the budget: a line or two in a window of 16,000."""


@dataclass(frozen=True, slots=True)
class Recollection:
    """`allowed` is the budget of the messages in tokens, `levels` the sizes at which a history in some state is compacted."""

    allowed: int
    levels: Callable[[State], Levels]
    counter: Counter
    recall: Recall | None = None

    def answered(self, state: State, history: Sequence[Message], start: int, passages: Callable[[], Passages]) -> State:
        """The state with what the newest question needs: one that came with the messages from `start` on, or at an epoch any."""
        anew = state.upto == len(history)
        asked = asked_in(history if anew else history[start:]) if state.epochs else None
        if self.recall is None or asked is None:
            return state
        carrier = _forwarded(asked, state, history)
        if carrier is None or carrier.edited:
            return state
        spare = max(self.levels(state).target - state.tokens, int(SPARE_SHARE * self.allowed)) if anew else self.allowed
        gone = state.tally.tokens - state.tokens  # with all of it quoted, a request would be no smaller than its history
        room = min(gone, self.allowed - state.tokens, self.recall.room(carrier, state.tally.kind, self.allowed, spare))
        quoted = self.recall(carrier, cache(partial(view_of, state, history)), history, passages, state.tally.kind, room, self.counter)
        if quoted is carrier:
            return state
        tokens = state.tokens + self.counter.message(quoted) - self.counter.message(carrier)
        return replace(state, tokens=tokens, recalled=(*state.recalled, Edited(asked, quoted.parts)))

    def leaves(self, state: State, following: Sequence[Message]) -> bool:
        """Whether what is recalled now is taken out again by the messages that follow: `left` will find talk, and the user speaks."""
        speaks = any(message.role == "user" for message in following)
        return speaks and state.tally.kind == "talk" == state.tally.plus(following, 0).kind

    def left(self, state: State, history: Sequence[Message], start: int) -> State:
        """The state without what was recalled in talk for a question that was answered, once the user speaks again."""
        if state.tally.kind != "talk" or not state.recalled or all(message.role != "user" for message in history[start:]):
            return state
        added = sum(self.counter.message(bound(edited, history)) - self.counter.message(history[edited.index]) for edited in state.recalled)
        return replace(state, tokens=state.tokens - added, recalled=())

    def searched(
        self,
        state: State,
        history: Sequence[Message],
        start: int,
        passages: Callable[[], Passages],
        epoch: Callable[[Goal | None], State],
    ) -> tuple[State | None, Goal | None]:
        """Of a transcript that is much too long, little but what a question finds in it; else the goal that leaves room to ask again."""
        asked = asked_in(history[start:]) if self.recall and state.tally.kind == "transcript" else None
        if asked is None or state.tokens <= WORTH_A_SEARCH * self.allowed:
            return None, None
        bare = epoch(self._bare(history, asked))
        found, target = self.answered(bare, history, start, passages), self.levels(state).target
        if FOUND_SHARE * target <= found.tokens <= self.allowed:
            return found, None
        left = max(bare.tokens, self.allowed - (found.tokens - bare.tokens))
        return None, Goal(min(left, target), min(left, self.allowed))

    def may_follow(self, before: State, after: State, history: Sequence[Message], start: int) -> bool:
        """Whether words may be added to the newest question after an epoch: one sent long ago is read from the prompt cache."""
        asked = asked_in(history)
        return asked is None or asked >= start or _moved(asked, view_of(before, history), view_of(after, history))

    def let_go(self, state: State, history: Sequence[Message]) -> State:
        """The state without what was recalled, but for questions before a note: there it has become part of a prefix that stays."""
        places = {message.index: place for place, message in enumerate(view_of(state, history))}
        last_note = max((place for place, slot in enumerate(state.base) if isinstance(slot, Message)), default=0)
        return replace(state, recalled=tuple(edited for edited in state.recalled if places.get(edited.index, last_note) < last_note))

    def _bare(self, history: Sequence[Message], asked: int) -> Goal:
        """The goal of leaving little but instructions and the question."""
        stays = self.counter.messages(message for message in history if message.instructs or message.index == asked)
        least = min(self.allowed, stays + int(BARE_SHARE * max(0, self.allowed - stays)))
        return Goal(least, least)


def _forwarded(index: int, state: State, history: Sequence[Message]) -> Message | None:
    """A message of the history as it is forwarded, None where it is not."""
    if index >= state.upto and all(edited.index != index for edited in state.recalled):
        return history[index]
    return next((message for message in view_of(state, history) if message.index == index), None)


def _moved(index: int, before: Sequence[Message], after: Sequence[Message]) -> bool:
    """Whether a message stands behind the first change, where words added to it break no prefix that was sent before."""
    same = next((place for place, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), 0)
    return all(message.index != index for message in after[:same])
