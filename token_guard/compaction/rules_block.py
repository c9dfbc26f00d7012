"""The rules and facts of a note, in the room that there is."""

from __future__ import annotations

from collections.abc import Sequence

from token_guard.compaction.clip import clipped
from token_guard.compaction.shorten import TextCounter

__all__ = ["rules_lines"]

LONGEST = 800
"""Characters of a rule; what is longer is cut inside."""


def rules_lines(rules: Sequence[str], room: int, counter: TextCounter) -> list[str]:
    """A line for each rule, oldest first; where there is no room for all, the newest stay."""
    chosen: list[str] = []
    for rule in reversed(rules):
        line = f"- {clipped(rule, LONGEST)}"
        room -= counter.text(line) + 1
        if room < 0:
            break
        chosen.append(line)
    return chosen[::-1]
