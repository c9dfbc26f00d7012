"""The lines of a text that may matter later: those that hold the names that weigh most, definitions, errors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from token_guard.compaction import facts
from token_guard.compaction.clip import clipped_around

__all__ = ["LINE_CHARS", "Line", "telling", "worth"]

LINE_CHARS = 200
"""A quoted line of more characters is cut inside, around the name that it is quoted for."""

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

DEFINES, REPORTS = 1.0, 1.0
"""What speaks for a line beside its names: it defines something, or it reports an error."""

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
    if len(lines) <= FEW_LINES:
        return tuple(Line(place, text) for place, line in enumerate(lines) if len(text := clipped_around(line, "", LINE_CHARS)) >= SHORTEST)
    ranked = sorted(_candidates(lines, weights).items(), key=lambda entry: (-entry[1][0], entry[0]))
    left, chosen = dict(weights), []
    for place, (_, line, found) in ranked[: 3 * MOST_LINES]:
        now = worth(line, found, left)
        chosen.append((-now, place, line, max(found, key=lambda name: left.get(name, 0.0), default="")))
        left.update((name, left.get(name, 0.0) * SAID_AGAIN) for name in found)
    chosen.sort()
    return tuple(Line(place, clipped_around(line, name, LINE_CHARS)) for _, place, line, name in chosen[:MOST_LINES])


def worth(line: str, names: Sequence[str], weights: Mapping[str, float]) -> float:
    """What quoting a line is worth for its length."""
    value = sum(weights.get(name, 0.0) for name in names)
    value += DEFINES * bool(DEFINING.match(line)) + REPORTS * bool(facts.error_lines(line))
    return float(value / (4 + min(len(line), LINE_CHARS)) ** SIZE_MATTERS)


def _candidates(lines: Sequence[str], weights: Mapping[str, float]) -> dict[int, tuple[float, str, tuple[str, ...]]]:
    """Lines with names, each different one once, with what they are worth and their names."""
    found: dict[int, tuple[float, str, tuple[str, ...]]] = {}
    seen: set[str] = set()
    for place, line in enumerate(lines):
        plain = line.strip()
        if len(plain) < SHORTEST or plain in seen:
            continue
        seen.add(plain)
        names = facts.names(plain[: 10 * LINE_CHARS])
        found[place] = (worth(plain, names, weights), plain, names)
    return found
