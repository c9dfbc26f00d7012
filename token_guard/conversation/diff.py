"""What a compaction did to each message of a conversation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, TypeAlias

from token_guard.conversation import Message

__all__ = ["Change", "State", "compare"]

State: TypeAlias = Literal["kept", "masked", "shortened", "dropped", "inserted"]


@dataclass(frozen=True, slots=True)
class Change:
    """The fate of one message: `before` is None for an inserted one, `after` for a dropped one.

    A tool result with another text is `masked`, any other edited message `shortened`.
    """

    state: State
    before: Message | None
    after: Message | None


def compare(before: Sequence[Message], after: Sequence[Message]) -> tuple[Change, ...]:
    """Every message of both sides once, in order.

    >>> from token_guard.conversation import Text
    >>> ask, old, note = (Message("user", (Text(text),)) for text in ("ask", "old", "note"))
    >>> [change.state for change in compare([old, ask], [note, ask])]
    ['dropped', 'inserted', 'kept']
    """
    changes: list[Change] = []
    for tag, start, stop, new_start, new_stop in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            changes += [Change("kept", old, new) for old, new in zip(before[start:stop], after[new_start:new_stop], strict=True)]
        else:
            changes += _aligned(before[start:stop], after[new_start:new_stop])
    return tuple(changes)


def _aligned(before: Sequence[Message], after: Sequence[Message]) -> Iterator[Change]:
    """Pair each new message with the first old one that it can come from; what is passed over was dropped."""
    inserted: list[Change] = []
    for message in after:
        place = next((place for place, old in enumerate(before) if _comes_from(message, old)), None)
        if place is None:
            inserted.append(Change("inserted", None, message))
            continue
        yield from (Change("dropped", old, None) for old in before[:place])
        yield from inserted
        yield Change("masked" if message.results else "shortened", before[place], message)
        before, inserted = before[place + 1 :], []
    yield from (Change("dropped", old, None) for old in before)
    yield from inserted


def _comes_from(new: Message, old: Message) -> bool:
    """The same role and the same calls or results; without any, a first or last line in common."""
    if new.role != old.role or _ids(new) != _ids(old):
        return False
    return bool(_ids(new)) or _ends(new) & _ends(old) != set()


def _ids(message: Message) -> tuple[str, ...]:
    return tuple(call.id for call in message.calls) + tuple(result.call_id for result in message.results)


def _ends(message: Message) -> set[str]:
    lines = message.text.strip().splitlines()
    return {lines[0], lines[-1]} if lines else set()
