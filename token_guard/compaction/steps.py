"""A conversation as steps: what was said, what was called with what result, and the lines of it that may matter later."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from token_guard.compaction import deeds, facts, readable, rules
from token_guard.compaction.clip import NAME_CHARS, clipped
from token_guard.compaction.lines import NOW, WAS, Line, telling
from token_guard.conversation import Message, ToolCall
from token_guard.marks import quoted
from token_guard.speech import is_observation, own_words

__all__ = ["Kind", "Step", "outcome", "status_of", "steps"]

Kind: TypeAlias = Literal["change", "look", "user", "assistant"]

SAID, SAID_LOOKING, ASKED, REPLIED = 150, 80, 400, 300
"""Characters for what the assistant said before a call that changes something, before another, for what the user
asked, for what the assistant answered."""

CHANGED, LOOKED = 140, 120
"""Characters for the arguments of a call that changes something, and of another."""

REPORTED = 100
"""Characters for the line that tells how a call ended."""

FEW_LINES = 2
"""So many lines are told as they are; of more, how many there are."""

STATUS = re.compile(
    r"\b((?:return|exit)[ _-]?(?:code|status|ed with)|exited with(?: code)?|status(?:[ _]code)?)\b\W{1,4}(-?\d{1,5})\b", re.IGNORECASE
)
ENDS = 200
"""Characters at either end of an output where its status stands."""

FOLDER = re.compile(r"cd \S+ ?(?:&&|;) *")
IMPORTING = re.compile(r"(?:import|from \S+ import|#include|using|require|package|use)\b|#!")
"""What a command begins with, and lines of scripts, that say nothing of what they do."""

TAG = re.compile(r"\s*</?[\w-]+>\s*")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the work: its line, and the lines under it that may matter, the best first."""

    kind: Kind
    tool: str
    target: str
    head: str
    lines: tuple[Line, ...] = ()
    failed: bool = False
    decided: bool = False


def steps(messages: Iterable[Message], weights: Mapping[str, float]) -> Iterator[Step]:
    """The steps of messages as the client sent them, oldest first."""
    told, said = tuple(messages), set[str]()
    results = {result.call_id: result.text for message in told for result in message.results}
    for message in told:
        if message.role == "assistant":
            yield from _turn(message, results, weights, said)
        elif message.asks:
            yield from _words(message, weights)


def outcome(text: str, *, whole: bool = False) -> str:
    r"""How a call ended, as its output says.

    >>> outcome("<returncode>1</returncode>\na.py:3\nb.py:4\nValueError: no b\n")
    'returncode 1, ValueError: no b (3 lines)'
    """
    status = status_of(text)
    lines = [line for line in readable.lines(text) if line.strip() and not TAG.fullmatch(line) and not _is_status(line)]
    errors = facts.error_lines(text)
    said = errors[-1:] or (lines if len(lines) <= FEW_LINES else [lines[0], lines[-1]] if whole else ())
    size = f"({len(lines):,} lines)" if len(lines) > len(said) else ""
    told = [status if whole or not status.endswith(" 0") else "", *(clipped(line, REPORTED) for line in said)]
    return " ".join(filter(None, [", ".join(filter(None, told)), size])) or status or "no output"


def status_of(text: str) -> str:
    """The status that an output gives at one of its ends, or nothing.

    >>> status_of("<returncode>1</returncode>"), status_of("Process exited with code 0"), status_of("fine")
    ('returncode 1', 'exited with code 0', '')
    """
    status = STATUS.search(text, 0, ENDS) or STATUS.search(text, max(0, len(text) - ENDS))
    return f"{status[1]} {status[2]}" if status else ""


def _is_status(line: str) -> bool:
    found = STATUS.search(line)
    return found is not None and len(line) < len(found[0]) + 30


