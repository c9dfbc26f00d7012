"""The lines of a text that may matter later: those that hold the names that weigh most, definitions, errors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from token_guard.compaction import facts
from token_guard.compaction.clip import pieces

__all__ = ["LINE_CHARS", "Line", "telling", "worth"]

LINE_CHARS = 200
"""A line of more characters is quoted in pieces."""

MOST_LINES = 32
"""Lines of one text that are remembered: more are a copy of it."""

FEW_LINES = 4
"""A text of so few lines is remembered as a whole."""

SHORTEST = 6
"""Characters; shorter lines say nothing by themselves."""

DEFINING = re.compile(
    r"\s*(?:\d+[\s:→\t|-]+)?(?:(?:export|default|pub|public|private|protected|static|async|abstract|final) )*"
    r"(?:def|class|func|fn|function|type|struct|interface|enum|trait|impl|const)\s"
)

DEFINES, REPORTS, CHANGED = 1.0, 1.0, 0.5
"""What speaks for a line beside its names: it defines something, it reports an error, an edit took it away or put it in."""

WAS, NOW = "was: ", "now: "
"""What stands before a line that an edit took away, and before one that it put in."""

SAID_AGAIN = 0.3
"""What a name is still worth once a better line says it."""

SIZE_MATTERS = 0.8
"""A line's worth is divided by its length to this power: two short ones may be worth more than a long one."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text, as it is quoted, with its place in it."""

    place: int
    text: str


def telling(lines: Sequence[str], weights: Mapping[str, float]) -> tuple[Line, ...]:
    """The lines that may matter, the best first; each name counts most in the best line that has it."""
    found = _candidates(lines, weights)
    if len(found) <= FEW_LINES:
        return tuple(Line(place, text) for place, (_, text, _) in sorted(found.items()))
    ranked = sorted(found.items(), key=lambda entry: (-entry[1][0], entry[0]))[: 3 * MOST_LINES]
    left, chosen = {name: weights.get(name, 0.0) for _, (_, _, names) in ranked for name in names}, []
    for place, (_, line, names) in ranked:
        chosen.append((-worth(line, names, left), place, line))
        left.update((name, left[name] * SAID_AGAIN) for name in names)
    chosen.sort()
    return tuple(Line(place, line) for _, place, line in chosen[:MOST_LINES])


def worth(line: str, names: Sequence[str], weights: Mapping[str, float]) -> float:
    """What quoting a line is worth for its length."""
    value = sum(weights.get(name, 0.0) for name in names)
    value += DEFINES * bool(DEFINING.match(line)) + REPORTS * bool(facts.error_lines(line)) + CHANGED * line.startswith((WAS, NOW))
    return float(value / (4 + min(len(line), LINE_CHARS)) ** SIZE_MATTERS)


def _candidates(lines: Sequence[str], weights: Mapping[str, float]) -> dict[int, tuple[float, str, tuple[str, ...]]]:
    """Lines as they are quoted, each different one once, with what they are worth and their names."""
    found: dict[int, tuple[float, str, tuple[str, ...]]] = {}
    seen: set[str] = set()
    place = 0
    for line in lines:
        for piece in pieces(line.strip(), LINE_CHARS):
            place += 1
            if len(piece) >= SHORTEST and piece not in seen:
                seen.add(piece)
                names = facts.names(piece)
                found[place] = (worth(piece, names, weights), piece, names)
    return found
