"""The rules and facts of a note, in the room that there is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from token_guard.compaction.clip import clipped
from token_guard.compaction.rules import asks_to_be_kept, forbids
from token_guard.compaction.shorten import TextCounter

__all__ = ["is_said", "rules_lines", "strongest"]

LONGEST = 800
"""Characters of a rule; what is longer is cut inside."""


def rules_lines(rules: Sequence[str], room: int, counter: TextCounter) -> list[str]:
    """A line for each rule, oldest first; where there is no room for all, prohibitions stay before other rules and facts, newer
    ones before older ones."""
    chosen: set[int] = set()
    for place in sorted(range(len(rules)), key=lambda place: (*_rank(rules[place]), -place)):
        tokens = counter.text(_line(rules[place])) + 1
        if tokens <= room:
            room -= tokens
            chosen.add(place)
    return [_line(rule) for place, rule in enumerate(rules) if place in chosen]


def strongest(rules: Sequence[str], most: int) -> tuple[str, ...]:
    """At most so many rules, in their order: prohibitions stay before other rules and facts, newer ones before older ones."""
    if len(rules) <= most:
        return tuple(rules)
    chosen = sorted(range(len(rules)), key=lambda place: (*_rank(rules[place]), -place))[:most]
    return tuple(rules[place] for place in sorted(chosen))


def is_said(rule: str, notes: str) -> bool:
    """Whether notes tell a rule already."""
    return _line(rule) in notes


def _line(rule: str) -> str:
    return f"- {clipped(rule, LONGEST)}"


@lru_cache(maxsize=4_096)
def _rank(rule: str) -> tuple[bool, bool]:
    return not forbids(rule), not asks_to_be_kept(rule)