def _turn(message: Message, results: Mapping[str, str], weights: Mapping[str, float], seen: set[str]) -> Iterator[Step]:
    """What the assistant did in one turn, or what it said."""
    said = message.said
    decided = bool(facts.decisions(said))
    if not message.calls:
        if said.strip():
            yield Step(
                "assistant",
                "",
                "",
                f"- assistant: {clipped(facts.gist(said, REPLIED), REPLIED)}",
                telling(said, weights),
                decided=decided,
            )
        return
    room = SAID if any(map(deeds.changes, message.calls)) else SAID_LOOKING
    words = f'"{clipped(facts.gist(said, room), room)}" ' if said.strip() else ""
    for call in message.calls:
        yield _called(call, words, results.get(call.id, ""), weights, seen)
        words = ""


def _called(call: ToolCall, words: str, result: str, weights: Mapping[str, float], seen: set[str]) -> Step:
    change = deeds.changes(call)
    replaced = deeds.became(call.arguments) if change else []
    tool = clipped(call.name, NAME_CHARS)
    head = f"- {words}[{tool}] {_arguments(call, replaced, CHANGED if change else LOOKED, seen)} → {outcome(result, whole=change)}"
    lines = telling(result, weights)
    if change:
        lines = (*_changed(call, replaced, weights), *lines)
    return Step("change" if change else "look", tool, quoted(deeds.target(call)), head, lines, failed=bool(facts.error_lines(result)))


def _arguments(call: ToolCall, replaced: Sequence[tuple[str, str]], chars: int, seen: set[str]) -> str:
    """The arguments of a call on one line: those that fit in it first, then the beginnings of long ones."""
    known = {key: value for key, value in readable.fields(call.arguments).items() if not _is_told(value, replaced)}
    if not known:
        return "" if replaced else clipped(_unseen(call.arguments, seen), chars)
    plain = {
        key: value if isinstance(value, str) else " ".join(readable.lines(json.dumps(value, ensure_ascii=False)))
        for key, value in known.items()
    }
    pieces = []
    for key in sorted(plain, key=lambda key: len(plain[key]) > LOOKED):
        piece = clipped(_unseen(plain[key], seen), max(40, chars))
        chars -= len(piece)
        pieces.append(piece if len(plain) == 1 else f"{key}: {piece}")
        if chars <= 0:
            break
    return ", ".join(pieces)


def _unseen(text: str, seen: set[str]) -> str:
    """The lines of an argument as one: the first, and of the others those that say something that no earlier call said."""
    folder = FOLDER.match(text)
    if folder and folder[0] in seen:
        text = text[folder.end() :]
    elif folder:
        seen.add(folder[0])
    first, *others = [line for line in map(str.strip, text.splitlines()) if line] or [""]
    new = [line for line in dict.fromkeys(others) if line not in seen and not IMPORTING.match(line)]
    seen.update(others)
    return " ⏎ ".join([first, *new])


def _changed(call: ToolCall, replaced: Sequence[tuple[str, str]], weights: Mapping[str, float]) -> tuple[Line, ...]:
    """What an edit took away and put in, or what a call wrote."""
    if not replaced:
        return telling(call.arguments, weights)
    lines = (
        word + line.strip() for old, new in replaced for word, text in ((WAS, old), (NOW, new)) for line in text.split("\n") if line.strip()
    )
    return telling("\n".join(lines), weights)


def _words(message: Message, weights: Mapping[str, float]) -> Iterator[Step]:
    """What a user message says: the user's own words, or what a tool or a client put in their place."""
    said = message.said
    own = "" if is_observation(message) else own_words(said)
    asked = _without_rules(own)
    if asked:
        yield Step("user", "", "", f"- user: {clipped(facts.gist(asked, ASKED), ASKED)}", telling(said, weights))
    elif own:
        return
    elif brought := message.text.strip():
        yield Step("look", "", "", f"- in the user's place: {outcome(brought, whole=True)}", telling(brought, weights))


def _without_rules(own: str) -> str:
    """A user's words without those that are told as rules."""
    for rule in rules.found(own):
        own = own.replace(rule, "")
    return own.strip(" \n-*")


def _is_told(value: object, replaced: Sequence[tuple[str, str]]) -> bool:
    return bool(replaced) and (
        not isinstance(value, str) or "\n" in value or len(value) > LOOKED or any(value in pair for pair in replaced)
    )
