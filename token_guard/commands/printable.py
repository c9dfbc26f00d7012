"""Other people's words on one line of a terminal."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    r"""The text with a question mark, as `ls` has it, for whatever would end the line or steer the terminal.

    >>> printable("a\nb"), printable("\x1b[2Jgone"), printable("café.py")
    ('a?b', '?[2Jgone', 'café.py')
    """
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in text)
