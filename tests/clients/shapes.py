"""The requests of agent clients as they stand on the wire, first to sixtieth turn: sizes and order are theirs, all texts made up.

A session is drawn once from a seed; its request of turn t + 1 is that of turn t with one more step, as a client sends it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

__all__ = ["TURNS", "Call", "Client", "Session", "Step", "prose"]

TURNS = 60
Wire: TypeAlias = dict[str, Any]

VOCABULARY = """
parser queue order mail header retry worker ledger tenant export window buffer schema field value cursor branch commit module
handler request reply timeout socket thread signal folder record column index price batch token service client server driver
reads writes keeps drops sends holds opens closes checks counts moves joins splits returns raises waits needs takes calls finds
old new first last empty broken shared local remote slow small large public hidden strict loose early late when where while
after before beside under over from into with without only never always twice
"""
WORDS = VOCABULARY.split()

OUTPUTS = (((40, 250), 40), ((250, 1_000), 38), ((1_000, 2_600), 19), ((2_600, 5_000), 3))
"""Sizes of tool outputs in words, and how often each range comes: most are short, a few are whole files."""

PLAN_EVERY = 12
PARALLEL_EVERY = 9
POINTS = 8


def prose(rng: random.Random, words: int) -> str:
    """About so many tokens of text, in lines as a file or a log has them."""
    lines, left = [], words
    while left > 0:
        line = rng.choices(WORDS, k=min(left, rng.randint(6, 14)))
        left -= len(line) + 1
        lines.append(" ".join(line))
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call of the model with what the tool answered."""

    id: str
    name: str
    arguments: Wire
    output: str


@dataclass(frozen=True, slots=True)
class Step:
    """One answer of the model and what followed from it; `number` counts from one."""

    number: int
    said: str
    calls: tuple[Call, ...]
    plan: tuple[str, ...] = ()
    """The points of the plan, where this step wrote one."""

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(call.output for call in self.calls)


@dataclass(frozen=True, slots=True)
class Client:
    """How one client writes its requests.

    `instructions` and `tool_words` are sizes in words, of the system prompt and of each of its `tools`; `replies` are the reply
    lengths that it asks for. `begins` and `goes_on` write messages; `frames` makes a request of them. `plan` writes the
    arguments of its plan tool.
    """

    name: str
    api: str
    replies: tuple[int | None, ...]
    instructions: int
    tools: int
    tool_words: int
    begins: Callable[[Session], list[Wire]]
    goes_on: Callable[[Session, Step], list[Wire]]
    frames: Callable[[Session, list[Wire]], Wire]
    plan: tuple[str, Callable[[list[tuple[str, str]]], Wire]] | None = None
    model: str = "openai/my-model"
    shell: str = "bash"
    ends: Callable[[Session, int], list[Wire]] = lambda session, turn: []
    """Messages behind the history that are written anew each turn."""
    task_of: Callable[[Session, int], str] = lambda session, turn: session.task
    """What the user wants done at a turn."""


@dataclass(frozen=True)
class Session:
    """One session of a client: `request(turn)` is what it sends."""

    client: Client
    seed: int

    def rng(self, of: str) -> random.Random:
        """Chance of its own for each thing that is drawn, so that none depends on what was drawn before."""
        return random.Random(f"{self.client.name}/{self.seed}/{of}")

    @cached_property
    def bulk(self) -> float:
        """Some sessions read much more than others."""
        return self.rng("bulk").choice((0.6, 1.0, 2.0))

    @cached_property
    def instructions(self) -> str:
        return f"You are {self.client.name}, an agent that works in a repository.\n{prose(self.rng('system'), self.client.instructions)}"

    @cached_property
    def task(self) -> str:
        rng = self.rng("task")
        points = "\n".join(f"{n}. In pkg/mod_{rng.randint(10, 99)}.py {prose(rng, 12)}." for n in range(1, POINTS + 1))
        return f"TASK-{self.seed}: mend the mail kit. Rule: never modify legacy_codec.py.\n{points}\nReport DONE-{self.seed} at the end."

    @cached_property
    def tools(self) -> tuple[tuple[str, str, Wire], ...]:
        """Name, description and schema of each."""
        rng, client = self.rng("tools"), self.client
        names = [client.shell, *([client.plan[0]] if client.plan else []), *(f"tool_{n}" for n in range(client.tools))][: client.tools]
        schema = {"type": "object", "properties": {"command": {"type": "string", "description": prose(rng, 10)}}}
        return tuple((name, prose(rng, client.tool_words), schema) for name in names)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return tuple(self._step(number) for number in range(1, TURNS))

    @cached_property
    def _written(self) -> tuple[list[Wire], ...]:
        return (self.client.begins(self), *(self.client.goes_on(self, step) for step in self.steps))

    def request(self, turn: int, reply: int | None) -> Wire:
        """What the client sends after turn - 1 steps, asking for a reply of so many tokens."""
        messages = [message for written in self._written[:turn] for message in written] + self.client.ends(self, turn)
        framed = self.client.frames(self, messages)
        key = "max_output_tokens" if self.client.api == "openai.responses" else "max_tokens"
        return framed if reply is None else {**framed, key: reply}

    def plan(self, turn: int) -> tuple[str, ...]:
        """The points of the newest plan at a turn."""
        return next((step.plan for step in reversed(self.steps[: turn - 1]) if step.plan), ())

    def _step(self, number: int) -> Step:
        rng = self.rng(f"step {number}")
        said = f"Step {number}: {prose(rng, rng.randint(8, 50))}."
        if self.client.plan and number % PLAN_EVERY == 1:
            points = tuple(f"{n}. {' '.join(rng.choices(WORDS, k=9))}" for n in range(1, 7))
            states = ["completed"] * (number // PLAN_EVERY) + ["in_progress"] + ["pending"] * 6
            name, arguments = self.client.plan
            return Step(
                number, said, (Call(f"call_{number}_0", name, arguments(list(zip(points, states, strict=False))), "Updated."),), points
            )
        several = 2 if number % PARALLEL_EVERY == 0 else 1
        return Step(number, said, tuple(self._call(rng, number, place) for place in range(several)))

    def _call(self, rng: random.Random, number: int, place: int) -> Call:
        ((low, high),) = rng.choices([sizes for sizes, _ in OUTPUTS], [often for _, often in OUTPUTS])
        command = f"cat pkg/mod_{rng.randint(10, 99)}.py | grep -n {rng.choice(WORDS)}_{number}"
        output = f"out {number}.{place}\n{prose(rng, int(rng.randint(low, high) * self.bulk))}"
        return Call(f"call_{number}_{place}", self.client.shell, {"command": command}, output)


def framed_as_chat(session: Session, messages: list[Wire]) -> Wire:
    """Chat completions, with the tools in front where the client has some."""
    tools = [
        {"type": "function", "function": {"name": name, "description": says, "parameters": schema}} for name, says, schema in session.tools
    ]
    wire: Mapping[str, Any] = {"model": session.client.model, "messages": messages}
    return {**wire, "tools": tools} if tools else dict(wire)
