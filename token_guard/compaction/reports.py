"""The lines of an output that report an error: no source that handles one, no passing check, no text that speaks of errors to come.

Texts are read in time linear to their length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from token_guard.compaction import readable
from token_guard.compaction.error_forms import CODE_ENDS, COMPILED, EMPTY, ERROR_STEMS, FLAG_STEMS, LOUD, SOURCE, flags_error, says_error
from token_guard.compaction.kinds import kind_of
from token_guard.compaction.remembered import remembered

__all__ = ["MAX_LINE", "error_lines", "reports", "verdict"]

KEY = re.compile(r"(?:^|, |\{)([\w.-]{1,40}): ")
SAYING = re.compile(r"error|exception|fail|reason|message|detail|std|output|result|status|text|content", re.IGNORECASE)
"""The key before a value of JSON, and those keys whose values say how a call ended; others hold what people wrote."""

ENTRY = re.compile(r"['\"]?[A-Za-z_]{2,20}['\"]?: ?\S|(?:< )?HTTP\b")
"""An entry of a record that is written line by line, or the answer of a server."""

PRINTED = frozenset({"code", "diff"})
"""Kinds of text that show what is written somewhere."""

THROWN = re.compile(
    r"^(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Warning)\b|^Traceback \(|^\s*(?:\S+: )?(?:fatal|panic|error)(?:\[\w+\])?: ", re.IGNORECASE
)
"""What reports an error in the midst of source code: an exception as it is printed, a compiler's message."""

TRACEBACK = "Traceback (most recent call last):"

MAX_ERRORS = 3
"""Error lines kept of a text."""

MAX_LINE = 240
"""An error line longer than this is cut: one log line of JSON can be a megabyte."""


def verdict(text: str) -> str:
    r"""The line of a text that says what went wrong, or nothing: the exception that was not caught, the first message of a
    compiler, else the last report.

    >>> verdict("Traceback (most recent call last):\n  File 'a.py'\nKeyError: 'b'\nnpm error code 1")
    "KeyError: 'b'"
    """
    found = reports(text)
    raised = _thrown(text)
    compiled = next((line for line in found if COMPILED.match(line)), "")
    return (raised[-1] if raised else "") or compiled or (found[-1] if found else "")


def error_lines(text: str) -> tuple[str, ...]:
    r"""The last few different lines that report an error: the last ones say what went wrong in the end.

    >>> error_lines("ok\nTypeError: x is None\ndone")
    ('TypeError: x is None',)
    """
    return reports(text)[-MAX_ERRORS:]


@remembered
def reports(text: str) -> tuple[str, ...]:
    """All the different lines that report an error, each cut to `MAX_LINE` characters; those that only announce or point to others are
    left out where there are others."""
    decoded = readable.is_decoded(text)
    read = "\n".join(readable.lines(text)) if decoded else text
    suspicious = [line.strip()[:MAX_LINE] for line in _suspicious(read)]
    if decoded:
        is_record = bool(suspicious) and bool(readable.fields(text))
        found = [line for line in suspicious if (is_record and flags_error(line)) or _value_says_error(line)]
    else:
        printed = [line for line in suspicious if THROWN.match(line) and not line.endswith(CODE_ENDS)]
        found = [line for line in suspicious if says_error(line) or _entry_flags_error(line)]
        if (printed or found) and kind_of(read) in PRINTED:  # asked last: what sort of text it is takes longest to tell
            found = printed
    return tuple(dict.fromkeys([line for line in found if not EMPTY.search(line)] or found))


@remembered
def _thrown(text: str) -> tuple[str, ...]:
    r"""The exceptions behind tracebacks: the first line behind each that is not indented.

    >>> _thrown("Traceback (most recent call last):\n  File 'a.py', line 3\napp.Conflict: two of them")
    ('app.Conflict: two of them',)
    """
    lines: Sequence[str] = readable.lines(text) if TRACEBACK in text else ()
    return tuple(_behind_tracebacks(lines))


def _behind_tracebacks(lines: Sequence[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        if line.startswith(TRACEBACK):
            inside = True
        elif inside and line.strip() and not line[0].isspace():
            yield line.strip()[:MAX_LINE]
            inside = False


def _suspicious(text: str) -> Iterator[str]:
    """Lines that may report an error."""
    lowered = text.lower()
    stems = [stem for stem in (*ERROR_STEMS, *FLAG_STEMS) if stem in lowered]
    if not stems:
        return
    if len(lowered) != len(text):  # a few letters have no lower case of one character
        yield from text.splitlines()
        return
    for start, end in _lines_with(stems, lowered):
        yield from text[start:end].splitlines()


def _lines_with(stems: Sequence[str], text: str) -> Sequence[tuple[int, int]]:
    """Where the lines of a text stand that have one of these stems, in their order."""
    found = {}
    for stem in stems:
        place = text.find(stem)
        while place >= 0:
            end = text.find("\n", place)
            end = end if end >= 0 else len(text)
            found[text.rfind("\n", 0, place) + 1] = end
            place = text.find(stem, end)
    return sorted(found.items())


def _value_says_error(line: str) -> bool:
    """Whether a line of a record reports an error in a value that says how the call ended; others hold what people wrote."""
    before, *fields = KEY.split(line)
    if not fields:
        return says_error(line)
    values = zip(fields[::2], fields[1::2], strict=True)
    return says_error(before) or LOUD.search(line) is not None or any(SAYING.search(key) and says_error(value) for key, value in values)


def _entry_flags_error(line: str) -> bool:
    """Whether a line that is a record by itself, or an entry of one, says that a call failed."""
    if SOURCE.search(line) or (line.endswith(CODE_ENDS) and not line.startswith("{")):
        return False
    return (line.startswith("{") or ENTRY.match(line) is not None) and flags_error(line)
