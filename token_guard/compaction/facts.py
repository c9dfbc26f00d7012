"""What is worth keeping of a text: names, error lines, directives, decisions.

Everything here reads text line by line or with linear patterns, and gives the same answer in every process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["decisions", "definitions", "directives", "error_lines", "names", "sentences", "terms"]

NAME = re.compile(r"[A-Za-z0-9_.~/@#][A-Za-z0-9_./\-@#]{3,160}")
"""Runs that may be a path, an identifier, a number, a hash, an address."""

TELLING = re.compile(r"[0-9_/.@#]|[a-z][A-Z]|[a-z]-[a-z]")
"""What sets a name apart from a word: a digit, an underscore, a slash, a dot, camel case, a hyphen inside."""

DEFINITION = re.compile(
    r"\b(?:def|class|func|function|fn|struct|interface|type|enum|trait|impl|const|let|var|module|package)\s+([A-Za-z_]\w{2,60})"
)

ERROR = re.compile(
    r"\b(?:error|exception|traceback|fail(?:ed|ure|s)?|fatal|panic|denied|refused|not found|no such|cannot|undefined|unexpected|invalid"
    r"|timed? ?out)\b|Error\b|Exception\b",
    re.IGNORECASE,
)

SOURCE = re.compile(r"^\s*(?:\d+[:\-]|#|//|\*|[>+\-] )|\b(?:raise|except|catch|throw|class|def|func|import|return|if|print)\b")
"""What marks a line as source code or a search hit: it speaks of an error without reporting one."""

SHORTEST_REPORT = 12
"""Characters; "Error:" alone says nothing."""

DIRECTIVE = re.compile(r"\b(?:must|never|always|only|do not|don't|shall|required?|make sure|ensure|prefer|avoid|json)\b", re.IGNORECASE)

DECISION = re.compile(r"\b(?:I'll|I will|the fix|the approach|decided to|the solution|because)\b", re.IGNORECASE)

SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")

MAX_LINE = 240
"""An error line longer than this is cut: one log line of JSON can be a megabyte."""

SENTENCE_CHARS = range(25, 401)
"""Decision and directive sentences outside this length are noise or whole paragraphs."""

DECISION_LINES = 40
"""Decisions stand at the head of an assistant message."""

WORD = re.compile(r"[a-z0-9]+|[^\x00-\x7f]")

ENDING = re.compile(r"(?:ing|ed|es|s|ly)$")

STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """the a an of to in on for and or is are was were be been do does did what when where who which how why with has have
        had it its this that i you he she they we me my your his her their at by from as about would could will can not there
        than then so if after before during into over""",
    )
)


def names(text: str) -> Iterator[str]:
    """Paths, identifiers, numbers and the like, in order, repeats included.

    >>> list(names("see src/app.py: get_user failed with code 40412"))
    ['src/app.py', 'get_user', '40412']
    """
    for found in NAME.findall(text):
        name = found.rstrip(".-/#@")
        if len(name) > 3 and TELLING.search(name):  # noqa: PLR2004 - shorter ones say nothing
            yield name


def definitions(text: str) -> Iterator[str]:
    r"""Names that a piece of code defines.

    >>> list(definitions("class Parser:\n    def parse_line(self): ..."))
    ['Parser', 'parse_line']
    """
    return (match.group(1) for match in DEFINITION.finditer(text))


def error_lines(text: str, limit: int = 3) -> list[str]:
    r"""The last `limit` different lines that speak of an error: the last ones say what went wrong in the end.

    >>> error_lines("ok\nTypeError: x is None\ndone")
    ['TypeError: x is None']
    """
    found = (line.strip()[:MAX_LINE] for line in text.splitlines() if _reports_error(line[:MAX_LINE]))
    return list(dict.fromkeys(found))[-limit:]


def _reports_error(line: str) -> bool:
    return bool(ERROR.search(line)) and len(line.strip()) >= SHORTEST_REPORT and not SOURCE.search(line)


def sentences(text: str) -> Iterator[str]:
    """Sentences and lines, without the white space around them."""
    return (sentence.strip() for sentence in SENTENCE_END.split(text) if sentence.strip())


def directives(text: str) -> list[str]:
    """Sentences that say what must, must not or may only be done.

    >>> directives("Hello there. You must never push to the main branch!")
    ['You must never push to the main branch!']
    """
    return [sentence for sentence in sentences(text) if len(sentence) in SENTENCE_CHARS and DIRECTIVE.search(sentence)]


def decisions(text: str) -> list[str]:
    """Sentences in which an assistant says what it decided and why.

    >>> decisions("The fix is to close the file in a finally block.")
    ['The fix is to close the file in a finally block.']
    """
    head = "\n".join(text.split("\n", DECISION_LINES)[:DECISION_LINES])
    return [sentence for sentence in sentences(head) if len(sentence) in SENTENCE_CHARS and DECISION.search(sentence)]


def terms(text: str) -> Iterator[str]:
    """Words for scoring: lower case, without endings and stop words; every non-ASCII character is one.

    >>> list(terms("Parsing the folders"))
    ['pars', 'folder']
    """
    for word in WORD.findall(text.lower()):
        if word not in STOP_WORDS:
            yield ENDING.sub("", word) if len(word) > 5 else word  # noqa: PLR2004 - short words have no ending to lose
