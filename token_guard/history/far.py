"""Very long histories: what stands far back is taken out at once, and only the newest stretch is walked request by request.

Walking all requests of a session costs as much as each of them did when it came, which is seconds for tens of thousands of messages.
No recorded session is a third as long as what counts as very long here. Where the walk begins depends on the number of messages alone,
in large steps, so that it is the same on every replica and, between two steps, on every turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import itemgetter

from token_guard.compaction import Counter, Draft, Goal, Ledger
from token_guard.compaction.blocks import TAKEN_OUT, Blocks
from token_guard.compaction.oldest import without_oldest
from token_guard.compaction.rules import newest
from token_guard.compaction.rules_block import amended_at, given_at
from token_guard.conversation import Message

__all__ = ["SEARCHED", "far_end", "without_far"]

LONG = 6_000
"""Messages of a history from which on it is very long: the longest of 190 recorded sessions has fewer than 5,000."""

NEAR, STEP = 256, 512
"""So many of the newest messages are walked at least, and where the walk begins moves on by so many at a time: that sends the
conversation anew, as an epoch does."""

SPARE = 1.5
"""What stands far back goes down to so many times the target, so that the passes choose what else goes and write their account."""

TOLD = 1_024
"""Of the messages that went, so many of the newest are remembered with what was done in them; of those before them, what the user asked
to be kept to."""

TOLD_RULES = 256
"""And so many of those rules, the newest: notes show 64."""

SEARCHED = 2_048
"""And so many of the newest before the walk can be recalled."""


def far_end(history: Sequence[Message]) -> int:
    """Where the walk begins: the end of a request so far back that all before it is taken together; 0 for the beginning.

    >>> far_end([Message(role, ()) for _ in range(5_000) for role in ("user", "assistant")])
    9727
    >>> far_end([Message(role, ()) for _ in range(2_500) for role in ("user", "assistant")])
    0
    """
    if len(history) <= LONG:
        return 0
    latest = (len(history) - NEAR) // STEP * STEP
    return next((place for place in range(latest, 0, -1) if history[place].role == "assistant"), 0)


def without_far(draft: Draft, goal: Goal, counter: Counter) -> Draft:
    """The draft of a very long history without its oldest exchanges, in whose place a note says how many they were; the same for others."""
    if len(draft.messages) <= LONG:
        return draft
    shorter = without_oldest(draft, int(SPARE * goal.target), counter, least=goal.target, remembered=False)
    if shorter is draft:
        return draft
    stays = frozenset(map(id, shorter.messages))
    gone = [message for message in draft.messages if id(message) not in stays]
    ledger = draft.ledger.joined(_told(gone))
    note = Blocks(f"{ledger.messages:,}{TAKEN_OUT}").message
    first = gone[0].index or 0
    place = next(
        (place for place, one in enumerate(shorter.messages) if one.index is not None and one.index > first), len(shorter.messages)
    )
    return Draft((*shorter.messages[:place], note, *shorter.messages[place:]), ledger)


def _told(gone: Sequence[Message]) -> Ledger:
    """What is remembered of so many messages."""
    far, near = gone[:-TOLD], gone[-TOLD:]
    places = given_at(far)
    rules = newest([rule for rule, _ in sorted(places.items(), key=itemgetter(1))][-TOLD_RULES:])
    known = {rule: places[rule] for rule in rules}
    amended = amended_at(far)
    before = replace(Ledger(), messages=len(far), rules=rules, amended=tuple(amended), places={**amended, **known})
    return before.joined(Ledger.of(near)) if far else Ledger.of(near)
