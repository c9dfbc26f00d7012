"""Notes where there is no room for them: the older ones go, the newest keeps its frame and loses lines; none ever says nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from token_guard.compaction import Counter
from token_guard.compaction.blocks import BULLET, NAMES, Blocks
from token_guard.compaction.rules import unlabelled
from token_guard.compaction.rules_block import rules_lines
from token_guard.conversation import Message
from token_guard.marks import is_note

__all__ = ["narrowed", "without_notes"]


def without_notes(messages: tuple[Message, ...], allowed: int, counter: Counter, rules: Sequence[str] = ()) -> tuple[Message, ...]:
    """The messages in at most `allowed` tokens, as far as their notes make the difference. One that a reply follows stays where it opens
    the history. `rules` are those of the history, with their labels."""
    excess = counter.messages(messages) - allowed
    notes = [place for place, message in enumerate(messages) if is_note(message)] if excess > 0 else []
    opening = next((place for place, message in enumerate(messages) if not message.instructs), len(messages))
    if opening in notes and next((one.role for one in messages[opening:] if not is_note(one)), "") == "assistant":
        notes.remove(opening)
    kept: dict[int, Message | None] = {}
    for place in notes:
        if excess <= 0:
            break
        size = counter.message(messages[place])
        shorter = narrowed(messages[place], size - excess, counter, rules) if place == notes[-1] else None
        kept[place] = shorter
        excess -= size - (counter.message(shorter) if shorter else 0)
    left = (kept.get(place, message) for place, message in enumerate(messages))
    return tuple(message for message in left if message is not None)


def narrowed(note: Message, tokens: int, counter: Counter, rules: Sequence[str] = ()) -> Message | None:
    """The note with as many of its lines as have room, rules before all others, of these the newest; None where no line has. `rules` are
    those of the history, with the labels by which some come before others."""
    blocks = Blocks.read(note.text)
    if blocks is None or tokens <= 0:
        return None
    rest = blocks.rest
    named = rest[-1:] if rest and rest[-1].startswith(NAMES) else ()
    told = rest[: len(rest) - len(named)]
    tries = [replace(blocks, rest=told)] if named else []
    low, high = 0, max(0, len(told) - 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if counter.message(_told(blocks, told, middle).message) <= tokens else (low, middle - 1)
    tries += [_told(blocks, told, low)] if low else []
    tries += [replace(blocks, rest=())] if blocks.rules else []
    for shorter in tries:
        if counter.message(shorter.message) <= tokens:
            return replace(note, parts=shorter.message.parts)
    labelled = {unlabelled(rule): rule for rule in rules}
    return _rules_alone(note, blocks, tokens, counter, labelled)


def _told(blocks: Blocks, told: Sequence[str], count: int) -> Blocks:
    """A note with its newest lines under the heading that they have."""
    return replace(blocks, rest=(told[0], *told[len(told) - count :]))


def _rules_alone(note: Message, blocks: Blocks, tokens: int, counter: Counter, labelled: Mapping[str, str]) -> Message | None:
    room = tokens - counter.message(replace(blocks, rules=(BULLET,), rest=()).message)
    rules = rules_lines([labelled.get(rule, rule) for rule in blocks.said_rules], room, counter)
    return replace(note, parts=replace(blocks, rules=tuple(rules), rest=()).message.parts) if rules else None
