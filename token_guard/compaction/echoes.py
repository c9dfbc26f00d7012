"""Outputs that repeat what their calls wrote: editors show the file as it is now, with the lines that the edit has just put in."""

from __future__ import annotations

import re

from token_guard.compaction import deeds, readable
from token_guard.compaction.clip import NAME_CHARS, clipped
from token_guard.conversation import ToolCall
from token_guard.marks import mark, quoted_lines

__all__ = ["without_echo"]

LEAST_SHARE = 0.5
"""Of an output's lines, as many have to be its call's: what is left of one that says more is hardly shorter."""

NUMBERED = re.compile(r"[ \t]{0,12}\d{1,9}(?:→|\t|[:|] ?)")
"""What editors put before a line."""


def without_echo(call: ToolCall, text: str) -> str | None:
    r"""What stands in the place of an output that repeats its call: the lines that only it has; None where it does not.

    >>> call = ToolCall("1", "edit", '{"path": "a.py", "old": "x = 1", "new": "x = 2\\ny = 3"}')
    >>> print(without_echo(call, "Edited a.py:\n  1→x = 2\n  2→y = 3"))
    ⟦compacted: output of edit, 3 lines, without what its call wrote:
        Edited a.py:⟧
    >>> without_echo(call, "Done.")
    """
    if "\n" not in text or readable.is_decoded(text) or not deeds.changes(call):
        return None
    written = frozenset(map(str.strip, readable.lines(call.arguments)))
    bare = [(line, line[found.end() :].strip() if (found := NUMBERED.match(line)) else line.strip()) for line in text.splitlines()]
    said = [(line, words) for line, words in bare if words]
    own = [line for line, words in said if written.isdisjoint((words, line.strip()))]
    if len(said) - len(own) < LEAST_SHARE * len(said):
        return None
    head = f"output of {clipped(call.name, NAME_CHARS)}, {text.count(chr(10)) + 1:,} lines, without what its call wrote"
    return mark("\n".join([f"{head}:" if own else head, *quoted_lines("\n".join(own))]))
