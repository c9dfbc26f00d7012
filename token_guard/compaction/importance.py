"""Which exchanges matter least."""

from __future__ import annotations

import math
from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from itertools import chain
from types import MappingProxyType

from token_guard.compaction import facts, reports
from token_guard.compaction.edits import held_for_edits
from token_guard.compaction.pins import pinned
from token_guard.compaction.units import units_of
from token_guard.conversation import Exchange, Message

__all__ = ["WEIGHTS", "by_score", "scores"]

RECENCY, PRIORITY = 1.0, 0.5
"""An exchange's score is how new it is, between 0 and 1, and this share of what speaks for it by category."""

WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"task": 1.0, "editing": 12.0, "related": 0.8, "structure": 0.6, "patterns": 0.4, "general": 0.2}
)
"""Categories, each between 0 and 1 for an exchange: how many of the rare words of the task and the newest turns it has; whether it
holds the text of a file that is being edited; how many of its names later calls use; whether the user speaks; whether a tool
reports an error; how many names it has at all.

The next edit has to quote a file to the letter, and no note has room for that: with 1.0 for it, .80 of the lines that recorded edits
replaced were there, with 12.0 .86, for the same tokens and with as many facts."""

MANY_NAMES = 20
"""With so many different names an exchange has all that the last category gives."""

RECENT_TURNS = 3
"""The newest exchanges whose words say what the conversation is about now."""


def by_score(units: Sequence[tuple[Exchange, frozenset[int]]], scores: Mapping[int, float]) -> list[tuple[Exchange, frozenset[int]]]:
    """Lowest first; a turn that holds others comes after them."""
    return sorted(units, key=lambda entry: (max([scores[entry[0].start], *(scores[place] for place in entry[1])]), len(entry[1])))


def scores(messages: Sequence[Message], weights: Mapping[str, float]) -> dict[int, float]:
    """How much each exchange matters, by the place where it starts."""
    units = units_of(messages)
    names = {unit.start: _names_of(unit) for unit in units}
    relevant, used, edited = _relevance(messages, units), _later_uses(units, names), held_for_edits(units)
    found: dict[int, float] = {}
    for number, unit in enumerate(units):
        terms = {
            "task": relevant[unit.start],
            "editing": edited.get(unit.start, 0.0),
            "related": used[unit.start],
            "structure": float(unit.messages[0].role == "user"),
            "patterns": float(any(map(_reports_error, unit.messages))),
            "general": min(1.0, len(names[unit.start]) / MANY_NAMES),
        }
        found[unit.start] = RECENCY * number / len(units) + PRIORITY * sum(weights[name] * term for name, term in terms.items())
    return found


def _relevance(messages: Sequence[Message], units: Sequence[Exchange]) -> dict[int, float]:
    """For each exchange, the weight of the rare words of the task and the newest turns that it has."""
    words = {unit.start: facts.terms("\n".join(message.full_text for message in unit.messages)) for unit in units}
    query = _query(messages, units, words)
    hits = {start: terms & query for start, terms in words.items()}
    spread = Tally(chain.from_iterable(hits.values()))
    rarity = {term: math.log(1 + len(units) / times) for term, times in spread.items()}
    most = math.fsum(sorted(rarity.values(), reverse=True)[:20]) or 1.0
    return {start: min(1.0, math.fsum(rarity[term] for term in terms) / most) for start, terms in hits.items()}


def _query(messages: Sequence[Message], units: Sequence[Exchange], words: Mapping[int, frozenset[str]]) -> set[str]:
    stays = pinned(messages)
    task = {term for unit in units if unit.start in stays and unit.messages[0].role == "user" for term in words[unit.start]}
    return task.union(*(words[unit.start] for unit in units[-RECENT_TURNS:]))


def _later_uses(units: Sequence[Exchange], names: Mapping[int, frozenset[str]]) -> dict[int, float]:
    """For each exchange, the share of its names that the calls of later exchanges use."""
    shares: dict[int, float] = {}
    later: set[str] = set()
    for unit in reversed(units):
        own = names[unit.start]
        shares[unit.start] = len(own & later) / max(1, len(own))
        for message in unit.messages:
            for call in message.calls:
                later.update(facts.names(call.arguments))
    return shares


def _reports_error(message: Message) -> bool:
    """Whether a tool reports an error in a message, or its result is marked as one."""
    return any(result.failed or reports.error_lines(result.text) for result in message.results)


def _names_of(unit: Exchange) -> frozenset[str]:
    return frozenset().union(*map(facts.names_of, unit.messages))
