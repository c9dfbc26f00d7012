"""The account of a piece of work: its steps in lines, and under them the lines of their outputs that matter, in a given room."""

from __future__ import annotations

import heapq
from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from token_guard.compaction import facts
from token_guard.compaction.lines import Line
from token_guard.compaction.shorten import TextCounter
from token_guard.compaction.steps import Kind, Step
from token_guard.marks import INDENT

__all__ = ["account"]

KIND_WORTH: Mapping[Kind, float] = {"change": 10.0, "user": 6.0, "assistant": 2.0, "look": 1.5}
"""What speaks for telling a step beside the names in its line; what changed something is told longest."""

FAILED, DECIDED = 2.0, 6.0
"""What speaks for a step that ended in an error (what was tried in vain would be tried again), and for a reply that decides."""

LEAST_AGE = 0.4
"""The oldest step is worth this share of what the newest is."""

SAID_AGAIN = 0.35
"""What a name is still worth once it has been said."""

SMALLEST = 8
"""Tokens; in less room nothing is worth telling."""

FOLDED_SHARE = 0.05
"""Of the room, the most that goes to saying which steps are left out."""

FOLDED_TARGETS = 5
"""Targets named of steps that are folded into one line."""

TARGET_CHARS = 60


@dataclass(frozen=True, slots=True)
class _Choice:
    """A step's line (`line` and its `number` are None) or a line under it."""

    step: int
    number: int | None
    text: str
    names: tuple[str, ...]
    line: Line | None = None


def account(told: Sequence[Step], weights: Mapping[str, float], talk: float, room: int, counter: TextCounter) -> list[str]:
    """The lines of the account in at most `room` tokens: of its steps and their lines, those that say most for their size.

    `weights` says how much each name matters, `talk` how much the user's words do beside all else.
    """
    folds = int(FOLDED_SHARE * room)
    chosen = _chosen(told, weights, talk, room - folds, counter)
    written: list[str] = []
    left_out: list[Step] = []
    for place, step in enumerate(told):
        if place not in chosen:
            left_out.append(step)
            continue
        folds, line = _folded(left_out, folds, counter)
        written += line
        left_out = []
        written.append(step.head)
        written += [INDENT + line.text for line in sorted((step.lines[number] for number in chosen[place]), key=lambda line: line.place)]
    return [*written, *_folded(left_out, folds, counter)[1]]


def _chosen(told: Sequence[Step], weights: Mapping[str, float], talk: float, room: int, counter: TextCounter) -> dict[int, set[int]]:
    """For each step that is told, which of its lines."""
    choices = list(_choices(told))
    left = dict(weights)

    def value(choice: _Choice) -> float:
        step = told[choice.step]
        if choice.line is not None:
            return choice.line.worth(left)
        bonus = KIND_WORTH[step.kind] * (talk if step.kind == "user" else 1.0) + FAILED * step.failed + DECIDED * step.decided
        age = LEAST_AGE + (1 - LEAST_AGE) * (choice.step + 1) / len(told)
        return (bonus * age + sum(left.get(name, 0.0) for name in choice.names)) / float((4 + len(choice.text)) ** 0.8)

    heap = [(-value(choice), number) for number, choice in enumerate(choices)]
    heapq.heapify(heap)
    chosen: dict[int, set[int]] = {}
    said: set[str] = set()
    while heap and room > SMALLEST:
        best, number = heapq.heappop(heap)
        choice = choices[number]
        now = value(choice)
        if heap and -now > heap[0][0] and now < -best:
            heapq.heappush(heap, (-now, number))
            continue
        if now <= 0:
            break
        alone = choice.line is None or choice.step in chosen
        text = choice.text if alone else f"{told[choice.step].head}\n{INDENT}{choice.text}"
        if choice.text in said or len(text) > room * 8:
            continue
        tokens = counter.text(text) + 2
        if tokens > room or (choice.line is None and choice.step in chosen):
            continue
        room -= tokens
        said.add(choice.text)
        chosen.setdefault(choice.step, set())
        if choice.number is not None:
            chosen[choice.step].add(choice.number)
        names = choice.names if alone else (*choice.names, *facts.names(told[choice.step].head))
        left.update((name, left[name] * SAID_AGAIN) for name in names if name in left)
    return chosen


def _choices(told: Sequence[Step]) -> Iterator[_Choice]:
    for place, step in enumerate(told):
        yield _Choice(place, None, step.head, facts.names(step.head))
        for number, line in enumerate(step.lines):
            if line.text in step.head:
                continue
            yield _Choice(place, number, line.text, line.names, line)


def _folded(steps: Sequence[Step], room: int, counter: TextCounter) -> tuple[int, list[str]]:
    """One line for steps that are not told: how many calls of which tool, and of what."""
    calls = [step for step in steps if step.tool]
    if not calls:
        return room, []
    tools = ", ".join(f"{tool} {times}x" if times > 1 else tool for tool, times in Tally(step.tool for step in calls).most_common(4))
    targets = list(dict.fromkeys(step.target for step in calls if 0 < len(step.target) <= TARGET_CHARS))[:FOLDED_TARGETS]
    line = f"- {'; '.join([tools, ', '.join(targets)]) if targets else tools}"
    tokens = counter.text(line) + 1
    return (room - tokens, [line]) if tokens <= room else (room, [])
