"""What the user asked to be kept to stands in the newest note, also where messages went without a note of their own."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from token_guard.compaction import Counter, Draft, Goal
from token_guard.compaction.amendments import is_amendment
from token_guard.compaction.blocks import BULLET, TAKEN_OUT, Blocks, is_account
from token_guard.compaction.narrowing import narrowed
from token_guard.compaction.oldest import without_oldest
from token_guard.compaction.pins import pins
from token_guard.compaction.rules import unlabelled
from token_guard.compaction.rules_block import LEAST_ROOM, given_at, rules_lines, rules_room, standing, strongest, untold
from token_guard.conversation import Message
from token_guard.speech import says_little

__all__ = ["with_rules"]

ROUNDS = 8
"""Exchanges that go for rules may hold rules themselves; after so many rounds what is still too much costs lines."""


def with_rules(draft: Draft, goal: Goal, counter: Counter, limit: int, most: int) -> Draft:
    """The draft with every rule that has room in its newest note, or in a note of its own: lines of the account go for them,
    and then the oldest exchanges. What is left counts no more than `limit` tokens; of more rules than `most` the strongest are told."""
    for _ in range(ROUNDS):
        stays = _stays(draft, goal, counter, most)
        told = _told(draft, goal, counter, most, stays)
        if told is None:
            return draft
        place, blocks = told
        note = blocks.message
        messages = (*draft.messages[:place], note, *draft.messages[place + _has_note(draft, place) :])
        excess = counter.messages(messages) - limit
        if excess <= 0:
            return replace(draft, messages=messages)
        size = counter.message(note)
        free = size - counter.message(replace(blocks, rest=()).message)
        wanted = counter.messages(draft.messages) - max(0, excess - free)
        shorter = without_oldest(draft, wanted, counter, stays=stays)
        if shorter.messages == draft.messages:
            left = narrowed(note, size - excess, counter, draft.ledger.rules)
            return replace(draft, messages=(*messages[:place], left, *messages[place + 1 :])) if left else draft
        draft = shorter
    return draft


def _told(draft: Draft, goal: Goal, counter: Counter, most: int, stay: frozenset[int]) -> tuple[int, Blocks] | None:
    """The newest note with the rules that no message tells, and where it stands or is to stand; None where none is missing."""
    messages = draft.messages
    ledger = draft.ledger
    if not (ledger.rules or ledger.amended):
        return None
    rules = untold(strongest(ledger.rules, most), ledger.amended, ledger.places, messages)
    if not rules:
        return None
    notes = [place for place, message in enumerate(messages) if is_account(message)]
    place = notes[-1] if notes else _gap(messages)
    blocks = Blocks.read(messages[place].text) if notes else Blocks("")
    if blocks is None:
        return None
    stays = counter.messages(messages[place] for place in stay)
    others = sum(counter.text(line) + 1 for note in notes[:-1] if (older := Blocks.read(messages[note].text)) for line in older.rules)
    labelled = {unlabelled(rule): rule for rule in ledger.rules}
    told = [labelled.get(rule, rule) for rule in blocks.said_rules]
    amended = frozenset(filter(is_amendment, (*told, *rules)))
    holding = amended.union(standing([rule for rule in (*told, *rules) if rule not in amended], ledger.places, given_at(messages)))
    known = [rule for rule in told if rule in holding]
    lines = rules_lines([*known, *rules], rules_room(goal.room, goal.allowed - stays - _frame(counter)) - others, counter)
    if tuple(lines) == blocks.rules:
        return None
    return place, replace(blocks, head=f"{ledger.messages:,}{TAKEN_OUT}", rules=tuple(lines))


def _stays(draft: Draft, goal: Goal, counter: Counter, most: int) -> frozenset[int]:
    """What is pinned, but for words that seem to open the conversation only since what was said before them went; and where it leaves
    no room for the rules, but for what was added to the task in few words before the newest of them."""
    messages = draft.messages
    whole = next((place for place, message in enumerate(messages) if message.index not in (place, None)), len(messages))
    found = pins(messages)
    found = replace(found, opening=frozenset(place for place in found.opening if place < whole))
    wanted = sum(counter.text(line) + 1 for line in rules_lines(strongest(draft.ledger.rules, most), LEAST_ROOM, counter))
    if counter.messages(messages[place] for place in found.all) + _frame(counter) + wanted <= goal.allowed:
        return found.all
    added = [place for place in sorted(found.task) if says_little(messages[place])]
    return replace(found, task=found.task - frozenset(added[:-1])).all


def _frame(counter: Counter) -> int:
    """What a note of rules takes beside their lines."""
    return counter.message(Blocks(TAKEN_OUT, (BULLET,)).message)


def _has_note(draft: Draft, place: int) -> bool:
    return place < len(draft.messages) and is_account(draft.messages[place])


def _gap(messages: tuple[Message, ...]) -> int:
    """Where the first message went missing."""
    places = [(place, message.index) for place, message in enumerate(messages) if message.index is not None]
    gaps = (place for (_, before), (place, here) in pairwise([(-1, -1), *places]) if here != before + 1)
    return next(gaps, len(messages))
