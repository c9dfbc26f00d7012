"""The account of a piece of work: its steps in lines, and under them the lines of their outputs that matter, in a given room."""

from __future__ import annotations

import heapq
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from token_guard.compaction import facts
from token_guard.compaction.clip import CUT, clipped, ending, paths, shortened
from token_guard.compaction.lines import Line
from token_guard.compaction.shorten import TextCounter
from token_guard.compaction.steps import Kind, Step
from token_guard.marks import INDENT

__all__ = ["account"]

KIND_WORTH: Mapping[Kind, float] = {"change": 10.0, "user": 28.0, "assistant": 2.0, "look": 1.5}
"""What speaks for telling a step beside the names in its line: what the user said, in whatever words, is what the work goes by; what
changed something is told longest of all else. Of 198 everyday constraints 78 of them in no form that is known as a rule's, planted in
sessions of tools, 198 and 188 stood to the letter at 16,000 and 8,000 tokens; 196 and 187 with 20.0 for the user's words."""

FAILED, DECIDED = 2.0, 6.0
"""What speaks for a step that ended in an error (what was tried in vain would be tried again), and for a reply that decides."""

CHOSEN = 2.0
"""What speaks for a row whose thing a later step names: of all rows it is the one that was chosen."""

LEAST_AGE = 0.4
"""The oldest step is worth this share of what the newest is."""

SAID_AGAIN = 0.35
"""What a name is still worth once it has been said."""

FADES = 0.97
"""Each further line under a step is worth this share of what the one before it was: one long output is not to take the room of all."""

SMALLEST = 8
"""Tokens; in less room nothing is worth telling."""

FOLDED_SHARE = 0.05
"""Of the room, the most that goes to saying which steps are left out, and as much to saying which files were written."""

FOLDED_TARGETS, TARGET_CHARS = (5, 3, 1), 80
"""Targets named of steps that are folded into one line, as many of these as have room, and characters of each."""

ENDED_CHARS = 60
"""Characters of how a change ended that is told in short."""

IN_VAIN = " (failed)"
WRITTEN = "Files written in these steps: "
MOST_FILES = 12


@dataclass(frozen=True, slots=True)
class _Choice:
    """The line of a step, the same in a few words, or a line under it."""

    step: int
    text: str
    names: tuple[str, ...] = ()
    line: Line | None = None
    short: bool = False


def account(
    told: Sequence[Step], weights: Mapping[str, float], talk: float, room: int, counter: TextCounter, said: Iterable[str] = ()
) -> list[str]:
    """The lines of the account in at most `room` tokens: of its steps and their lines, those that say most for their size.

    `weights` says how much each name matters, `talk` how much the user's words do beside all else; lines that were `said` before under
    another step are not quoted again.
    """
    spare = int(FOLDED_SHARE * room)
    files = _files(told, spare, counter)
    left = room - spare - sum(counter.text(line) + 1 for line in files)
    selection = _Selection(told, dict(weights), talk, left, counter, set(said)).filled()
    chosen, short = selection.chosen, selection.short
    written: list[str] = []
    left_out: list[Step] = []
    known: dict[str, str] = {}
    for place, step in enumerate(told):
        if place not in chosen and place not in short:
            left_out.append(step)
            continue
        spare, line = _folded(left_out, known, spare, counter)
        left_out = []
        head = _brief(step, _head(step, chosen[place]), known) if place in chosen else _in_short(step)
        known = paths(head) | known
        written += [*line, head, *(INDENT + line.text for line in sorted(chosen.get(place, ()), key=lambda line: line.place))]
    return [*written, *_folded(left_out, known, spare, counter)[1], *files]


