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

from token_guard.compaction import Compacted, Counter, Draft, Goal
from token_guard.compaction.notes import retold
from token_guard.compaction.pins import head
from token_guard.compaction.retention import quality
from token_guard.conversation import Message
from token_guard.history.passages import Passages
from token_guard.history.recall import Recall, asked_in
from token_guard.history.states import Edited, Memo, Slot, State, bound, chain, digest, slot_of, view_of
from token_guard.history.summaries import OpenNote, Summaries, opened
from token_guard.history.tally import Tally
from token_guard.history.thresholds import HIGHEST, Thresholds
from token_guard.report import Quality, Step

__all__ = ["Replay", "Replayed"]


WORTH_A_SEARCH = 2.0
"""Where at least half of a transcript or document fits, most of it in its order is worth more than quotes of it."""

BARE_SHARE = 0.15
"""What beside instructions and question, as a share of the room, stays of a transcript that is searched: its newest lines and a note."""

FOUND_SHARE = 0.9
"""A search that finds less than this share of what would have been forwarded without it is given up."""

SPARE_SHARE = 0.005
"""What a session of tools may recall at an epoch beyond its target, as a share of the budget: a line or two in a window of 16,000."""

KEPT_SHARE = 0.5
"""However much instructions, task and notes take, the exchanges after them keep this share of the target."""

MIN_GAIN = 0.55
"""Where an epoch cannot reach its target, the next one waits until this share of the usual gain has come in again."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The messages to forward and their size in tokens, the history's own size, how many epochs it went through, the
    steps of all of them by pass, the share of the names of what was compacted that is still there, and the note for which a
    text may still be written."""

    messages: tuple[Message, ...]
    tokens: int
    history_tokens: int
    epochs: int = 0
    steps: tuple[Step, ...] = ()
    quality: Quality = field(default_factory=Quality)
    open_note: OpenNote | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Replay:
    """One way of compacting histories: `allowed` is the budget of the messages in tokens, `seed` names all else that decides."""

    allowed: int
    thresholds: Callable[[Tally], Thresholds]
    compact: Callable[[Draft, Goal], Compacted]
    counter: Counter
    memo: Memo
    seed: bytes = b""
    recall: Recall | None = None
    summaries: Summaries | None = None

    def __call__(self, history: Sequence[Message]) -> Replayed:
        """What is forwarded for the request that holds `history`."""
        state = self._walk(history)
        return _replayed(state, history)

    def once_more(self, history: Sequence[Message]) -> Replayed:
        """As a call, and one more epoch at the end, whatever the size; not remembered."""
        state = self._walk(history)
        if state.upto < len(history):
            state = _judged(self._opened(state, history, state.upto, cache(partial(Passages.of, history))), history)
        return _replayed(state, history)

    def _walk(self, history: Sequence[Message]) -> State:
        keys = chain(history, self.seed + self.allowed.to_bytes(8, "big", signed=True))
        ends = _boundaries(history)
        known, state = self._resume(ends, keys)
        start, passages = known, cache(partial(Passages.of, history))
        for end in (end for end in ends if end > known):
            state = self._advance(state, history[:end], start, passages)
            start = end
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

    def _advance(self, state: State, history: Sequence[Message], start: int, passages: Callable[[], Passages]) -> State:
        """The state at the boundary where the history ends, from the one at `start`."""
        new = history[start:]
        tokens = self.counter.messages(new)
        state = replace(state, tokens=state.tokens + tokens, tally=state.tally.plus(new, tokens))
        shares = self.thresholds(state.tally)
        if state.tokens <= max(self._trigger(shares, state.tokens, history), state.floor):
            return self._recalled(state, history, start, passages)
        return self._opened(state, history, start, passages)

    def _trigger(self, shares: Thresholds, tokens: int, history: Sequence[Message]) -> int:
        """The size above which there is an epoch: higher where instructions and task take so much of the budget that an epoch
        frees little, so that what it writes is read from the prompt cache more than once or twice."""
        usual = int(shares.trigger * self.allowed)
        if tokens <= usual or shares.trigger >= HIGHEST:
            return usual
        crowd = self.counter.messages(head(history)) - int((1 - KEPT_SHARE) * shares.target * self.allowed)
        return max(usual, min(usual + crowd, int(HIGHEST * self.allowed)))

    def _opened(self, state: State, history: Sequence[Message], start: int, passages: Callable[[], Passages]) -> State:
        """The state after an epoch: nearly all of it for what the question needs where that is all that counts, and enough is found."""
        shares = self.thresholds(state.tally)
        asked = asked_in(history[start:]) if self.recall and state.tally.kind == "transcript" else None
        goal = None
        if asked is not None and state.tokens > WORTH_A_SEARCH * self.allowed:
            bare = self._epoch(state, history, shares, self._bare(history, asked))
            searched = self._recalled(bare, history, start, passages)
            if FOUND_SHARE * shares.target * self.allowed <= searched.tokens <= self.allowed:
                return searched
            left = max(bare.tokens, self.allowed - (searched.tokens - bare.tokens))
            goal = Goal(min(left, int(shares.target * self.allowed)), min(left, self.allowed))
        after = self._epoch(state, history, shares, goal)
        asked = asked_in(history)
        if asked is not None and asked < start and not _moved(asked, view_of(state, history), view_of(after, history)):
            return self._noted(after, history, passages)
        return self._recalled(after, history, start, passages)

    def _noted(self, state: State, history: Sequence[Message], passages: Callable[[], Passages]) -> State:
        """The state with what the newest calls name, quoted in the newest note: that is new anyway, the question was sent before."""
        note = next((slot for slot in reversed(state.base) if isinstance(slot, Message)), None)
        if note is None or self.recall is None or self.summaries:
            return state
        room = min(self.allowed - state.tokens, self.recall.room(state.tally.kind, self.allowed, int(SPARE_SHARE * self.allowed)))
        quoted = self.recall(Message("user", ()), view_of(state, history), history, passages, state.tally.kind, room, self.counter)
        told = replace(note, parts=(*note.parts, *quoted.parts))
        tokens = state.tokens + self.counter.message(told) - self.counter.message(note)
        return replace(state, tokens=tokens, base=_exchanged(state.base, note, told))

    def _bare(self, history: Sequence[Message], asked: int) -> Goal:
        """The goal of leaving little but instructions and the question."""
        stays = self.counter.messages(message for message in history if message.instructs or message.index == asked)
        least = min(self.allowed, stays + int(BARE_SHARE * max(0, self.allowed - stays)))
        return Goal(least, least)

    def _recalled(self, state: State, history: Sequence[Message], start: int, passages: Callable[[], Passages]) -> State:
        """The state with what the newest question needs: one that came with the messages from `start` on, or at an epoch any."""
        anew = state.upto == len(history)
        asked = asked_in(history if anew else history[start:]) if state.epochs else None
        if self.recall is None or asked is None:
            return state
        view = view_of(state, history)
        carrier = next((message for message in view if message.index == asked), None)
        if carrier is None or carrier.edited:
            return state
        aim = int(self.thresholds(state.tally).target * self.allowed)
        spare = max(aim - state.tokens, int(SPARE_SHARE * self.allowed)) if anew else self.allowed
        room = min(self.allowed - state.tokens, self.recall.room(state.tally.kind, self.allowed, spare))
        quoted = self.recall(carrier, view, history, passages, state.tally.kind, room, self.counter)
        if quoted is carrier:
            return state
        tokens = state.tokens + self.counter.message(quoted) - self.counter.message(carrier)
        return replace(state, tokens=tokens, recalled=(*state.recalled, Edited(asked, quoted.parts)))

    def _target(self, view: Sequence[Message], aim: int) -> int:
        """The aim, or more where what stays at the head would leave the newest exchanges too little of it."""
        return min(self.allowed, max(aim, self.counter.messages(head(view)) + int(KEPT_SHARE * aim)))

    def _epoch(self, state: State, history: Sequence[Message], shares: Thresholds, goal: Goal | None = None) -> State:
        state = self._settled(state)
        view = view_of(_let_go(state, history), history)
        aim = int(shares.target * self.allowed)
        goal = goal or Goal(self._target(view, aim), self.allowed, aim)
        done = self.compact(Draft(view, state.ledger), goal)
        gain = int(MIN_GAIN * (shares.trigger - shares.target) * self.allowed)
        return replace(
            state,
            base=tuple(slot_of(message) for message in done.draft.messages),
            upto=len(history),
            tokens=done.tokens,
            floor=min(done.tokens + gain, self.allowed) if done.tokens > aim else 0,
            ledger=done.draft.ledger,
            epochs=state.epochs + 1,
            steps=_summed(state.steps, done.steps),
            recalled=(),
            quality=None,
            pending=opened(view, done.draft.messages, digest) if self.summaries else None,
        )

    def _settled(self, state: State) -> State:
        """The state with its open note decided, for good: told by a text that is ready by now, or left as the extract that it is."""
        pending = state.pending
        text = self.summaries.settled(pending.key) if self.summaries and pending else None
        if pending is None or text is None:
            return state
        told = retold(pending.note, text, self.counter)
        return replace(state, base=_exchanged(state.base, pending.note, told))


