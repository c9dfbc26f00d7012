"""How passages of a conversation are quoted in a note."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from token_guard.compaction.marks import reference
from token_guard.conversation import Message, ToolCall, ToolResult, tool_names
from token_guard.passages import Passage

__all__ = ["quotation"]

HEAD = "earlier parts of this conversation that the words above may refer to, quoted"

GAP = "..."


def quotation(chosen: Sequence[int], passages: Sequence[Passage], history: Sequence[Message]) -> str:
    """A note that quotes the chosen passages, by their numbers in rising order, with who said them and where some are left out."""
    quotes = "".join(_quotes(chosen, passages, history, tool_names(history)))
    return reference(HEAD, [quotes.removeprefix("\n")])


def _quotes(chosen: Sequence[int], passages: Sequence[Passage], history: Sequence[Message], tools: Mapping[str, str]) -> Iterator[str]:
    before, speaker = -1, ""
    for number in chosen:
        passage = passages[number]
        speaks = _speaker(history[passage.message], passage.part, tools)
        if speaks != speaker:
            yield f"\n{speaks}:"
        elif number != before + 1:
            yield f"\n{GAP}"
        follows = number == before + 1 and passage.start > 0
        yield passage.text if follows and speaks == speaker else f"\n{passage.text.strip()}"
        before, speaker = number, speaks


def _speaker(message: Message, place: int, tools: Mapping[str, str]) -> str:
    part = message.parts[place]
    if isinstance(part, ToolResult):
        return f"output of {tools.get(part.call_id, 'a tool')}"
    if isinstance(part, ToolCall):
        return f"call of {part.name}"
    return f"{message.role} {message.name}".strip() if not _names_itself(message) else message.role


def _names_itself(message: Message) -> bool:
    """Whether a message begins with its speaker's name."""
    name = message.name.replace("_", " ").lower()
    return message.said.lower().startswith(name)
