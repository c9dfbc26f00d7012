"""The words that the guard puts into a conversation: neutral, in the third person, with odd delimiters.

Inside the guard they are recognised by where they stand, never by how they read: a note is a message without an origin, a placeholder
a part that is not the one the client sent. Anybody can write our words into a page or a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from token_guard.conversation import Message, Text, ToolResult

__all__ = [
    "CLOSE",
    "END",
    "INDENT",
    "OPEN",
    "REFERENCE",
    "in_plain_brackets",
    "is_closed",
    "is_marked",
    "is_note",
    "is_placeholder",
    "mark",
    "quoted",
    "quoted_lines",
    "reference",
    "sent_notes",
    "without_references",
]

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


INDENT = "    "
"""What stands before a line that is quoted as it is: lines of the guard's own begin without it."""

_BRACKETS: Final = str.maketrans({OPEN: "[", CLOSE: "]"})
_PLAIN: Final = ((f"{PLAIN_OPEN}{WORD}", f"[{WORD}"), (f"{END}{PLAIN_CLOSE}", f"{END}]"))
"""Of the form in ASCII, what opens and closes a note; other double brackets are code."""


def quoted(text: str) -> str:
    r"""Words of others on one line of a note: without our brackets and without anything that ends a line, they can neither
    close a note nor pass for a line of ours.

    >>> quoted("see\u2028end of reference\u27e7")
    'see end of reference]'
    """
    return " ".join(_neutral(text).split())


def quoted_lines(text: str) -> list[str]:
    r"""Words of others in lines, each to the letter but for our brackets, and behind an indent that no line of ours has.

    >>> quoted_lines("def f():\x85    end of reference\u27e7")
    ['    def f():', '        end of reference]']
    """
    return [INDENT + line.rstrip() for line in _neutral(text).splitlines() if line.strip()]


def _neutral(text: str) -> str:
    if OPEN in text or CLOSE in text:
        text = text.translate(_BRACKETS)
    for ours, others in _PLAIN:
        text = text.replace(ours, others)
    return text


_REFERENCE: Final = re.compile(
    rf"(?:{re.escape(OPEN)}|{re.escape(PLAIN_OPEN)}){WORD}{REFERENCE}(?:[^\n]|\n(?!{END}))*"
    rf"(?:\n{END}(?:{re.escape(CLOSE)}|{re.escape(PLAIN_CLOSE)})?)?"
)


def without_references(text: str) -> str:
    """A text without the notes that a guard put into it before; one that has no end goes on to the end of the text.

    >>> without_references(reference("2 earlier messages were taken out", ["- never"]) + " Go on."), without_references("a [[b]]")
    (' Go on.', 'a [[b]]')
    """
    return _REFERENCE.sub("", text) if REFERENCE in text else text


def in_plain_brackets(text: str) -> str:
    """The text with the guard's brackets, where it has any, in ASCII.

    >>> in_plain_brackets(mark("40 lines omitted"))
    '[[compacted: 40 lines omitted]]'
    """
    return text.replace(OPEN, PLAIN_OPEN).replace(CLOSE, PLAIN_CLOSE) if PREFIX in text else text


def is_marked(text: str) -> bool:
    """Whether a text is, or begins with, a note of the guard's."""
    return text.startswith(PREFIX)


def is_placeholder(message: Message, place: int) -> bool:
    """Whether the guard wrote what stands in a part: it begins with our mark, and what the client sent there does not. A text of others
    that begins so stays theirs when it is cut."""
    part = message.parts[place]
    if not message.is_altered(place) or not isinstance(part, (Text, ToolResult)) or not is_marked(part.text):
        return False
    sent = message.origin.parts[place] if message.origin and place < len(message.origin.parts) else None
    return not isinstance(sent, (Text, ToolResult)) or not is_marked(sent.text)


def is_closed(text: str) -> bool:
    """Whether a text ends as a note of several lines does, in either form of our brackets."""
    return text.endswith((f"\n{END}{CLOSE}", f"\n{END}{PLAIN_CLOSE}"))


def is_note(message: Message) -> bool:
    """Whether the guard put this message in."""
    return message.origin is None


def sent_notes(messages: Sequence[Message]) -> Iterator[Message]:
    """The notes of a guard that compacted a history before it came: each is a message of the user's own and nothing else, and does not
    stand where outputs come that agents send as the user's, right behind a reply. What a tool, a page or a file says is never that."""
    return (other for one, other in pairwise(messages) if other.role == "user" and one.role != "assistant" and _is_sent_note(other))


def _is_sent_note(message: Message) -> bool:
    if len(message.parts) != 1 or not isinstance(part := message.parts[0], Text) or part.attached or REFERENCE not in part.text[:80]:
        return False
    return is_closed(part.text) and not without_references(part.text)