def _exchanged(base: Sequence[Slot], note: Message, told: Message) -> tuple[Slot, ...]:
    return tuple(told if slot is note else slot for slot in base)


def _summed(earlier: Sequence[Step], new: Sequence[Step]) -> tuple[Step, ...]:
    """One step a pass, with the tokens of all epochs.

    >>> _summed([Step("truncate", 90, 60)], [Step("truncate", 80, 70), Step("summarize", 70, 70, "unchanged")])[0]
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


def _boundaries(history: Sequence[Message]) -> list[int]:
    """Where the requests of a session ended: before each assistant message, and at the end.

    >>> _boundaries([Message("user", ()), Message("assistant", ()), Message("user", ())])
    [1, 3]
    """
    ends = [place for place, message in enumerate(history) if place and message.role == "assistant"]
    return [*ends, len(history)]


def _replayed(state: State, history: Sequence[Message]) -> Replayed:
    kept = state.quality or Quality()
    note = state.pending.bound(history) if state.pending else None
    return Replayed(view_of(state, history), state.tokens, state.tally.tokens, state.epochs, state.steps, kept, note)


def _judged(state: State, history: Sequence[Message]) -> State:
    """The state with what its epochs left: found once an epoch, not on every turn."""
    if not state.epochs or state.quality is not None:
        return state
    base = tuple(bound(slot, history) for slot in state.base)
    return replace(state, quality=quality(history[: state.upto], base))


def _let_go(state: State, history: Sequence[Message]) -> State:
    """The state without what was recalled, but for questions before a note: there it has become part of a prefix that stays."""
    places = {message.index: place for place, message in enumerate(view_of(state, history))}
    last_note = max((place for place, slot in enumerate(state.base) if isinstance(slot, Message)), default=0)
    return replace(state, recalled=tuple(edited for edited in state.recalled if places.get(edited.index, last_note) < last_note))


def _moved(index: int, before: Sequence[Message], after: Sequence[Message]) -> bool:
    """Whether a message stands behind the first change, where words added to it break no prefix that was sent before."""
    same = next((place for place, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), 0)
    return all(message.index != index for message in after[:same])
