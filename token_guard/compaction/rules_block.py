"""The rules and facts of a note: which ones it has to tell, in the room that there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

from token_guard.compaction.amendments import amendments, belonging, is_amendment
from token_guard.compaction.blocks import BULLET, is_account
from token_guard.compaction.clip import clipped
from token_guard.compaction.rules import asks_to_be_kept, forbids, given, is_declared, is_for_safety, newest, unlabelled
from token_guard.compaction.shorten import TextCounter
from token_guard.conversation import Message
from token_guard.marks import sent_notes

__all__ = ["LEAST_ROOM", "amended_at", "given_at", "rules_lines", "rules_room", "standing", "strongest", "untold"]

LONGEST = 800
"""Characters of a rule; what is longer is cut inside."""

SHARE = 0.5
"""Of what is allowed, the most that rules may take, beside the room of the account: they survive any budget."""

LEAST_ROOM = 500
"""So many tokens they have also where that is more than their share, as far as what has to stay leaves them: in a small window rules come
before the account, and before old words."""


def rules_room(room: int, left: int) -> int:
    """What rules may take of the room beside instructions, where messages that stay leave so much; all in tokens."""
    return max(int(SHARE * room), min(LEAST_ROOM, left))


def rules_lines(rules: Sequence[str], room: int, counter: TextCounter) -> list[str]:
    """A line for each rule, oldest first; where there is no room for all, without the labels that they have, and then prohibitions
    stay before other rules and facts, what says of itself what it is before other facts, newer ones before older ones."""
    lines = [_line(rule) for rule in rules]
    if sum(counter.text(line) + 1 for line in lines) > room:
        lines = [_line(unlabelled(rule)) for rule in rules]
    chosen: set[int] = set()
    for place in sorted(range(len(rules)), key=lambda place: (*_rank(rules[place]), -place)):
        tokens = counter.text(lines[place]) + 1
        if tokens <= room:
            room -= tokens
            chosen.add(place)
    return [line for place, line in enumerate(lines) if place in chosen]


def strongest(rules: Sequence[str], most: int) -> tuple[str, ...]:
    """At most so many rules, in their order: prohibitions stay before other rules and facts, newer ones before older ones."""
    if len(rules) <= most:
        return tuple(rules)
    chosen = sorted(range(len(rules)), key=lambda place: (*_rank(rules[place]), -place))[:most]
    return tuple(rules[place] for place in sorted(chosen))


def untold(rules: Sequence[str], amended: Sequence[str], places: Mapping[str, int], kept: Sequence[Message]) -> list[str]:
    """The rules of messages that went which nothing that stays tells: no note, and none of the user's words; and which none of the
    words that came after them replaces. What was said later of what such a rule is about is told with it, also where
    it stays: it may stay above the rule. So is what went and is about a rule that stays."""
    notes = "\n".join(message.text for message in (*filter(is_account, kept), *sent_notes(kept)))
    said, shown = given_at(kept), amended_at(kept)
    holding = {rule: places.get(rule, -1) for rule in standing(rules, places, said)}
    missing = {rule: at for rule, at in holding.items() if rule not in said and not _is_told(rule, notes)}
    gone = {one: places.get(one, 0) for one in amended if one not in shown and not _is_told(one, notes)}
    told = {**missing, **belonging(gone, {**holding, **said}), **belonging(shown, missing)}
    return sorted(told, key=lambda one: told[one])


def standing(rules: Sequence[str], places: Mapping[str, int], said: Mapping[str, int]) -> list[str]:
    """The rules that none which was `said` later replaces; both say where in the history each was given."""
    given_in_turn = sorted(
        (*((places.get(rule, -1), rule) for rule in rules), *((at, rule) for rule, at in said.items())), key=itemgetter(0)
    )
    holds = frozenset(newest(rule for _, rule in given_in_turn))
    return [rule for rule in rules if rule in holds]


def given_at(messages: Iterable[Message]) -> dict[str, int]:
    """The rules that the user gave in messages, with the place in the history at which each was given last."""
    return {rule: message.index or 0 for message in messages for rule in given([message])}


def amended_at(messages: Iterable[Message]) -> dict[str, int]:
    """What the user said in messages that may allow, take back or change what a rule asks for, with its place as above."""
    return {one: message.index or 0 for message in messages if message.asks for one in amendments(message.said)}


def _is_told(rule: str, notes: str) -> bool:
    return _line(rule) in notes or _line(unlabelled(rule)) in notes


def _line(rule: str) -> str:
    return f"{BULLET}{clipped(rule, LONGEST)}"


@lru_cache(maxsize=4_096)
def _rank(rule: str) -> tuple[bool, bool, bool, bool]:
    return not is_for_safety(rule), not (forbids(rule) or is_amendment(rule)), not asks_to_be_kept(rule), not is_declared(rule)
