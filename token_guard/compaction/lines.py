"""The lines of a text that may matter later: those that hold the names that weigh most, definitions, errors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from token_guard.compaction import facts, readable, reports
from token_guard.compaction.clip import pieces
from token_guard.compaction.remembered import remembered

__all__ = ["LINE_CHARS", "NOW", "WAS", "Line", "read", "telling"]

LINE_CHARS = 200
"""A line of more characters is quoted in pieces."""

ROW_CHARS = 480
"""The same for a row of JSON, which says what its values are only as a whole: a record of a dozen fields."""

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

DEFINES, REPORTS, IDENTIFIES, CHANGED, FIELD = 0.5, 1.0, 1.0, 1.0, 0.2
"""What speaks for a line beside its names: it defines something, it reports an error, it is the row of a thing with an identifier, an
edit took it away or put it in, it is a short field of a record, whose value may be a plain word."""

SHORT_FIELD = re.compile(r"[\w .-]{2,40}: [^{\[]{1,40}$")

IDENTIFYING = re.compile(r"(?:\b|_)(?:id|number|code|key|uuid|sku|ref)s?: \S{0,80}?\d", re.IGNORECASE)
"""Fields of a record by whose values later calls name it."""

FEW_ROWS = 24
"""A record of more lines is a table: most of its rows are never named again."""

SEVERAL_FIELDS = re.compile(r": [^,]{0,200}, [\w .-]{1,40}: ")
IDENTIFIER = re.compile(r"(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z])[\w#-]+$")
"""A row, and a value with letters and digits that may be what names it."""

PASSED = re.compile(
    r"\S+ (?:\.+ ?)?(?:ok|OK|PASS(?:ED)?|passed)\s*(?:\[\s*\d+%\])?$|\W*(?:ok \d|✓|✔|PASS(?:ED)?:? )"
    r"|(?:ok|\?)\s+[\w./-]+\s+(?:\d[\d.]*s|\(cached\)|\[no test files\])"
)
"""A test that passed, or a package of them: of many nobody asks which; the sum of a run is told with its step."""

PROGRESS = re.compile(
    r"(?!Missing|Failing|Pending)[A-Z][a-z]{2,12}(?:ing|ed) [\w@./-]{1,80}(?: v\d[\w.+-]{0,30}(?: \([^()]{1,120}\))?|\s?\.{3})$"
)
"""A row of a run's progress (`Compiling serde v1.0.190`): nobody asks later what else was done on the way."""

HOLLOW = re.compile(
    r"(?:\d+[\s:→\t|-]+)?(?:"
    r"(?:\} )?(?:else |el)?(?:if|while|return|yield|await|switch)\b ?\(?(?:not |!)?\w*\)?"
    r"|(?:await )?[\w.]+\(\)"
    r"|[\w.]+ [+:-]?= (?:True|False|None|true|false|null|nil|\[\]|\{\}|\(\)|[01]|\"\"|'')"
    r")[:;{, ]*$"
)
"""A line of code that steers or begins something with one name (`if found:`, `return total`, `main()`, `rows = []`): what the name stands
for, other lines say."""

POINTING = re.compile(r"(?:-->|at|File) .{1,200}[:( ]\d")
"""The line behind an error that says where it is."""

WAS, NOW = "was: ", "now: "
"""What stands before a line that an edit took away, and before one that it put in."""

SAID_AGAIN = 0.3
"""What a name is still worth once a better line says it."""

SIZE_MATTERS = 0.8
"""A line's worth is divided by its length to this power: two short ones may be worth more than a long one."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text, as it is quoted, with its place in it, its names, what speaks for it beside them, and what
    names the thing that it tells of, where it is a row of a record."""

    place: int
    text: str
    names: tuple[str, ...] = ()
    bonus: float = 0.0
    identifiers: tuple[str, ...] = ()

    def worth(self, weights: Mapping[str, float], more: float = 0.0) -> float:
        """What quoting it is worth for its length, where so much more speaks for it."""
        value = self.bonus + more + sum([weights.get(name, 0.0) for name in self.names])
        return float(value / (4 + min(len(self.text), ROW_CHARS)) ** SIZE_MATTERS) if value else 0.0


def telling(text: str, weights: Mapping[str, float]) -> tuple[Line, ...]:
    """The lines that may matter, the best first; each name counts most in the best line that has it."""
    found = read(text)
    if len(found) <= FEW_LINES:
        return found
    ranked = nsmallest(3 * MOST_LINES, ((-line.worth(weights), line.place, line) for line in found))
    left = {name: weights.get(name, 0.0) for _, _, line in ranked for name in line.names}
    chosen = []
    for _, place, line in ranked:
        chosen.append((-line.worth(left), place, line))
        left.update((name, left[name] * SAID_AGAIN) for name in line.names)
    chosen.sort()
    return tuple(line for _, _, line in chosen[:MOST_LINES])


@remembered
def read(text: str) -> tuple[Line, ...]:
    """The lines of a text as they are quoted, each different one once; a JSON text is read decoded."""
    found: list[Line] = []
    seen: set[str] = set()
    errors = frozenset(reports.reports(text))
    place, is_record = 0, readable.is_decoded(text)
    valued = frozenset(facts.names(text)) if is_record else frozenset()
    lines = readable.lines(text)
    identifies = IDENTIFIES if len(lines) <= FEW_ROWS else 0.0
    reported = 0.0
    for line in map(str.strip, lines):
        is_error = bool(errors) and (line[: reports.MAX_LINE] in errors or (reported > 0 and POINTING.match(line) is not None))
        reported = REPORTS if is_error else 0.0
        for piece in pieces(line, ROW_CHARS if is_record else LINE_CHARS):
            place += 1
            if len(piece) < SHORTEST or piece in seen or readable.is_frame(piece):
                continue
            seen.add(piece)
            idle = PASSED.match(piece) or (not reported and (PROGRESS.match(piece) or HOLLOW.match(piece)))
            names = () if idle else facts.names_in(piece)
            bonus = reported + DEFINES * bool(DEFINING.match(piece)) + CHANGED * piece.startswith((WAS, NOW))
            identifiers: tuple[str, ...] = ()
            if is_record:
                names = tuple(name for name in names if name in valued)
                if _identifies(piece, names):
                    identifiers, bonus = tuple(filter(IDENTIFIER.match, names)), bonus + identifies
                elif SHORT_FIELD.match(piece):
                    bonus += FIELD
            found.append(Line(place, piece, names, bonus, identifiers))
    return tuple(found)


def _identifies(line: str, values: Sequence[str]) -> bool:
    """Whether a line of a record with these values tells of a thing with an identifier."""
    return IDENTIFYING.search(line) is not None or (SEVERAL_FIELDS.search(line) is not None and any(map(IDENTIFIER.match, values)))
