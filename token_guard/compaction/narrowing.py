"""Notes where there is no room for them: the older ones go, the newest keeps its frame and loses lines; none ever says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from token_guard.compaction import Counter
from token_guard.conversation import Message, Text
from token_guard.marks import CLOSE, END, is_note

__all__ = ["narrowed", "without_notes"]


def without_notes(messages: tuple[Message, ...], allowed: int, counter: Counter) -> tuple[Message, ...]:
    """The messages in at most `allowed` tokens, as far as their notes make the difference."""
    excess = counter.messages(messages) - allowed
    notes = [place for place, message in enumerate(messages) if is_note(message)] if excess > 0 else []
    kept: dict[int, Message | None] = {}
    for place in notes:
        if excess <= 0:
            break
        size = counter.message(messages[place])
        shorter = narrowed(messages[place], size - excess, counter) if place == notes[-1] else None
        kept[place] = shorter
        excess -= size - (counter.message(shorter) if shorter else 0)
    left = (kept.get(place, message) for place, message in enumerate(messages))
    return tuple(message for message in left if message is not None)


def narrowed(note: Message, tokens: int, counter: Counter) -> Message | None:
    """The note with as many of its first and its last lines as have room, rules first; None where no line has."""
    head, *lines = note.text.split("\n")
    if tokens <= 0 or not lines or lines[-1] != END + CLOSE:
        return None
    inner, low, high = lines[:-1], 0, len(lines) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if counter.message(_with(note, head, inner, middle)) <= tokens else (low, middle - 1)
    return _with(note, head, inner, low) if low > 1 else None


def _with(note: Message, head: str, inner: Sequence[str], count: int) -> Message:
    """The frame of a note around so many of its lines: half of them from the beginning, where rules stand, the rest the newest."""
    first = count - count // 2
    chosen = [*inner[:first], *inner[max(first, len(inner) - count // 2) :]]
    return replace(note, parts=(Text("\n".join([head, *chosen, END + CLOSE])),))
