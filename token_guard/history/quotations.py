"""How passages of a conversation are quoted in a note."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from token_guard.compaction.clip import NAME_CHARS
from token_guard.conversation import Message, Text, ToolCall, ToolResult
from token_guard.conversation.paired import tool_names
from token_guard.history.passages import Passage, text_of
from token_guard.marks import quoted, quoted_lines, reference

__all__ = ["quotation"]

HEAD = "earlier parts of this conversation that the words above may refer to, quoted"

GAP = "..."


def quotation(passages: Sequence[Passage], history: Sequence[Message]) -> str:
    """A note that quotes passages, in their order, with who said them and where some are left out."""
    outputs = any(isinstance(history[passage.message].parts[passage.part], ToolResult) for passage in passages)
    quotes = "".join(_quotes(passages, history, tool_names(history) if outputs else {}))
    return reference(HEAD, [quotes.removeprefix("\n")])


def _quotes(passages: Sequence[Passage], history: Sequence[Message], tools: Mapping[tuple[int, str], str]) -> Iterator[str]:
    before, speaker = None, ""
    for passage in _stretches(passages):
        speaks = _speaker(history, passage, tools)
        if before and not _adjoins(before, passage, history):
            yield f"\n{GAP}"
        if speaks != speaker:
            yield f"\n{speaks}:"
        yield "".join(f"\n{line}" for line in quoted_lines(passage.text))
        before, speaker = passage, speaks


def _stretches(passages: Sequence[Passage]) -> list[Passage]:
    """The same with those as one that follow one another in the same text."""
    found: list[Passage] = []
    for passage in passages:
        last = found[-1] if found else None
        if last and (last.message, last.part, last.stop) == (passage.message, passage.part, passage.start):
            found[-1] = replace(last, stop=passage.stop, text=last.text + passage.text)
        else:
            found.append(passage)
    return found


def _adjoins(before: Passage, passage: Passage, history: Sequence[Message]) -> bool:
    """Whether nothing stands between two passages, the whole end of one message and the beginning of the next."""
    whole = len(text_of(history[before.message].parts[before.part]))
    return passage.start == 0 and before.stop == whole and passage.message == before.message + 1


def _speaker(history: Sequence[Message], passage: Passage, tools: Mapping[tuple[int, str], str]) -> str:
    message = history[passage.message]
    part = message.parts[passage.part]
    if isinstance(part, ToolResult):
        return f"output of {_name(tools.get((passage.message, part.call_id), 'a tool'))}"
    if isinstance(part, ToolCall):
        return f"call of {_name(part.name)}"
    if isinstance(part, Text) and part.attached:
        return "a document"
    return f"{message.role} {_name(message.name)}".strip() if not _names_itself(message) else message.role


def _name(name: str) -> str:
    return quoted(name)[:NAME_CHARS]


def _names_itself(message: Message) -> bool:
    """Whether a message begins with its speaker's name."""
    name = message.name.replace("_", " ").lower()
    return message.said.lower().startswith(name)
