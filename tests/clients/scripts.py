"""What happens in a session of an agent, whatever the client: who asks, what is planned, done and printed, by a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from clients import texts

__all__ = ["Ask", "Call", "Event", "Nudge", "Plan", "Reply", "Rules", "Size", "Step", "script"]


@dataclass(frozen=True, slots=True)
class Ask:
    """The user asks for work."""

    text: str


@dataclass(frozen=True, slots=True)
class Nudge:
    """A user message behind which the same work goes on; `picture` is one that the client took by itself."""

    text: str
    picture: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One call with what it printed."""

    command: str
    output: str


@dataclass(frozen=True, slots=True)
class Step:
    """The assistant says what it does and makes calls."""

    number: int
    said: str
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The assistant writes its plan."""

    number: int
    steps: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """The assistant loads a skill or a file of rules."""

    number: int
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The assistant answers in words alone."""

    text: str


Event: TypeAlias = Ask | Nudge | Step | Plan | Rules | Reply

GO_ON = (
    "Please continue working on the task on whatever approach you think is suitable.\n"
    "If you think you have solved the task, finish. Never ask for human help."
)
NUDGES = (
    "Please continue.",
    "Yes, go on.",
    "<system-reminder>\nThe list of open points was not looked at for a while. Do not mention this.\n</system-reminder>",
    "Stop hook feedback:\n- formatter: 2 files were changed",
    "",
)
"""The empty one is a screenshot that the client took."""

BULK = (0.6, 1.0, 2.0)
"""Some sessions read much more than others."""


@dataclass(frozen=True, slots=True)
class Size:
    """How a client's sessions go: tokens of an output on average, calls of a turn at most, whether it plans and loads rules, how often
    it asks for something else, is nudged, and is told to go on after words without a call."""

    output: int = 900
    calls: int = 1
    plans: bool = True
    loads: bool = False
    again: float = 0.03
    nudged: float = 0.05
    stalls: float = 0.0


def script(rng: Random, turns: int, size: Size) -> Iterator[Event]:
    """A session of so many replies."""
    output = int(size.output * rng.choice(BULK))
    yield Ask(texts.task(rng, 0))
    asked = 1
    for number in range(turns):
        if size.plans and (number == 0 or rng.random() < 0.06):
            yield Plan(number, tuple(texts.plan(rng, number % 6)))
        elif size.loads and number == 1:
            yield Rules(number, "harbour-rules", texts.rules(rng) + "\n" + texts.prose(rng, 250))
        elif number > 4 and rng.random() < size.again:
            yield Reply(f"Done: all points of this were covered, {texts.prose(rng, 40)}")
            yield Ask(texts.task(rng, asked))
            asked += 1
        elif number > 4 and rng.random() < size.stalls:
            yield Reply(f"Part {number} is done, {texts.prose(rng, 40)}")
            yield Nudge(GO_ON)
        else:
            yield _step(rng, number, output, size.calls)
            if rng.random() < size.nudged:
                words = rng.choice(NUDGES)
                yield Nudge(words, picture=not words)


def _step(rng: Random, number: int, output: int, most: int) -> Step:
    calls = rng.randint(1, most) if rng.random() < 0.3 else 1
    # most outputs are short, some are long: what shells and files print is spread over two orders of magnitude
    made = tuple(_call(rng, min(4 * output, int(output * rng.expovariate(1.0)) + 30)) for _ in range(calls))
    verb, noun, path = texts.names(rng)
    return Step(number, f"Next I look at how {path} does {verb} a {noun}; step {number}.", made)


def _call(rng: Random, tokens: int) -> Call:
    verb, noun, path = texts.names(rng)
    command = rng.choice((f"cat {path}", f"grep -rn {verb}_{noun} .", f"pytest -q {path}", f"ls -la {path.rpartition('/')[0]}"))
    return Call(command, texts.output(rng, tokens))
