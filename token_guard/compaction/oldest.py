"""The oldest exchanges go: what both the last pass and the rules that need their room do."""

from __future__ import annotations

from collections.abc import Sequence

from token_guard.compaction import Counter, Draft
from token_guard.compaction.pins import droppable, in_turn
from token_guard.conversation import Message

__all__ = ["without_oldest"]


def without_oldest(
    draft: Draft,
    target: int,
    counter: Counter,
    after: int = 0,
    least: int = 0,
    stays: frozenset[int] | None = None,
    *,
    remembered: bool = True,
) -> Draft:
    """The draft without its oldest exchanges; those before the place `after` stay, and with them what a prompt cache holds, and so
    does one whose going would leave less than `least`; what is pinned stays, or only what `stays` says. What is left does not begin with
    a reply: it goes too, or where it stays, so does what the user said before it. The ledger has what went where it is to be
    `remembered`."""
    messages, tokens = draft.messages, counter.messages(draft.messages)
    if tokens <= target:
        return draft
    gone: set[int] = set()
    front = 0
    units = (entry for entry in droppable(messages, stays) if entry[0].start >= after)
    for unit in in_turn(sorted(units, key=lambda entry: max([entry[0].start, *entry[1]]))):
        while front < len(messages) and (front in gone or messages[front].instructs):
            front += 1
        if tokens <= target and not (gone and unit.start == front and unit.messages[0].role == "assistant"):
            break
        size = counter.messages(unit.messages)
        if tokens - size < least:
            break
        gone.update(range(unit.start, unit.stop))
        tokens -= size
    gone -= _opener(messages, gone)
    if not gone:
        return draft
    kept = tuple(message for place, message in enumerate(draft.messages) if place not in gone)
    return Draft(kept, draft.ledger.with_dropped(draft.messages[place] for place in sorted(gone)) if remembered else draft.ledger)


def _opener(messages: Sequence[Message], gone: set[int]) -> set[int]:
    """The place of the user's last words that went before what is left, where that would begin with a reply."""
    first = next((place for place, message in enumerate(messages) if place not in gone and not message.instructs), len(messages))
    if first == len(messages) or messages[first].role != "assistant":
        return set()
    return set([place for place in sorted(gone) if place < first and messages[place].role == "user" and not messages[place].results][-1:])
