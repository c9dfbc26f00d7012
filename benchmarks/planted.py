"""A long generated conversation with facts planted in it, each said once, to see what a compaction keeps of them.

300 messages of about 290,000 tokens: a developer and an agent with four tools (JSON rows, logs, Python files, grep), parallel
calls, and a fifth of the outputs near-identical repeats of earlier ones. The same seed gives the same conversation everywhere.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["PLAN", "TOOLS", "Fact", "Planted", "planted", "talk"]

Wire: TypeAlias = dict[str, Any]

PLAN = {"rule": 1, "decision": 7, "finding": 7, "grep": 7, "log": 4, "rows": 5, "code": 3}
"""Facts by where they are planted: the system prompt, user turns, assistant turns, outputs of the four tools. 34 together."""

TOOLS = {"rows": "query", "log": "tail_log", "code": "read_file", "grep": "grep"}
"""The tool behind each kind of output, in the order in which they are used."""

TURNS = 33
"""User turns of a block: with 3 rounds of calls each, one more in every fifth, and two calls in every fifth round, 300 messages."""

REPEATED = 0.2
"""Share of tool outputs that repeat an earlier one of their kind but for one line."""

SERVICES = ("billing", "ledger", "gateway", "catalog", "shipping", "identity", "pricing", "search", "mailer", "reports")
NOUNS = ("invoice", "order", "refund", "session", "quota", "parcel", "voucher", "account", "webhook", "batch", "cursor", "lease")
VERBS = ("load", "merge", "settle", "verify", "publish", "archive", "resolve", "reserve", "expire", "replay", "index", "route")
FAULTS = ("checksum mismatch", "currency missing", "lock timed out", "schema drift", "duplicate key", "stale read", "quota exceeded")


@dataclass(frozen=True, slots=True)
class Fact:
    """What is said once: the whole `statement`, and its `key`, a value that occurs nowhere else."""

    place: str
    key: str
    statement: str


@dataclass(frozen=True, slots=True)
class Planted:
    """A conversation and its facts."""

    messages: list[Wire]
    facts: tuple[Fact, ...]

    def lost(self, forwarded: Sequence[Wire], *, whole: bool = False) -> tuple[Fact, ...]:
        """Facts whose key (or `whole` statement) is not in the forwarded messages."""
        text = json.dumps(forwarded, ensure_ascii=False)
        return tuple(fact for fact in self.facts if (fact.statement if whole else fact.key) not in text)


def planted(seed: int = 1, blocks: int = 1) -> Planted:
    """`blocks` times 300 messages with 34 facts each; one request of a session at work, it ends with a tool's output."""
    session = _Session(Prose(random.Random(seed)))
    messages = [message for _ in range(blocks) for message in session.block()]
    return Planted(messages[:-1], tuple(session.facts))


def talk(messages: int, seed: int = 1) -> list[Wire]:
    """So many messages of talk without tools, of about 75 tokens each; it ends with a question."""
    prose = Prose(random.Random(seed))
    turns: list[Wire] = [{"role": "system", "content": "You answer questions about our services."}]
    while len(turns) < messages:
        turns.append(
            {"role": "user", "content": f"{prose.sentence()} What about {prose.path()}, and the {prose.pick(NOUNS)[0]} before it?"}
        )
        turns.append({"role": "assistant", "content": " ".join(prose.sentence() for _ in range(6))})
    return turns[: messages - messages % 2]


@dataclass(frozen=True, slots=True)
class Prose:
    """Text without end, from one source of chance."""

    chance: random.Random

    def pick(self, *choices: Sequence[str]) -> tuple[str, ...]:
        return tuple(map(self.chance.choice, choices))

    def number(self, below: int = 100_000) -> int:
        return self.chance.randrange(below)

    def path(self) -> str:
        service, verb, noun = self.pick(SERVICES, VERBS, NOUNS)
        return f"src/{service}/{verb}_{noun}.py"

    def sentence(self) -> str:
        service, verb, noun, other, place = self.pick(SERVICES, VERBS, NOUNS, NOUNS, SERVICES)
        return f"The {service} service has to {verb} the {noun} before the {other} reaches {place}, in step {self.number(40)}."

    def row(self) -> str:
        service, noun, state = self.pick(SERVICES, NOUNS, ("open", "paid", "sent", "held"))
        row = {"id": self.number(), "service": service, "kind": noun, "state": state, "amount": self.number() / 100, "note": self.path()}
        return f"{json.dumps(row)},"

    def log_line(self, level: str = "INFO", said: str = "") -> str:
        service, verb, noun = self.pick(SERVICES, VERBS, NOUNS)
        clock = f"2026-03-{1 + self.number(28):02} {self.number(24):02}:{self.number(60):02}:{self.number(60):02}"
        return f"{clock} {level} {service}.{verb} [{self.number(16**6):06x}] " + (
            said or f"{noun} {self.number()} done in {self.number(900)} ms"
        )

    def code_line(self) -> str:
        verb, noun, other, service = self.pick(VERBS, NOUNS, NOUNS, SERVICES)
        return f"    {noun}_{self.number(100)} = {service}.{verb}_{other}({noun}, limit={self.number(500)})"

    def grep_line(self, said: str = "") -> str:
        return f"{self.path()}:{self.number(900)}:{said or self.code_line()}"

    def lines(self, kind: str) -> list[str]:
        return [LINES[kind](self) for _ in range(self.chance.randint(*SIZES[kind]))]


