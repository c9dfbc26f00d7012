"""Where a history stands after its compactions, how that is remembered, and under which keys."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from operator import attrgetter
from typing import TypeAlias

from cachetools import LRUCache

from token_guard.compaction import Ledger
from token_guard.conversation import Media, Message, Part, Text, ToolCall, ToolResult
from token_guard.history.passages import Passages
from token_guard.history.summaries import Pending
from token_guard.history.tally import Tally
from token_guard.report import AskedAgain, Quality, Step

__all__ = ["Edited", "Memo", "Slot", "State", "bound", "chain", "digest", "exchanged", "slot_of", "view_of"]


@dataclass(frozen=True, slots=True)
class Edited:
    """A message of the client's by its place in the history, with the parts that compaction gave it."""

    index: int
    parts: tuple[Part, ...]


Slot: TypeAlias = int | Edited | Message
"""An untouched message by its place in the history, an edited one, or one that compaction wrote. States hold no
message of the client's, so that fields which decide nothing (such as cache_control) are always the newest request's."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a history stands at a boundary: the messages before `upto` are `base` now, the ones after it are as they came."""

    base: tuple[Slot, ...] = ()
    upto: int = 0
    tokens: int = 0
    floor: int = 0
    instructions: int = 0
    """What instructions take of the tokens."""
    tally: Tally = field(default_factory=Tally)
    ledger: Ledger = field(default_factory=Ledger)
    epochs: int = 0
    target: int = 0
    """The size down to which the newest epoch went."""
    steps: tuple[Step, ...] = ()
    quality: Quality | None = None
    recalled: tuple[Edited, ...] = ()
    """Questions with what was recalled for them since the last epoch."""
    pending: Pending | None = None
    """The newest epoch's note, where somebody may write a text for it; the next epoch settles that."""
    asked_again: tuple[AskedAgain, ...] = ()
    """Calls of the turn that ends here which ask for what was taken out before it."""


class Memo:
    """States by the digest of the history that led to them, and the passages of histories that were searched, least recently used out
    first, bounded in bytes; thread-safe."""

    def __init__(self, max_bytes: int) -> None:
        self._states: LRUCache[bytes, State] = LRUCache(max_bytes * 3 // 4, getsizeof=_size_of)
        self._passages: LRUCache[bytes, Passages] = LRUCache(max_bytes // 4, getsizeof=attrgetter("size"))
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._states)

    @property
    def size(self) -> int:
        """What is remembered takes, in bytes."""
        return int(self._states.currsize + self._passages.currsize)

    def get(self, key: bytes) -> State | None:
        with self._lock:
            return self._states.get(key)

    def put(self, key: bytes, state: State, instead_of: bytes | None = None) -> None:
        """Remember a state; the one it grew out of is forgotten, as a session goes on from its newest end."""
        with self._lock:
            if instead_of is not None:
                self._states.pop(instead_of, None)
            with suppress(ValueError):  # larger than all may be together
                self._states[key] = state

    def take_passages(self, keys: Sequence[bytes]) -> Passages:
        """The passages of the longest beginning of a history that are remembered, by the keys of all of them, else none. They are its
        caller's alone, who may add to them and give them back."""
        with self._lock:
            key = next((key for key in reversed(keys) if key in self._passages), None)
            return Passages() if key is None else self._passages.pop(key)

    def put_passages(self, key: bytes, passages: Passages) -> None:
        """Remember the passages of a history."""
        with self._lock, suppress(ValueError):
            self._passages[key] = passages


def view_of(state: State, history: Sequence[Message]) -> tuple[Message, ...]:
    """The messages that are forwarded for a history in this state."""
    view = (*(bound(slot, history) for slot in state.base), *history[state.upto :])
    if not state.recalled:
        return view
    recalled = {edited.index: edited for edited in state.recalled}
    return tuple(bound(recalled[message.index], history) if message.index in recalled else message for message in view)


def slot_of(message: Message) -> Slot:
    """What is remembered of a message: its place, with its parts where they were changed, or itself where it was put in."""
    index = message.index
    if index is None:
        return message
    return Edited(index, message.parts) if message.edited else index


def bound(slot: Slot, history: Sequence[Message]) -> Message:
    """The message of a history that a slot stands for."""
    if isinstance(slot, int):
        return history[slot]
    return replace(history[slot.index], parts=slot.parts) if isinstance(slot, Edited) else slot


def exchanged(base: Sequence[Slot], note: Message, told: Message) -> tuple[Slot, ...]:
    """The same slots with another message in the place of one that compaction wrote."""
    return tuple(told if slot is note else slot for slot in base)


# -- keys -----------------------------------------------------------------------------------------------------------------


def chain(history: Sequence[Message], seed: bytes) -> list[bytes]:
    """The digest of every prefix of the history, in this process: a text stands in it as its length and Python's hash of it (64 bits, keyed
    anew in each process), which is worked out for the count as well."""
    so_far = blake2b(blake2b(seed).digest(), digest_size=16)
    keys = [so_far.digest()]
    for message in history:
        so_far.update(_told(message, _hashed).encode())
        keys.append(so_far.digest())
    return keys


def digest(messages: Sequence[Message]) -> str:
    """The digest of messages by themselves, in hexadecimal; the same in every process."""
    told = "".join(_told(message, _whole) for message in messages)
    return blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _told(message: Message, piece: Callable[[str], str]) -> str:
    """What tells a message from every other one: each piece stands behind its length, so that no two messages are written alike."""
    parts = message.parts
    head = f"{message.role} {len(parts)} {piece(message.name)}"
    if len(parts) == 1:  # nearly every message
        return head + _told_part(parts[0], piece)
    return head + "".join([_told_part(part, piece) for part in parts])


def _told_part(part: Part, piece: Callable[[str], str]) -> str:
    if isinstance(part, Text):
        return f"{'A' if part.attached else 'T'}{piece(part.text)}"
    if isinstance(part, ToolResult):
        head = f"{'F' if part.failed else 'R'}{len(part.content)} {piece(part.call_id)}"
        return head + "".join([_told_part(inner, piece) for inner in part.content])
    if isinstance(part, ToolCall):
        return f"C{piece(part.id)}{piece(part.name)}{piece(part.arguments)}"
    if isinstance(part, Media):
        return f"M{piece(part.kind)}{piece(part.source)}{piece(part.detail)}"
    return f"{type(part).__name__} {piece(getattr(part, 'text', ''))}"


def _whole(text: str) -> str:
    return f"{len(text)}:{text}"


def _hashed(text: str) -> str:
    return f"{len(text)}:{hash(text)} "


ENTRY_BYTES, SLOT_BYTES, FACT_BYTES = 600, 64, 120
"""Measured with tracemalloc on CPython 3.11, rounded up: an empty state, a slot, a remembered name or quote."""


def _size_of(state: State) -> int:
    written = sum(SLOT_BYTES if isinstance(slot, int) else _slot_bytes(slot.parts) for slot in (*state.base, *state.recalled))
    written += SLOT_BYTES * len(state.pending.gone) if state.pending else 0
    ledger = state.ledger
    quotes = sum(map(len, (*ledger.rules, *ledger.amended))) + sum(
        len(step.head) + sum(len(line.text) for line in step.lines) for step in ledger.steps
    )
    told = len(ledger.steps) + sum(len(step.lines) for step in ledger.steps)
    return ENTRY_BYTES + written + FACT_BYTES * (len(ledger.names) + told) + 2 * quotes


def _slot_bytes(parts: Sequence[Part]) -> int:
    return 400 + sum(2 * len(_told_part(part, _whole)) for part in parts)