class _Selection:
    """What is told of steps: of each that is told at length which of its lines, and with how many tokens those that are told in short."""

    def __init__(self, told: Sequence[Step], left: dict[str, float], talk: float, room: int, counter: TextCounter, said: set[str]) -> None:
        self.told, self.left, self.talk, self.room, self.counter, self.said = told, left, talk, room, counter, said
        self.chosen: dict[int, list[Line]] = {}
        self.short: dict[int, int] = {}
        self._known: dict[str, str] = {}
        self._choices = list(_choices(told))
        self._named = {name: choice.step for choice in self._choices if not choice.line for name in choice.names}
        self._talks = not any(step.tool for step in told)
        self._words = [facts.terms(step.head) for step in told] if self._talks else []
        self._rarity = {word: facts.rarity(times, len(told)) for word, times in Tally(chain.from_iterable(self._words)).items()}

    def filled(self) -> _Selection:
        """The same, with the choices taken that are worth most for their size, as many as there is room for."""
        heap = [(-self._value(choice), number) for number, choice in enumerate(self._choices)]
        heapq.heapify(heap)
        while heap and self.room > SMALLEST:
            best, number = heapq.heappop(heap)
            choice = self._choices[number]
            now = self._value(choice)
            if heap and -now > heap[0][0] and now < -best:
                heapq.heappush(heap, (-now, number))
                continue
            if now <= 0:
                break
            self._take(choice)
        return self

    def _speaks(self, place: int) -> float:
        """What speaks for a step by itself: in talk its rare words ("thanks, that means a lot" says little), else what it did."""
        if self._talks:
            return sum([self._rarity[word] for word in self._words[place]])
        kind = self.told[place].kind
        return KIND_WORTH[kind] * (self.talk if kind == "user" else 1.0)

    def _value(self, choice: _Choice) -> float:
        step = self.told[choice.step]
        if choice.line is not None:
            is_chosen = any(self._named.get(name, 0) > choice.step for name in choice.line.identifiers)
            return float(choice.line.worth(self.left, CHOSEN * is_chosen) * FADES ** len(self.chosen.get(choice.step, ())))
        bonus = self._speaks(choice.step) + FAILED * step.failed + DECIDED * step.decided
        age = LEAST_AGE + (1 - LEAST_AGE) * (choice.step + 1) / len(self.told)
        return (bonus * age + sum([self.left.get(name, 0.0) for name in choice.names])) / float((4 + len(choice.text)) ** 0.8)

    def _take(self, choice: _Choice) -> None:
        """Tell it, where it is not told already and there is room."""
        told = choice.step in self.chosen
        if choice.text in self.said or (told and choice.line is None):
            return
        step = self.told[choice.step]
        text = choice.text if choice.line is None or told else f"{step.head}\n{INDENT}{choice.text}"
        text = _brief(step, text, self._known) if step.head in text else text
        if len(text) > self.room * 8:
            return
        tokens = self._tokens(choice, text)
        if tokens > self.room:
            return
        self.room -= tokens
        self.said.add(choice.text)
        if choice.short:
            self.short[choice.step] = tokens
            return
        self._known = paths(step.head) | self._known
        self.chosen.setdefault(choice.step, []).extend([choice.line] if choice.line else [])
        names = choice.names if told or choice.line is None else (*choice.names, *facts.names(step.head))
        self.left.update((name, self.left[name] * SAID_AGAIN) for name in names if name in self.left)
        if self._talks:
            self._rarity.update([(word, self._rarity[word] * SAID_AGAIN) for word in self._words[choice.step]])

    def _tokens(self, choice: _Choice, text: str) -> int:
        """What telling it takes, where what was told of its step in short, or how it ended, goes for it."""
        tokens = self.counter.text(text) + 2
        step = self.told[choice.step]
        if choice.line and _goes_on(step, choice.line):
            tokens -= self.counter.text(step.ended)
        return tokens if choice.step in self.chosen else tokens - self.short.get(choice.step, 0)


def _choices(told: Sequence[Step]) -> Iterator[_Choice]:
    for place, step in enumerate(told):
        yield _Choice(place, step.head, facts.names(step.head))
        if step.kind == "change" and len(short := _in_short(step)) < len(step.head):
            yield _Choice(place, short, short=True)
        yield from (_Choice(place, line.text, line.names, line) for line in step.lines if line.text not in step.head)


def _in_short(step: Step) -> str:
    """What changed something in a few words: that it was done, and how it ended, where there is no room to tell more."""
    return f"- [{step.tool}] {clipped(step.target, TARGET_CHARS)} → {clipped(step.ended, ENDED_CHARS)}"


def _head(step: Step, lines: Iterable[Line]) -> str:
    """The line of a step, without how it ended where a line under it says the same at length."""
    return step.head.removesuffix(f" {step.ended}") if any(_goes_on(step, line) for line in lines) else step.head


def _brief(step: Step, text: str, known: Mapping[str, str]) -> str:
    """What is told of a step, with long paths that were told before cut to their ends; what was changed is what work goes back to."""
    return text if step.kind == "change" else shortened(text, known)


def _goes_on(step: Step, line: Line) -> bool:
    """Whether a line is that of which a step tells the beginning."""
    return step.ended.endswith(CUT) and line.text.startswith(step.ended.removesuffix(CUT).rstrip(" ,"))


def _folded(steps: Sequence[Step], known: Mapping[str, str], room: int, counter: TextCounter) -> tuple[int, list[str]]:
    """One line for steps that are not told: how many calls of which tool, and of what; nothing where there is no room to say of what."""
    calls = [step for step in steps if step.tool and step.target]
    if not calls:
        return room, []
    tools = ", ".join(f"{tool} {times}x" if times > 1 else tool for tool, times in Tally(step.tool for step in calls).most_common(4))
    targets = list(dict.fromkeys(ending(shortened(step.target, known), TARGET_CHARS) + IN_VAIN * step.failed for step in calls))
    for named in (targets[:most] for most in FOLDED_TARGETS):
        line = f"- {tools}: {'; '.join(named)}{'; …' if len(named) < len(targets) else ''}"
        tokens = counter.text(line) + 1
        if tokens <= room:
            return room - tokens, [line]
    return room, []


def _files(told: Sequence[Step], room: int, counter: TextCounter) -> list[str]:
    """One line for the files that were written, with how often, the newest last."""
    times = Tally(path for step in told for path in step.files)
    newest = list(dict.fromkeys(path for step in reversed(told) for path in reversed(step.files)))[:MOST_FILES]
    while newest:
        names = [f"{path} ({times[path]}x)" if times[path] > 1 else path for path in reversed(newest)]
        line = WRITTEN + ", ".join([*([CUT] if len(newest) < len(times) else []), *names])
        if counter.text(line) + 1 <= room:
            return [line]
        newest.pop()
    return []
