"""What a conversation remembers of the messages that compaction took out of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter, itemgetter
from types import MappingProxyType

from token_guard.compaction import facts, rules
from token_guard.compaction.amendments import merged
from token_guard.compaction.blocks import Blocks
from token_guard.compaction.rule_subjects import replaces
from token_guard.compaction.rules_block import amended_at, given_at, strongest
from token_guard.compaction.steps import MAX_STEPS, Step, steps
from token_guard.conversation import Message

__all__ = ["Ledger", "as_sent"]

MAX_NAMES = 4_000
"""Names remembered at most; a note shows a few of them, the rest say which lines matter."""

MAX_RULES = 200
"""Rules remembered, newest last; notes show fewer."""

MAX_AMENDED = 100
"""Sentences remembered that may amend a rule, the newest; told are those that name what one is about."""

MAX_LINES = 2_400
"""Lines remembered under all steps; where there are more, each step keeps its best ones."""

FEWEST_LINES = 2


@dataclass(frozen=True, slots=True)
class Ledger:
    """Steps, rules and names of all messages taken out so far; oldest first."""

    messages: int = 0
    steps: tuple[Step, ...] = ()
    rules: tuple[str, ...] = ()
    amended: tuple[str, ...] = ()
    """What the user said that may allow, take back or change what a rule asks for."""
    names: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    places: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Where in the history each rule was given last, and what may amend one said."""

    @classmethod
    def of(cls, messages: Iterable[Message], weights: Mapping[str, float] = MappingProxyType({})) -> Ledger:
        """What is remembered of these messages, as the client sent them; `weights` say which names matter."""
        gone = tuple(as_sent(message) for message in messages)
        amended = amended_at(gone)
        named = dict.fromkeys(name for message in gone for name in facts.names_of(message))
        return cls(
            messages=len(gone),
            steps=_bounded(tuple(steps(gone, weights))),
            rules=rules.given(gone),
            amended=_newest(amended),
            names=_heaviest({name: weights.get(name, 0.0) for name in named}),
            places={**amended, **given_at(gone)},
        )

    def with_dropped(self, messages: Iterable[Message]) -> Ledger:
        """The ledger after these messages were taken out without a note."""
        return self.joined(Ledger.of(messages))

    def with_sent(self, notes: Iterable[Message]) -> Ledger:
        """The ledger with the rules of notes that another guard wrote: what it took out is nowhere else."""
        told = {rule: note.index or 0 for note in notes if (blocks := Blocks.read(note.text)) for rule in merged(blocks.said_rules)}
        return self.joined(Ledger(rules=tuple(told), places=told)) if told else self

    def joined(self, later: Ledger) -> Ledger:
        """Both, `later` being what was taken out afterwards; what went first was not always said first."""
        places = {**later.places, **{rule: max(at, later.places.get(rule, at)) for rule, at in self.places.items()}}
        amended = _newest({one: places.get(one, 0) for one in (*self.amended, *later.amended)})
        ruled = strongest(_standing(self.rules, later.rules, places), MAX_RULES)
        return Ledger(
            messages=self.messages + later.messages,
            steps=_bounded(tuple(sorted(self.steps + later.steps, key=attrgetter("place")))),
            rules=ruled,
            amended=amended,
            names=_heaviest({**self.names, **later.names}),
            places={said: places[said] for said in (*ruled, *amended) if said in places},
        )


def _standing(known: Sequence[str], later: Sequence[str], places: Mapping[str, int]) -> tuple[str, ...]:
    """The rules of both that no rule given after them replaces, in the order in which they were given; of the ones that were known
    before, none replaces another."""
    last = max(places.values(), default=0)
    told = [(places.get(rule, -1), rule) for rule in known]
    for rule in later:
        place = places.get(rule, last)
        if any(at > place and replaces(other, rule) for at, other in told):
            continue
        told = [(at, other) for at, other in told if other != rule and not (at <= place and replaces(rule, other))]
        told.append((place, rule))
    return tuple(rule for _, rule in sorted(told, key=itemgetter(0)))


def _newest(amended: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted(amended, key=lambda one: amended[one])[-MAX_AMENDED:])


def as_sent(message: Message) -> Message:
    """The message as the client sent it: what masking hid of it is remembered too."""
    origin = message.origin
    return message if origin is None or origin.parts is message.parts else replace(message, parts=origin.parts)


def _bounded(told: tuple[Step, ...]) -> tuple[Step, ...]:
    excess = len(told) - MAX_STEPS
    if excess > 0:
        idle = [place for place, step in enumerate(told) if step.kind == "look"]
        gone = {*idle[:excess], *range(max(0, excess - len(idle)))}
        told = tuple(step for place, step in enumerate(told) if place not in gone)
    if sum(len(step.lines) for step in told) <= MAX_LINES:
        return told
    most = max(FEWEST_LINES, MAX_LINES // len(told))
    return tuple(replace(step, lines=step.lines[:most]) if len(step.lines) > most else step for step in told)


def _heaviest(weights: Mapping[str, float]) -> Mapping[str, float]:
    if len(weights) <= MAX_NAMES:
        return MappingProxyType(dict(weights))
    heaviest = sorted(weights, key=lambda name: -weights[name])[:MAX_NAMES]
    return MappingProxyType({name: weights[name] for name in heaviest})
