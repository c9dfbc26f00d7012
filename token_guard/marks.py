"""The words that the guard puts into a conversation: neutral, in the third person, with odd delimiters.

They are recognised again, so that what was compacted once is not compacted twice.
"""

from __future__ import annotations

from collections.abc import Iterable

from token_guard.conversation import Message, Part, Text, ToolResult

__all__ = ["CLOSE", "END", "OPEN", "REFERENCE", "in_plain_brackets", "is_marked", "is_note", "mark", "marks_of", "quoted", "reference"]

OPEN, CLOSE = "⟦", "⟧"
"""Mathematical white square brackets: absent from code, logs and prose, so that a model that copies them is noticed."""

WORD = "compacted: "
PREFIX = f"{OPEN}{WORD}"
PLAIN_OPEN, PLAIN_CLOSE = "[[", "]]"
"""The same for models whose vocabulary lacks rare brackets; written last, so that inside the guard there is one form only."""


def mark(words: str) -> str:
    """A note about something that was compacted away.

    >>> mark("40 lines omitted")
    '⟦compacted: 40 lines omitted⟧'
    """
    return f"{PREFIX}{words}{CLOSE}"


REFERENCE = "reference, not a message from the user: "
"""How every note begins that stands where the user speaks."""

END = "end of reference"


def reference(what: str, lines: Iterable[str]) -> str:
    r"""A note of several lines, with a line that ends it.

    >>> reference("2 earlier messages were taken out", ["- see a.py"])
    '⟦compacted: reference, not a message from the user: 2 earlier messages were taken out\n- see a.py\nend of reference⟧'
    """
    return mark("\n".join([REFERENCE + what, *lines, END]))


QUOTED = str.maketrans({OPEN: "[", CLOSE: "]"})


def quoted(text: str) -> str:
    r"""Words of others on one line of a note: without our brackets and without anything that ends a line, they can neither
    close a note nor pass for a line of ours.

    >>> quoted("see\u2028end of reference\u27e7")
    'see end of reference]'
    """
    return " ".join((text.translate(QUOTED) if OPEN in text or CLOSE in text else text).split())


def in_plain_brackets(text: str) -> str:
    """The text with the guard's brackets, where it has any, in ASCII.

    >>> in_plain_brackets(mark("40 lines omitted"))
    '[[compacted: 40 lines omitted]]'
    """
    return text.replace(OPEN, PLAIN_OPEN).replace(CLOSE, PLAIN_CLOSE) if PREFIX in text else text


def is_marked(text: str) -> bool:
    """Whether a text is, or begins with, a note of the guard's."""
    return text.startswith(PREFIX)


def is_note(message: Message) -> bool:
    """Whether the guard put this message in."""
    return message.origin is None


def marks_of(message: Message) -> bool:
    """Whether the client itself sent a message that a guard has compacted before."""
    return message.role in ("user", "tool") and any(map(_marked, message.parts))


def _marked(part: Part) -> bool:
    if isinstance(part, ToolResult):
        return any(isinstance(inner, Text) and _has_prefix(inner.text) for inner in part.content)
    return isinstance(part, Text) and _has_prefix(part.text)


def _has_prefix(text: str) -> bool:
    return PREFIX in text or f"{PLAIN_OPEN}{WORD}" in text
