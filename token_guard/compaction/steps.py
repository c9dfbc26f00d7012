"""A conversation as steps: what was said, what was called with what result, and the lines of it that may matter later."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, TypeAlias

from token_guard.compaction import deeds, facts, readable, rules
from token_guard.compaction.clip import CUT, NAME_CHARS, clipped
from token_guard.compaction.lines import NOW, WAS, Line, telling
from token_guard.compaction.outcomes import outcome
from token_guard.compaction.reports import error_lines
from token_guard.conversation import Message, ToolCall, ToolResult
from token_guard.conversation.paired import paired
from token_guard.formats.retrieval import key_of
from token_guard.marks import quoted
from token_guard.speech import SpokenCall, answers, is_observation, own_words, spoken_call

__all__ = ["MAX_STEPS", "Kind", "Step", "steps"]

Kind: TypeAlias = Literal["change", "look", "user", "assistant"]

SAID, SAID_LOOKING, ASKED, REPLIED = 150, 80, 700, 300
"""Characters for what the assistant said before a call that changes something, before another, for what the user
asked, for what the assistant answered."""

CHANGED, LOOKED = 140, 120
"""Characters for the arguments of a call that changes something, and of another."""

MAX_STEPS = 600
"""Steps remembered; of more, those go first that changed nothing, the oldest first."""

FOLDER = re.compile(r"cd \S+ ?(?:&&|;) *")
IMPORTING = re.compile(r"(?:import|from \S+ import|#include|using|require|package|use)\b|#!")
"""What a command begins with, and lines of scripts, that say nothing of what they do."""

QUOTES = ('"', "'")
"""How a line ends on which a script begins."""

READ_AGAIN = 400
"""Characters of an output from which on its line may name a key: a key takes as much as a sentence."""

BEHIND = 1_000_000
"""Lines; what a call says stands before what came of it, which no output is long enough to change."""

REFUSED = re.compile(r"reject|denied|refused|not (?:allowed|permitted|match|found)|no match|did not|could not|unable", re.IGNORECASE)
BEGINS = 400
"""What a result says where nothing was written, in so many characters at its beginning."""

ESSENCE = 3.0
"""What speaks for the best line that an edit put in, and for the best that it took away, beside all else."""

NUMBER = re.compile(r"\d[\d,.]*")
SENTENCE = re.compile(r"(?<=[\w…)'\"][.!]) .*", re.DOTALL)
"""What stands behind the first sentence of a text."""

SAYING = re.compile(r"\w")
"""A line of nothing but brackets says nothing of a change."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the work: its line, the lines under it that may matter, the best first, the files that it wrote, and the place of its
    message in the history."""

    kind: Kind
    tool: str
    target: str
    head: str
    lines: tuple[Line, ...] = ()
    failed: bool = False
    decided: bool = False
    files: tuple[str, ...] = ()
    ended: str = ""
    """What of its line says how it ended, where there is one line that does."""
    place: int = 0
    key: str = ""
    """That of its output, where it is long enough that somebody may want to read it again."""

    @property
    def keyed(self) -> Step:
        """The same with the key in its line."""
        if not self.key:
            return self
        end = f" → {self.ended}"
        return replace(self, head=f"{self.head.removesuffix(end)} (original: {self.key}){end if self.head.endswith(end) else ''}")


def steps(messages: Iterable[Message], weights: Mapping[str, float]) -> Iterator[Step]:
    """The steps of messages as the client sent them, oldest first."""
    told = tuple(messages)
    for message, found in _found(told, weights):
        yield from (replace(step, place=message.index or 0) for step in found)


def _found(told: Sequence[Message], weights: Mapping[str, float]) -> Iterator[tuple[Message, Iterator[Step]]]:
    """The steps of each message."""
    said = set[str]()
    results = {(pair.called, pair.call.id): pair.result for pair in paired(told)}
    spoken = dict(_spoken_calls(told))
    for place, message in enumerate(told):
        if place in spoken:
            yield message, _spoken(spoken[place], told[place + 1], weights, said)
        elif message.role == "assistant":
            answered = {call.id: results[place, call.id] for call in message.calls if (place, call.id) in results}
            yield message, _turn(message, answered, weights, said)
        elif message.asks and place - 1 not in spoken:
            yield message, _words(message, weights)


def _spoken_calls(told: Sequence[Message]) -> Iterator[tuple[int, SpokenCall]]:
    """The calls that turns made in words, by the place of the turn; the next message is what a tool printed for it."""
    for place, (turn, following) in enumerate(pairwise(told)):
        follows = None in (following.index, turn.index) or following.index == (turn.index or 0) + 1
        spoken = spoken_call(turn.said) if follows and answers(following, turn) else None
        if spoken:
            yield place, spoken


def _spoken(spoken: SpokenCall, answer: Message, weights: Mapping[str, float], seen: set[str]) -> Iterator[Step]:
    """What the assistant did with a call in its words, and how it ended."""
    yield _called(spoken.call, _quoted(spoken.words, [spoken.call]), answer.said, weights, seen)


def _turn(message: Message, results: Mapping[str, ToolResult], weights: Mapping[str, float], seen: set[str]) -> Iterator[Step]:
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
    calls = _told(message.calls)
    words = _quoted(said, calls)
    for call in calls:
        step = _called(call, words, results[call.id].text if call.id in results else "", weights, seen)
        yield replace(step, failed=True, files=()) if call.id in results and results[call.id].failed else step
        words = ""


def _told(calls: Sequence[ToolCall]) -> Sequence[ToolCall]:
    """The calls of a turn without those that would be forgotten at once: what changed nothing, the oldest first."""
    excess = len(calls) - MAX_STEPS
    if excess <= 0:
        return calls
    idle = [place for place, call in enumerate(calls) if not deeds.changes(call)]
    gone = frozenset(idle[:excess])
    return [call for place, call in enumerate(calls) if place not in gone]


def _quoted(said: str, calls: Sequence[ToolCall]) -> str:
    """What was said before calls, as it begins their line."""
    room = SAID if any(map(deeds.changes, calls)) else SAID_LOOKING
    return f'"{clipped(facts.gist(said, room), room)}" ' if said.strip() else ""


def _called(call: ToolCall, words: str, result: str, weights: Mapping[str, float], seen: set[str]) -> Step:
    change, shown = deeds.changes(call), deeds.shows(call)
    replaced = deeds.became(call.arguments) if change else []
    arguments = _arguments(call, replaced, CHANGED if change else LOOKED, seen)
    ended = outcome(result, whole=change, shown=shown, target=deeds.target(call))
    ended = _unless_routine(ended, seen) if replaced else ended
    tool, lines = clipped(call.name, NAME_CHARS), telling(result, weights)
    failed = not shown and bool(error_lines(result))
    return Step(
        "change" if change else "look",
        tool,
        quoted(_target(call)),
        f"- {words}[{tool}] {arguments} → {ended}",
        (*(replace(line, place=line.place - BEHIND) for line in _changed(call, replaced, weights)), *lines) if change else lines,
        failed=failed,
        files=() if not change or failed or REFUSED.search(result, 0, BEGINS) else tuple(map(quoted, deeds.files(call))),
        ended=ended,
        key=key_of(result) if len(result) >= READ_AGAIN else "",
    )


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


def _unless_routine(ended: str, seen: set[str]) -> str:
    """How an edit ended; of what differs from how an earlier one did in numbers alone, the first sentence: the lines of an edit say more
    than how many they were."""
    form = NUMBER.sub("0", ended)
    if form in seen:
        return SENTENCE.sub("", ended)
    seen.add(form)
    return ended


def _changed(call: ToolCall, replaced: Sequence[tuple[str, str]], weights: Mapping[str, float]) -> tuple[Line, ...]:
    """What an edit took away and put in, or what a call wrote."""
    if not replaced:
        return telling(call.arguments, weights)
    lines = (
        word + line.strip()
        for old, new in replaced
        for word, text in ((WAS, old), (NOW, new))
        for line in text.split("\n")
        if SAYING.search(line)
    )
    return _with_one_of_each(telling("\n".join(lines), weights))


def _with_one_of_each(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines of an edit, of which the best that it put in and the best that it took away say what it was."""
    best = {word: next((line for line in lines if line.text.startswith(word)), None) for word in (NOW, WAS)}
    return tuple(replace(line, bonus=line.bonus + ESSENCE * (line in best.values())) for line in lines)


def _words(message: Message, weights: Mapping[str, float]) -> Iterator[Step]:
    """What a user message says: the user's own words, or what a tool or a client put in their place."""
    said = message.said
    own = "" if is_observation(message) else own_words(said)
    asked = _without_rules(own)
    if asked:
        yield Step("user", "", "", f"- user: {clipped(facts.gist(asked, ASKED), ASKED)}", telling(said, weights))
    elif own or message.results:  # beside results stands what a client reminds the model of
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


def _target(call: ToolCall) -> str:
    """What a call works on, without the folder that commands begin with; of a script in a command the first line that does something."""
    first, _, script = FOLDER.sub("", deeds.whole(call), count=1).partition("\n")
    if not first.endswith(QUOTES) or "<<" in first:
        return first
    return f"{first} {next((line for line in map(str.strip, script.splitlines()) if line and not IMPORTING.match(line)), CUT)}"
