"""What a note becomes when a language model has written about the messages that it stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from token_guard.compaction import Counter, facts
from token_guard.compaction.blocks import NAMES, RULES, SAID, STEPS
from token_guard.compaction.shorten import fitting
from token_guard.compaction.summarize import names_line
from token_guard.conversation import Message, Text
from token_guard.marks import CLOSE, END, OPEN, is_marked, mark

__all__ = ["clean", "free_tokens", "is_whole", "retold"]

VERBATIM = (RULES,)
"""Blocks that no model's words ever take the place of: rules stay as they were said."""

TOLD = "A language model's summary of them, which may err:"

TEXT_SHARE = 0.7
"""Of the room that the extract leaves free, the text takes at most this share; exact names, which models drop, take the rest."""

MIN_TEXT = 20
"""In fewer tokens than this a model says less than the extract does: it had no room, or it refused."""

REPLY = "- assistant: "
"""How the line of a step begins in which the assistant speaks; where it decides something, the line stays."""

_STARTS = (RULES, STEPS, SAID, NAMES)
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_UNSEEN = re.compile(r"[^\S\n]|[\x00-\x09\x0b-\x1f\x7f]")
_SENTENCE = re.compile(r"[^\n]*?[.!?](?=\s|$)[^\S\n]*|[^\n]+|\n+")


@dataclass(frozen=True, slots=True)
class _Layout:
    """A note cut into its first line, its blocks by heading, and its names, heaviest first."""

    head: str
    kept: tuple[str, ...]
    names: tuple[str, ...]


def is_whole(note: Message) -> bool:
    """Whether a message is a note that no pass has cut."""
    text = note.text
    return note.origin is None and is_marked(text) and text.endswith(f"\n{END}{CLOSE}")


def clean(text: str) -> str:
    r"""A model's answer without its reasoning, without our delimiters, and without characters that do not print.

    >>> clean("<think>Hm.</think>\nThe \u27e6tests\u27e7 pass.\x00")
    'The tests pass.'
    """
    said = _THOUGHT.sub("", text).encode("utf-8", "ignore").decode()
    return _UNSEEN.sub(" ", said.replace(OPEN, "").replace(CLOSE, "")).strip()


def free_tokens(note: Message, counter: Counter) -> int:
    """How long a model's text may be in this note."""
    return int(TEXT_SHARE * _free(_layout(note), note, counter))


def retold(note: Message, text: str, counter: Counter) -> Message:
    """The note with a model's text in the place of its quotes, and no larger; rules and decisions stay word for word.

    The same note where there is no room for a text, or none that is worth it.
    """
    layout = _layout(note)
    free = _free(layout, note, counter)
    told = _quoted(clean(text), int(TEXT_SHARE * free), counter)
    if counter.text(told) < MIN_TEXT:
        return note
    untold = (name for name in layout.names if name not in told)
    names = names_line(fitting(untold, free - counter.text(told) - counter.text(NAMES) - 2, counter))
    lines = [layout.head, *layout.kept, TOLD, told, *filter(None, [names]), END]
    new = Message(note.role, (Text(mark("\n".join(lines))),))
    return new if counter.message(new) <= counter.message(note) else note


def _free(layout: _Layout, note: Message, counter: Counter) -> int:
    fixed = mark("\n".join([layout.head, *layout.kept, TOLD, END]))
    return counter.text(note.text) - counter.text(fixed)


def _layout(note: Message) -> _Layout:
    head, *lines = note.text.removeprefix(mark("").removesuffix(CLOSE)).removesuffix(f"\n{END}{CLOSE}").split("\n")
    blocks: list[list[str]] = []
    for line in lines:
        if line.startswith(_STARTS) or not blocks:
            blocks.append([])
        blocks[-1].append(line)
    listed = [name for block in blocks if block[0].startswith(NAMES) for name in block[0].removeprefix(NAMES).split()]
    lines = [line for block in blocks if block[0] in (STEPS, SAID) for line in block[1:]]
    told = [name for line in lines for name in facts.names(line)]
    kept = ["\n".join(block) for block in blocks if block[0] in VERBATIM]
    decided = [line for line in lines if line.startswith(REPLY) and facts.decisions(line)]
    return _Layout(head, (*kept, *decided), tuple(dict.fromkeys([*told, *listed])))


def _quoted(text: str, room: int, counter: Counter) -> str:
    """As many whole sentences from the beginning as have room, each line marked as a quotation: it can be no heading of ours."""
    chosen = ""
    for sentence in _SENTENCE.findall(text):
        longer = chosen + sentence
        if counter.text(_as_quotation(longer)) > room:
            break
        chosen = longer
    return _as_quotation(chosen)


def _as_quotation(text: str) -> str:
    return "\n".join(f"> {line.strip()}" for line in text.split("\n") if line.strip())
