"""How a call ended, as its output says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from token_guard.compaction import readable
from token_guard.compaction.clip import CUT, clipped
from token_guard.compaction.reports import verdict
from token_guard.compaction.sums import says_anything, sums

__all__ = ["outcome", "status_of"]

REPORTED = 100
"""Characters for the line that tells how a call ended."""

FEW_LINES = 2
"""So many lines are told as they are; of more, how many there are."""

REFUSED_LINES = 5
"""A call that shows what is written somewhere shows something of more lines; in fewer it says why it cannot."""

STATUS = re.compile(
    r"\b((?:return|exit)[ _-]?(?:code|status|ed with)|exited with(?: code)?|status(?:[ _]code)?)\b\W{1,4}(-?\d{1,5})\b", re.IGNORECASE
)
ENDS = 200
"""Characters at either end of an output where its status stands."""

LONG_TARGET = 16
"""Characters of a target that are not said twice in one line."""

NOTICE = re.compile(r"\s*\[?(?:warn(?:ing)?|notice|note|hint|deprecat\w+)\b\]?:? ", re.IGNORECASE)
"""How lines begin that advise: they say nothing of how the call ended."""

ANNOUNCED = re.compile(r"(?:^|(?<=[.!]) )[^.!\n]{1,200}:$")
"""The sentence at the end of a line that announces the lines below it; before it stands how the call ended."""

FOUND = re.compile(r"[\w.~@+-]*(?:/[\w.@+-]+)+/?")
FEW_FOUND = 3
"""A line that is a path and nothing else: what a search found; so many are told, and how many there were."""

LONG_RUN = 12
"""What takes more lines is a run: it says how it ended where it ends, not where it begins."""

COMMITTED = re.compile(r"\[[\w./-]{1,100}(?: \([\w-]{1,40}\))? [0-9a-f]{7,40}\] ")
"""What tells of a commit, before which the checks of a repository may write much."""

STATE = re.compile(r"(?:\w{1,64}_)?(?:status|state|result|success|error|message|reason|outcome|total)(?:_\w{1,64})?: ", re.IGNORECASE)
"""What of a record tells how a call ended."""


def outcome(text: str, *, whole: bool = False, shown: bool = False, target: str = "") -> str:
    r"""How a call ended, as its output says: the whole of it for a call that changed something; what was `shown` is what is
    written somewhere, which may speak of any error. Its `target` was told before.

    >>> outcome("<returncode>1</returncode>\na.py:3\nb.py:4\nValueError: no b\n")
    'returncode 1, ValueError: no b (3 lines)'
    >>> outcome("collected 65 items\n\ntests/test_a.py .....\n65 passed in 2.28s\n")
    '65 passed in 2.28s (3 lines)'
    """
    status = status_of(text)
    lines = [line for line in readable.lines(text) if line.strip() and not _says_nothing(line)]
    error = "" if shown and len(lines) > REFUSED_LINES and _went_well(status) else verdict(text)
    said = [error] if error else _said(text, lines, whole=whole, shown=shown) if _went_well(status) else lines[-1:]
    size = f"({len(lines):,} lines)" if len(lines) > len(said) else ""
    told = [status if whole or not _went_well(status) else "", *(clipped(_without(target, line), REPORTED) for line in said)]
    return " ".join(filter(None, [", ".join(filter(None, told)), size])) or status or "no output"


def status_of(text: str) -> str:
    """The status that an output gives at one of its ends, or nothing.

    >>> status_of("<returncode>1</returncode>"), status_of("Process exited with code 0"), status_of("fine")
    ('returncode 1', 'exited with code 0', '')
    """
    status = STATUS.search(text, 0, ENDS) or STATUS.search(text, max(0, len(text) - ENDS))
    return f"{status[1]} {status[2]}" if status else ""


def _without(target: str, line: str) -> str:
    """A line without what the call says already."""
    return line.replace(target, CUT) if len(target) >= LONG_TARGET else line


def _went_well(status: str) -> bool:
    """Whether a status says so, or there is none."""
    return not status or status.endswith((" 0", " 200"))


def _said(text: str, lines: Sequence[str], *, whole: bool, shown: bool) -> Sequence[str]:
    """The lines that say how a call ended in which nothing went wrong: all of a few; the first of paths that were found; the sum of a run;
    what is said before a text is shown; of a record what tells its state; else, of a change, the ends, of a long one its sum."""
    if len(lines) <= FEW_LINES:
        return lines
    if all(map(FOUND.fullmatch, lines)):
        return lines[:FEW_FOUND]
    if not whole:
        return () if shown else sums(lines)
    ended = ANNOUNCED.sub("", lines[0].rstrip(), count=1)
    if ended and ended != lines[0].rstrip():
        return [ended]
    states = [line for line in lines if STATE.match(line)] if readable.fields(text) else []
    summed = sums(lines) if not states else []
    if summed and len(lines) > LONG_RUN:
        return [*[line for line in lines if COMMITTED.match(line)][-1:], *summed][:FEW_LINES]
    first, last = (next(filter(says_anything, one), one_end) for one, one_end in ((lines, lines[0]), (reversed(lines), lines[-1])))
    return list(dict.fromkeys([first, *states[:FEW_LINES], *summed[-1:], last]))[:FEW_LINES]


def _says_nothing(line: str) -> bool:
    """Whether a line is a frame, a status, or advice."""
    found = STATUS.search(line)
    return readable.is_frame(line) or NOTICE.match(line) is not None or (found is not None and len(line) < len(found[0]) + 30)
