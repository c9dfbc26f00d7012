"""The words that the guard puts into a conversation: neutral, in the third person, with odd delimiters.

They are recognised again, so that what was compacted once is not compacted twice.
"""

from __future__ import annotations

from token_guard.conversation import Message, Part, Text, ToolResult

__all__ = ["CLOSE", "OPEN", "is_marked", "mark", "marks_of"]

OPEN, CLOSE = "⟦", "⟧"
"""Mathematical white square brackets: absent from code, logs and prose, so that a model that copies them is noticed."""

PREFIX = f"{OPEN}compacted: "


def mark(words: str) -> str:
    """A note about something that was compacted away.

    >>> mark("40 lines omitted")
    '⟦compacted: 40 lines omitted⟧'
    """
    return f"{PREFIX}{words}{CLOSE}"


def is_marked(text: str) -> bool:
    """Whether a text is, or begins with, a note of the guard's."""
    return text.startswith(PREFIX)


def marks_of(message: Message) -> bool:
    """Whether the client itself sent a message that a guard has compacted before."""
    return message.role in ("user", "tool") and any(map(_marked, message.parts))


def _marked(part: Part) -> bool:
    if isinstance(part, ToolResult):
        return any(isinstance(inner, Text) and PREFIX in inner.text for inner in part.content)
    return isinstance(part, Text) and PREFIX in part.text
