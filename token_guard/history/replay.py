"""Stable compaction without state: walk the requests that the client sent before, and compact where they were.

The client resends its whole history on every turn. Its earlier requests are the prefixes that end right before
each assistant message; at each of these boundaries the guard decided then what it decides again now, because a
decision depends on messages before it alone. So the same history is forwarded as the same bytes on every turn
and on every replica. A memo spares the walk; without it the result is the same, only slower.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import pairwise

from token_guard.compaction import Compacted, Counter, Draft, Goal
from token_guard.compaction.notes import retold
from token_guard.compaction.pins import pinned
from token_guard.compaction.retention import quality
from token_guard.conversation import Message
from token_guard.history.again import asked_again
from token_guard.history.beginning import Beginning
from token_guard.history.epochs import epoch_goal, floor_after, summed, trigger_of, whole_again
from token_guard.history.far import SEARCHED, far_end, without_far
from token_guard.history.passages import Passages
from token_guard.history.recall import Recall
from token_guard.history.recollection import Recollection
from token_guard.history.states import Memo, State, bound, chain, digest, exchanged, slot_of, view_of
from token_guard.history.summaries import OpenNote, Summaries, opened
from token_guard.history.tally import Tally
from token_guard.history.thresholds import Levels, Thresholds, levels
from token_guard.marks import sent_notes
from token_guard.report import AskedAgain, Quality, Step

__all__ = ["Replay", "Replayed"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """The messages to forward and their size in tokens, the history's own size, the sizes at which it is compacted and down to
    which it was, how many epochs it went through and whether the newest one is of this turn, the steps of all of them by pass, what they
    left, the note for which a text may still be written, and the calls that ask again for what was taken out."""

    messages: tuple[Message, ...]
    tokens: int
    history_tokens: int
    levels: Levels
    epochs: int = 0
    steps: tuple[Step, ...] = ()
    quality: Quality = field(default_factory=Quality)
    open_note: OpenNote | None = field(default=None, repr=False)
    is_new_epoch: bool = False
    asked_again: tuple[AskedAgain, ...] = ()


@dataclass(frozen=True, slots=True)
class Replay:
    """One way of compacting histories: `allowed` is the budget of the messages in tokens, `cap` what they may count where what stays
    is larger, by the messages that stay; `seed` names all else that decides."""

    allowed: int
    thresholds: Callable[[Tally], Thresholds]
    compact: Callable[[Draft, Goal], Compacted]
    counter: Counter
    memo: Memo
    seed: bytes = b""
    cap: Callable[[Sequence[Message]], int] = lambda _stays: 0
    recall: Recall | None = None
    summaries: Summaries | None = None
    at_once: bool = False
    """Whether the history is compacted as it comes, not as its earlier requests were: in less time, with another prefix."""

    def __call__(self, history: Sequence[Message]) -> Replayed:
        """What is forwarded for the request that holds `history`."""
        return self._replayed(self._walk(history), history)

    def once_more(self, history: Sequence[Message]) -> Replayed:
        """As a call, and one more epoch at the end, whatever the size; not remembered."""
        state = self._walk(history)
        if state.upto < len(history):
            state = _judged(self._compacted(state, history, state.upto, cache(partial(Passages.of, history))), history)
        return self._replayed(state, history)

    def _walk(self, history: Sequence[Message]) -> State:
        """The state at the end of the history: from the newest boundary that is remembered, one boundary after the other."""
        far = far_end(history)
        keys = chain(history, b"%d %b%b" % (self.allowed, self.seed, b" %d" % far if far else b""))
        ends = [len(history)] if self.at_once else _boundaries(history, far)
        known, state = self._resume(ends, keys)
        start, passages = known, cache(lambda: self.memo.take_passages(keys).upto(history, first=far - SEARCHED))
        for end, following in pairwise([*(end for end in ends if end > known), len(history)]):
            before = state
            state = self._advance(before, Beginning(history, end), start, passages, history[end:following])
            if end == len(history):
                state = replace(state, asked_again=_asked_again(before, history, start))
            start = end
        if passages.cache_info().currsize:
            self.memo.put_passages(keys[-1], passages())
        state = _judged(state, history)
        self.memo.put(keys[-1], state, instead_of=keys[known] if known else None)
        return state

    def _resume(self, ends: Sequence[int], keys: Sequence[bytes]) -> tuple[int, State]:
        """The newest boundary whose state is remembered, or the beginning."""
        for end in reversed(ends):
            state = self.memo.get(keys[end])
            if state is not None:
                return end, state
        return 0, State()

    def _advance(
        self, state: State, history: Sequence[Message], start: int, passages: Callable[[], Passages], following: Sequence[Message] = ()
    ) -> State:
        """The state at the boundary where the history ends, from the one at `start`: with an epoch where one is due. What the messages
        `following` up to the next boundary take out again is not recalled."""
        new = history[start:]
        tokens = self.counter.messages(new)
        state = replace(
            state,
            tokens=state.tokens + tokens,
            tally=state.tally.plus(new, tokens),
            instructions=state.instructions + self.counter.messages(message for message in new if message.instructs),
            ledger=state.ledger.with_sent(sent_notes(history[max(0, start - 1) :])),
        )
        state = self._recollection.left(state, history, start)
        if state.tokens <= max(self._trigger(state, history), state.floor):
            return state if self._recollection.leaves(state, following) else self._recollection.answered(state, history, start, passages)
        return self._compacted(state, history, start, passages, following)

    def _compacted(
        self, state: State, history: Sequence[Message], start: int, passages: Callable[[], Passages], following: Sequence[Message] = ()
    ) -> State:
        """The state after an epoch, with what the newest question needs of what went."""
        recollection = self._recollection
        found, goal = recollection.searched(state, history, start, passages, partial(self._epoch, state, history))
        if found is not None:
            return found
        after = self._epoch(state, history, goal)
        recalls = not recollection.leaves(after, following) and recollection.may_follow(state, after, history, start)
        return recollection.answered(after, history, start, passages) if recalls else after

    def _epoch(self, state: State, history: Sequence[Message], goal: Goal | None = None) -> State:
        """The state after the passes ran once over what would be forwarded now."""
        state = self._settled(state)
        view = whole_again(view_of(self._recollection.let_go(state, history), history), history)
        at = self._levels(state)
        stays = [view[place] for place in sorted(pinned(view))]
        cap = self.cap(stays)
        usual = epoch_goal(view, at, state.instructions, self.allowed, cap, self.counter)
        goal = replace(goal, cap=self._on_trust(stays, cap)) if goal else usual
        done = self.compact(without_far(Draft(view, state.ledger), goal, self.counter), goal)
        return replace(
            state,
            base=tuple(slot_of(message) for message in done.draft.messages),
            upto=len(history),
            tokens=done.tokens,
            floor=floor_after(done.tokens, at, self.allowed),
            ledger=done.draft.ledger,
            epochs=state.epochs + 1,
            target=at.target,
            steps=summed(state.steps, done.steps),
            recalled=(),
            quality=None,
            pending=opened(view, done.draft.messages, digest) if self.summaries else None,
        )

    def _on_trust(self, stays: Sequence[Message], cap: int) -> int:
        """What may count more than is allowed also where room is to be left: what stays, where an upper bound makes it so large; else 0."""
        return cap if cap >= self.counter.messages(stays) > self.allowed else 0

    def _settled(self, state: State) -> State:
        """The state with its open note decided, for good: told by a text that is ready by now, or left as the extract that it is."""
        pending = state.pending
        text = self.summaries.settled(pending.key) if self.summaries and pending else None
        if pending is None or text is None:
            return state
        return replace(state, base=exchanged(state.base, pending.note, retold(pending.note, text, self.counter)))

    def _levels(self, state: State) -> Levels:
        return levels(self.thresholds(state.tally), state.tally, self.allowed, state.instructions)

    def _trigger(self, state: State, history: Sequence[Message]) -> int:
        return trigger_of(state, history, self._levels(state), self.allowed, self.counter, recalls=self.recall is not None)

    @property
    def _recollection(self) -> Recollection:
        return Recollection(self.allowed, self._levels, self.counter, self.recall)

    def _replayed(self, state: State, history: Sequence[Message]) -> Replayed:
        note = state.pending.bound(history) if state.pending else None
        at = Levels(self._trigger(state, history), state.target if state.epochs else self._levels(state).target)
        messages, left = view_of(state, history), state.quality or Quality()
        is_new = state.epochs > 0 and state.upto == len(history)
        return Replayed(messages, state.tokens, state.tally.tokens, at, state.epochs, state.steps, left, note, is_new, state.asked_again)


def _boundaries(history: Sequence[Message], first: int = 0) -> list[int]:
    """Where the requests of a session ended: before each assistant message from the place `first` on, and at the end.

    >>> _boundaries([Message("user", ()), Message("assistant", ()), Message("user", ())])
    [1, 3]
    """
    ends = [place for place, message in enumerate(history) if place >= max(1, first) and message.role == "assistant"]
    return [*ends, len(history)]


def _asked_again(before: State, history: Sequence[Message], start: int) -> tuple[AskedAgain, ...]:
    """The calls of the turn from `start` on that ask for what was taken out before it."""
    if not before.epochs or not any(message.calls for message in history[start:]):
        return ()
    return asked_again(history, start, view_of(before, history[:start]))


def _judged(state: State, history: Sequence[Message]) -> State:
    """The state with what its epochs left: found once an epoch, not on every turn."""
    if not state.epochs or state.quality is not None:
        return state
    base = tuple(bound(slot, history) for slot in state.base)
    return replace(state, quality=quality(history[: state.upto], base))
