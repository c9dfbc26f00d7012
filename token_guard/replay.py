"""Stable compaction without state: walk the requests that the client sent before, and compact where they were.

The client resends its whole history on every turn. Its earlier requests are the prefixes that end right before
each assistant message; at each of these boundaries the guard decided then what it decides again now, because a
decision depends on messages before it alone. So the same history is forwarded as the same bytes on every turn
and on every replica. A memo spares the walk; without it the result is the same, only slower.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TypeAlias

from cachetools import LRUCache

from token_guard.compaction import Compacted, Counter, Draft, Goal, Ledger
from token_guard.compaction.pins import head
from token_guard.compaction.retention import retention
from token_guard.conversation import Media, Message, Part, ToolCall, ToolResult
from token_guard.report import Step
from token_guard.thresholds import Tally, Thresholds

__all__ = ["Edited", "Memo", "Replay", "Replayed", "State"]


@dataclass(frozen=True, slots=True)
class Edited:
    """A message of the client's by its place in the history, with the parts that compaction gave it."""

    index: int
    parts: tuple[Part, ...]


Slot: TypeAlias = int | Edited | Message
"""An untouched message by its place in the history, an edited one, or one that compaction wrote. States hold no
message of the client's, so that fields which decide nothing (such as cache_control) are always the newest request's."""

KEPT_SHARE = 0.5
"""However much instructions, task and notes take, the exchanges after them keep this share of the target."""

MIN_GAIN = 0.75
"""Where an epoch cannot reach its target, the next one waits until three quarters of the usual gain has come in again."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a history stands at a boundary: the messages before `upto` are `base` now, the ones after it are as they came."""

    base: tuple[Slot, ...] = ()
    upto: int = 0
    tokens: int = 0
    floor: int = 0
    tally: Tally = field(default_factory=Tally)
    ledger: Ledger = field(default_factory=Ledger)
    epochs: int = 0
    steps: tuple[Step, ...] = ()
    retention: float | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """The messages to forward and their size in tokens, the history's own size, how many epochs it went through, the
    steps of all of them by pass, and the share of the names of what was compacted that is still there."""

    messages: tuple[Message, ...]
    tokens: int
    history_tokens: int
    epochs: int = 0
    steps: tuple[Step, ...] = ()
    retention: float = 1.0


class Memo:
    """States by the digest of the history that led to them, least recently used out first, bounded in bytes; thread-safe."""

    def __init__(self, max_bytes: int) -> None:
        self._states: LRUCache[bytes, State] = LRUCache(max_bytes, getsizeof=_size_of)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._states)

    @property
    def size(self) -> int:
        """What the remembered states take, in bytes."""
        return int(self._states.currsize)

    def get(self, key: bytes) -> State | None:
        with self._lock:
            return self._states.get(key)

    def put(self, key: bytes, state: State, instead_of: bytes | None = None) -> None:
        """Remember a state; the one it grew out of is forgotten, as a session goes on from its newest end."""
        with self._lock:
            if instead_of is not None:
                self._states.pop(instead_of, None)
            if _size_of(state) <= self._states.maxsize:
                self._states[key] = state


