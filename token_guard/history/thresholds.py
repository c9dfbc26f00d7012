"""When to compact and how far: shares of the budget that follow the shape of the conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from token_guard.history.tally import Tally
from token_guard.settings import Settings

__all__ = ["HIGHEST", "LENIENT_TARGET", "LOWEST", "MIN_MESSAGES", "Depth", "Levels", "Thresholds", "depth", "levels", "thresholds"]

MIN_MESSAGES = 6
"""A request of fewer messages is one question over a document, not a session: it is touched only when it does not fit."""

WITH_TOOLS = 0.15
"""The trigger of a session of tools moves by so much."""

DENSITY_TARGET = ((0.60, 0.20), (-1.0, -0.10))
"""Above this share of tool messages, the target moves by so much, but for an agent that works alone: it reads much and needs little of
it again. Measured on recorded sessions of all kinds (docs/decisions.md)."""

SIZE_TRIGGER = ((500, -0.05), (200, -0.02), (-1, 0.0))
"""Above this mean message size in tokens, the trigger moves by so much."""

LOWEST, HIGHEST = 0.40, 0.95

LENIENT_TARGET = 0.70
"""With `policy: overflow` nothing happens until a request does not fit; then it goes down to this share."""

TALK_TARGET = 0.40
"""What was only said can be read nowhere again: talk stays whole as long as it fits; then this much of the room holds what stays, and a
question has the room for what went."""

TURNS_BETWEEN, TURNS_ALONE = 5, 7
"""Turns of the usual size that fit between two epochs, and those of an agent that works alone, as far as the lowest target lets them: with
each epoch a prompt cache loses some nine tenths of a request. On scripted sessions of 60 turns in windows of 16,000 it found .894 of the
request before with five, .899 with seven; with seven, dialogues with tools kept less of what was needed again in its context."""

DEEPEST = 1 / 3
"""No target is lower than this share of the room for the sake of large turns: what a compaction leaves in any case."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Shares of the budget: compact above `trigger`, down to `target`."""

    trigger: float
    target: float


@dataclass(frozen=True, slots=True)
class Levels:
    """The same in tokens of the messages."""

    trigger: int
    target: int


@dataclass(frozen=True, slots=True)
class Depth:
    """The same for all conversations that differ in the tokens of their turns alone: where turns are large, an epoch goes deeper, so far
    that a few of them fit before the next one."""

    trigger: int
    target: int
    deepest: int
    turns: int
    replies: int
    instructions: int

    def at(self, tokens: int) -> Levels:
        """The sizes for a conversation of so many tokens."""
        deeper = self.trigger - self.turns * (tokens - self.instructions) // self.replies
        return Levels(self.trigger, min(self.target, max(self.deepest, deeper)))


def depth(shares: Thresholds, tally: Tally, allowed: int, instructions: int) -> Depth:
    """The sizes that shares stand for. They are of what compaction can change: instructions stay whole and come on top."""
    fixed = min(allowed, instructions)
    free = allowed - fixed
    lowest = shares.target if shares.target >= 1.0 else DEEPEST  # what is no session has no turns to make room for
    trigger, target, deepest = (fixed + int(share * free) for share in (shares.trigger, shares.target, lowest))
    turns = TURNS_ALONE if tally.is_alone else TURNS_BETWEEN
    return Depth(trigger, target, deepest, turns, max(1, tally.replies), instructions)


def levels(shares: Thresholds, tally: Tally, allowed: int, instructions: int) -> Levels:
    """The sizes for a conversation with the tokens of its tally.

    >>> levels(Thresholds(0.8, 0.3), Tally(), 10_000, instructions=0), levels(Thresholds(0.8, 0.3), Tally(), 10_000, instructions=5_000)
    (Levels(trigger=8000, target=3000), Levels(trigger=9000, target=6500))
    >>> levels(Thresholds(0.9, 0.5), Tally(messages=20, replies=10, tokens=15_000), 10_000, instructions=0)
    Levels(trigger=9000, target=3333)
    """
    return depth(shares, tally, allowed, instructions).at(tally.tokens)


def thresholds(tally: Tally, settings: Settings, *, lenient: bool = False) -> Thresholds:
    """The shares for a conversation of this shape; `lenient` ones wait until it does not fit.

    >>> thresholds(Tally(messages=10, tool_messages=7, tokens=1_000, replies=4), Settings())
    Thresholds(trigger=0.95, target=0.6)
    """
    if tally.messages < MIN_MESSAGES:
        return Thresholds(1.0, 1.0)
    if lenient:
        return Thresholds(1.0, LENIENT_TARGET)
    if settings.thresholds == "fixed":
        return Thresholds(settings.trigger, settings.target)
    if tally.kind != "tools" and not settings.model_fields_set & {"trigger", "target"}:
        return Thresholds(1.0, TALK_TARGET)
    density, size = tally.tool_messages / tally.messages, tally.tokens / tally.messages
    trigger = settings.trigger + WITH_TOOLS + _step(SIZE_TRIGGER, size)
    target = settings.target + (0 if tally.is_alone else _step(DENSITY_TARGET, density))
    bounded = min(max(trigger, LOWEST), HIGHEST)
    return Thresholds(round(bounded, 4), round(min(max(target, 0.05), bounded - 0.05), 4))


def _step(table: Sequence[tuple[float, float]], value: float) -> float:
    return next(change for above, change in table if value > above)