DECISIONS = (
    "We decided to keep every {noun} of {service} under the prefix {key}.",
    "Use {key} as the partition of the {noun} table, not the date.",
    "Decision: the {service} service stays on the release {key} until May.",
    "Let's go with the queue {key} for each {noun}.",
    "Never retry a {noun} that carries the flag {key}.",
    "From now on {service} reads its {noun} from the bucket {key}.",
    "The customer agreed to {key} as the reference of the {noun} project.",
)
FINDINGS = (
    "The root cause is the shard {key}: it drops a {noun} now and then.",
    "I found that {service} takes the {noun} from the stale replica {key}.",
    "The fix for the {noun} is to reset the cursor {key} first.",
    "It turns out that {service} shares the lock {key} with the {noun} worker.",
    "Confirmed: build {key} of {service} is the first one that fails.",
    "Every {noun} waits because the lease {key} is held by {service}.",
    "So the {noun} came from the tenant {key}, not from {service}.",
)
"""Different words for each, so that no single turn of phrase decides how many are kept."""

STATEMENTS = {
    "rule": ("Never write to the table {key} outside of a migration of {service}.",),
    "decision": DECISIONS,
    "finding": FINDINGS,
    **{kind: tuple(f"{{key}}: {fault} in {{noun}} of {{service}}" for fault in FAULTS) for kind in TOOLS},
}
"""How facts read, by their place."""

LINES: dict[str, Callable[[Prose], str]] = {"rows": Prose.row, "log": Prose.log_line, "code": Prose.code_line, "grep": Prose.grep_line}
"""An ordinary line of a tool's output."""

PLANTED: dict[str, Callable[[Prose, str], str]] = {
    "rows": lambda prose, said: f'{{"id": {prose.number()}, "state": "ERROR", "detail": "{said}"}},',
    "log": lambda prose, said: prose.log_line("ERROR", said),
    "code": lambda _, said: f"    # ERROR {said}",
    "grep": lambda prose, said: prose.grep_line(f'    raise ServiceError("ERROR {said}")'),
}
"""The line of a tool's output that holds a fact."""

FRAMES = {"rows": ("[", '{"id": 0, "state": "end"}]'), "log": ("", ""), "code": ("def main():", "    return None"), "grep": ("", "")}
"""First and last line of a tool's output."""

SIZES = {"rows": (20, 90), "log": (40, 114), "code": (60, 200), "grep": (40, 126)}
"""Lines of a tool's output, fewest and most: about 2,200 tokens on average."""


class _Session:
    """A session as it grows."""

    def __init__(self, prose: Prose) -> None:
        self._prose = prose
        self._said: dict[str, list[list[str]]] = {kind: [] for kind in TOOLS}
        self._outputs = 0
        self._rounds = 0
        self.facts: list[Fact] = []

    def block(self) -> Iterator[Wire]:
        """The messages of 33 turns; the very first is the system prompt."""
        if not self.facts:
            yield {"role": "system", "content": f"You are an engineer of the payments team. {self._fact('rule')}"}
        hosts = {kind: _spread(PLAN[kind], self._outputs // len(TOOLS)) for kind in TOOLS}
        turns = {place: _spread(PLAN[place]) for place in ("decision", "finding")}
        for turn in range(TURNS):
            yield {"role": "user", "content": self._said_with("decision", turn in turns["decision"])}
            for _ in range(3 + (turn % 5 == 0)):
                yield from self._round(hosts)
            yield {"role": "assistant", "content": self._said_with("finding", turn in turns["finding"])}

    def _fact(self, place: str) -> str:
        said = sum(fact.place == place for fact in self.facts)
        (noun, service), key = self._prose.pick(NOUNS, SERVICES), f"NEEDLE-{self._prose.number(16**6):06x}"
        statement = STATEMENTS[place][said % len(STATEMENTS[place])].format(key=key, noun=noun, service=service)
        self.facts.append(Fact(place, key, statement))
        return statement

    def _said_with(self, place: str, fact: bool) -> str:
        sentences = [self._prose.sentence() for _ in range(3)]
        return " ".join([*sentences[:2], self._fact(place), *sentences[2:]] if fact else sentences)

    def _round(self, hosts: dict[str, set[int]]) -> Iterator[Wire]:
        """One assistant message with its calls, then their outputs."""
        numbers = range(self._outputs, self._outputs + 1 + (self._rounds % 5 == 0))
        kinds = [tuple(TOOLS)[number % len(TOOLS)] for number in numbers]
        content = self._prose.sentence() if self._rounds % 2 else None
        yield {"role": "assistant", "content": content, "tool_calls": [self._call(*named) for named in zip(kinds, numbers, strict=True)]}
        for kind, number in zip(kinds, numbers, strict=True):
            output = self._output(kind, number // len(TOOLS) in hosts[kind])
            yield {"role": "tool", "tool_call_id": f"call_{number}", "content": output}
        self._outputs, self._rounds = numbers.stop, self._rounds + 1

    def _call(self, kind: str, number: int) -> Wire:
        arguments = json.dumps({"path": self._prose.path(), "limit": self._prose.number(500)})
        return {"id": f"call_{number}", "type": "function", "function": {"name": TOOLS[kind], "arguments": arguments}}

    def _output(self, kind: str, fact: bool) -> str:
        said = self._said[kind]
        repeated = said and not fact and self._prose.chance.random() < REPEATED
        lines = [*self._prose.chance.choice(said)] if repeated else self._prose.lines(kind)
        place = self._prose.chance.randrange(len(lines))
        lines[place] = PLANTED[kind](self._prose, self._fact(kind)) if fact else LINES[kind](self._prose)
        if not fact:
            said.append(lines)
        first, last = FRAMES[kind]
        return "\n".join(filter(None, (first, *lines, last)))


def _spread(count: int, start: int = 0) -> set[int]:
    """`count` of the turns of a block, or of its outputs of one kind, in even steps; the newest are left out."""
    room = TURNS - 3
    return {start + (2 * number + 1) * room // (2 * count) for number in range(count)}