@dataclass(frozen=True, slots=True)
class Replay:
    """One way of compacting histories: `allowed` is the budget of the messages in tokens, `seed` names all else that decides."""

    allowed: int
    thresholds: Callable[[Tally], Thresholds]
    compact: Callable[[Draft, Goal], Compacted]
    counter: Counter
    memo: Memo
    seed: bytes = b""

    def __call__(self, history: Sequence[Message]) -> Replayed:
        """What is forwarded for the request that holds `history`."""
        state = self._walk(history)
        return _replayed(state, history)

    def once_more(self, history: Sequence[Message]) -> Replayed:
        """As a call, and one more epoch at the end, whatever the size; not remembered."""
        state = self._walk(history)
        if state.upto < len(history):
            state = _judged(self._epoch(state, history, self.thresholds(state.tally)), history)
        return _replayed(state, history)

    def _walk(self, history: Sequence[Message]) -> State:
        keys = _chain(history, self.seed + self.allowed.to_bytes(8, "big", signed=True))
        ends = _boundaries(history)
        known, state = self._resume(ends, keys)
        start = known
        for end in (end for end in ends if end > known):
            state = self._advance(state, history, start, end)
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

    def _advance(self, state: State, history: Sequence[Message], start: int, end: int) -> State:
        """The state at the boundary `end`, from the one at `start`."""
        new = history[start:end]
        tokens = self.counter.messages(new)
        state = replace(state, tokens=state.tokens + tokens, tally=state.tally.plus(new, tokens))
        shares = self.thresholds(state.tally)
        if state.tokens <= max(int(shares.trigger * self.allowed), state.floor):
            return state
        return self._epoch(state, history[:end], shares)

    def _target(self, view: Sequence[Message], aim: int) -> int:
        """The aim, or more where what stays at the head would leave the newest exchanges too little of it."""
        return min(self.allowed, max(aim, self.counter.messages(head(view)) + int(KEPT_SHARE * aim)))

    def _epoch(self, state: State, history: Sequence[Message], shares: Thresholds) -> State:
        view = _view(state, history)
        aim = int(shares.target * self.allowed)
        goal = Goal(self._target(view, aim), self.allowed, aim)
        done = self.compact(Draft(view, state.ledger), goal)
        gain = int(MIN_GAIN * (shares.trigger - shares.target) * self.allowed)
        return replace(
            state,
            base=tuple(_slot(message) for message in done.draft.messages),
            upto=len(history),
            tokens=done.tokens,
            floor=min(done.tokens + gain, self.allowed) if done.tokens > aim else 0,
            ledger=done.draft.ledger,
            epochs=state.epochs + 1,
            steps=_summed(state.steps, done.steps),
            retention=None,
        )


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
    kept = 1.0 if state.retention is None else state.retention
    return Replayed(_view(state, history), state.tokens, state.tally.tokens, state.epochs, state.steps, kept)


def _judged(state: State, history: Sequence[Message]) -> State:
    """The state with its retention: found once an epoch, not on every turn."""
    if not state.epochs or state.retention is not None:
        return state
    base = tuple(_bound(slot, history) for slot in state.base)
    return replace(state, retention=retention(history[: state.upto], base))


def _view(state: State, history: Sequence[Message]) -> tuple[Message, ...]:
    return (*(_bound(slot, history) for slot in state.base), *history[state.upto :])


def _slot(message: Message) -> Slot:
    index = message.index
    if index is None:
        return message
    return Edited(index, message.parts) if message.edited else index


def _bound(slot: Slot, history: Sequence[Message]) -> Message:
    if isinstance(slot, int):
        return history[slot]
    return replace(history[slot.index], parts=slot.parts) if isinstance(slot, Edited) else slot


# -- keys -----------------------------------------------------------------------------------------------------------------


def _chain(history: Sequence[Message], seed: bytes) -> list[bytes]:
    """The digest of every prefix of the history."""
    keys = [blake2b(seed, digest_size=16).digest()]
    for message in history:
        digest = blake2b(keys[-1], digest_size=16)
        for piece in _pieces(message):
            raw = piece.encode("utf-8", "surrogatepass")
            digest.update(len(raw).to_bytes(8, "big"))
            digest.update(raw)
        keys.append(digest.digest())
    return keys


def _pieces(message: Message) -> Iterator[str]:
    yield message.role
    yield message.name
    for part in message.parts:
        yield from _part_pieces(part)


def _part_pieces(part: Part) -> Iterator[str]:
    yield type(part).__name__
    if isinstance(part, ToolCall):
        yield from (part.id, part.name, part.arguments)
    elif isinstance(part, ToolResult):
        yield part.call_id
        for inner in part.content:
            yield from _part_pieces(inner)
    elif isinstance(part, Media):
        yield from (part.kind, part.source, part.detail)
    else:
        yield getattr(part, "text", "")


ENTRY_BYTES, SLOT_BYTES, FACT_BYTES = 600, 64, 120
"""Measured with tracemalloc on CPython 3.11, rounded up: an empty state, a slot, a remembered name or quote."""


def _size_of(state: State) -> int:
    written = sum(SLOT_BYTES if isinstance(slot, int) else _slot_bytes(slot.parts) for slot in state.base)
    ledger = state.ledger
    quotes = sum(len(line) for kind in (ledger.requests, ledger.directives, ledger.decisions, ledger.errors) for line in kind)
    return ENTRY_BYTES + written + FACT_BYTES * len(ledger.names) + 2 * quotes


def _slot_bytes(parts: Sequence[Part]) -> int:
    return 400 + sum(2 * len(piece) for part in parts for piece in _part_pieces(part))
