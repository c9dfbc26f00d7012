"""The lines of an output that report an error: no source that handles one, no passing check, no text that speaks of errors to come.

Texts are read in time linear to their length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from token_guard.compaction import readable
from token_guard.compaction.kinds import kind_of
from token_guard.compaction.remembered import remembered

__all__ = ["MAX_LINE", "error_lines", "reports", "verdict"]

ERROR = re.compile(
    r"\b(?:error|exception|traceback|fail(?:ed|ure|s)?|fatal|panic|denied|refused|not found|no such|cannot|undefined|unexpected|invalid"
    r"|timed? ?out)\b|(?-i:Error|Exception)\b",
    re.IGNORECASE,
)

ERROR_STEMS = (
    *("error", "exception", "traceback", "fail", "fatal", "panic", "denied", "refused", "not found", "no such", "cannot"),
    *("undefined", "unexpected", "invalid", "timed out", "timedout", "time out", "timeout"),
)
"""A text without any of these, in lower case, reports no error; looking for them costs a tenth of looking at every line."""

ANY_STEM = re.compile("|".join(ERROR_STEMS))

REPORT = re.compile(r"\b(?:ERROR|FATAL|CRITICAL|PANIC|FAILED)\b|\b[A-Z]\w*(?:Error|Exception): |\bTraceback\b")
"""What reports an error wherever it stands: a level in capitals, an exception with its message."""

SOURCE = re.compile(
    r"^\s*(?:\d+\s*[:\-|→\t]|\S+[:\-]\d+[:\-]|#|//|\*|[>+\-] |[0-9a-f]{7,40} )"
    r"|\b(?:raise|except|catch|throw|class|def|func|import|return|[Ii]f|[Ww]hen|would|should|may|might|print)\b"
)
"""What marks a line as source code, a search hit, an entry of a list or a log of commits, or as speaking of what may come: it names
an error without reporting one."""

PASSING = re.compile(
    r"(?:\bok|\bOK|\bpass(?:ed)?|\bPASS(?:ED)?|✓|✔|\bsuccess(?:ful(?:ly)?)?)\W*$|^\W*(?:ok\b|✓|✔|PASS(?:ED)?\b)"
    r"|\b(?:no|0|without|zero) (?:\w+ )?(?:errors?|failures?|failed|exceptions?|warnings?)\b"
    r"|(?:error|exception|fail(?:ed|ures?)|errors)['\"]?\s{0,2}[:=]\s{0,2}(?:null|none|nil|false|0|''|\"\"|\[\]|\{\})\W*$",
    re.IGNORECASE,
)
"""What says of a line that nothing went wrong, whatever it is named after."""

HELP = re.compile(r"^\s*(?:-\w[\s,]|--[\w-]+|usage:|#+ |[*|] ?|\d{1,3}[.)] |[A-Z]\) |(?:[-•] )?\*\*|[\w.-]+\s{3,}\S)", re.IGNORECASE)
"""An option or an entry of a help text, a heading, a row of a table, a point of a list: it speaks of errors that may come."""

KEY = re.compile(r"(?:^|, |\{)([\w.-]{1,40}): ")
SAYING = re.compile(r"error|exception|fail|reason|message|detail|std|output|result|status|text|content", re.IGNORECASE)
"""The key before a value of JSON, and those keys whose values say how a call ended; others hold what people wrote."""

THROWN = re.compile(
    r"^(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Warning)\b|^Traceback \(|^\s*(?:\S+: )?(?:fatal|panic|error)(?:\[\w+\])?: ", re.IGNORECASE
)
"""What reports an error in the midst of source code: an exception as it is printed, a compiler's message."""

COMPILED = re.compile(r"^\S+?(?:\(\d+,\d+\)|:\d+(?::\d+)?): (?:fatal )?(?:error|Error)\b|^(?:error|fatal)(?:\[\w+\])?: ")
"""A compiler's message: of several, the first says what is wrong, the others follow from it."""

TRACEBACK = "Traceback (most recent call last):"

CODE_ENDS = ("{", "}", ";", ",", "(", "):", "[", "*/", '"""')

MAX_ERRORS = 3
"""Error lines kept of a text."""

SHORTEST_REPORT = 12
"""Characters; "Error:" alone says nothing."""

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
    """All the different lines that report an error, each cut to `MAX_LINE` characters."""
    decoded = readable.is_decoded(text)
    read = "\n".join(readable.lines(text)) if decoded else text
    suspicious = [line.strip()[:MAX_LINE] for line in _suspicious(read)]
    if suspicious and kind_of(read) == "code":
        found = [line for line in suspicious if THROWN.match(line) and not line.endswith(CODE_ENDS)]
    else:
        found = [line for line in suspicious if _reports_error(line) and not (decoded and _is_prose_value(line))]
    return tuple(dict.fromkeys(found))


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
    lowered, end = text.lower(), 0
    if not any(stem in lowered for stem in ERROR_STEMS):
        return
    if len(lowered) != len(text):  # a few letters have no lower case of one character
        yield from text.splitlines()
        return
    for match in ANY_STEM.finditer(lowered):
        if match.start() >= end:
            start, end = text.rfind("\n", 0, match.start()) + 1, text.find("\n", match.start())
            end = end if end >= 0 else len(text)
            yield from text[start:end].splitlines()


def _reports_error(line: str) -> bool:
    if len(line.strip()) < SHORTEST_REPORT or not ERROR.search(line) or PASSING.search(line) or HELP.match(line):
        return False
    return bool(REPORT.search(line)) or not (SOURCE.search(line) or line.rstrip().endswith(CODE_ENDS))


def _is_prose_value(line: str) -> bool:
    """Whether a line is a value of JSON under a key that says nothing of how the call ended."""
    error = ERROR.search(line)
    key = next(reversed(KEY.findall(line, 0, error.end())), "") if error else ""
    return bool(key) and not SAYING.search(key) and not REPORT.search(line)
