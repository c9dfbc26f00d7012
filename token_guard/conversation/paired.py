"""Which result answers which call: some clients and bridges count their calls anew on every turn, so that an id comes again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from token_guard.conversation import Message, ToolCall, ToolResult

__all__ = ["Pair", "paired", "tool_names"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A call and the result that answers it, each with the place of its message."""

    called: int
    call: ToolCall
    answered: int
    result: ToolResult


def paired(messages: Sequence[Message]) -> Iterator[Pair]:
    """Each call with the next result of its id; one whose id comes again is answered no more behind that.

    >>> from token_guard.conversation import Text
    >>> turns = [(ToolCall("0", name, "{}"), ToolResult("0", (Text(said),))) for name, said in (("ls", "a.py"), ("cat", "x = 1"))]
    >>> history = [Message(role, (part,)) for turn in turns for role, part in zip(("assistant", "tool"), turn)]
    >>> [(pair.call.name, pair.result.text) for pair in paired(history)]
    [('ls', 'a.py'), ('cat', 'x = 1')]
    """
    waiting: dict[str, tuple[int, ToolCall]] = {}
    early: dict[str, tuple[int, ToolResult]] = {}
    for place, message in enumerate(messages):
        for call in message.calls:
            if call.id in early:  # Responses takes a result before its call
                yield Pair(place, call, *early.pop(call.id))
            else:
                waiting[call.id] = place, call
        for result in message.results:
            called = waiting.pop(result.call_id, None)
            if called:
                yield Pair(*called, place, result)
            else:
                early[result.call_id] = place, result


def tool_names(messages: Sequence[Message]) -> dict[tuple[int, str], str]:
    """Which tool each result is of, by the place of its message and the id of its call."""
    return {(pair.answered, pair.result.call_id): pair.call.name for pair in paired(messages)}
