"""Long texts a window at a time: while one call looks through a text, nothing else in the process runs."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["WINDOW", "windows"]

WINDOW = 65_536
"""Characters that one call looks through: the slowest pattern that is used on them (facts.SENTENCE_END) takes 9 ms."""


def windows(text: str) -> Iterator[str]:
    r"""A text in parts that joined by line ends are the text: all but the last have more characters than WINDOW and end at a line end.

    >>> [len(part) for part in windows("a" * WINDOW + "b\nc\n")]
    [65537, 2]
    >>> list(windows("a\nb"))
    ['a\nb']
    """
    start = 0
    while len(text) - start > WINDOW and (end := text.find("\n", start + WINDOW)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:] if start else text
