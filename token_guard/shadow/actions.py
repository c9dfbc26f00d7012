"""What a model does next, and how far two replies agree on it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from token_guard.compaction import deeds
from token_guard.conversation import Message, ToolCall

__all__ = ["SAME_TEXT", "Action", "Agreement", "agreement", "overlap"]

SAME_TEXT: Final = 0.5
"""Two texts that share at least half of their words are taken for the same next action; the overlap itself is reported beside it."""

WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Action:
    """What a reply does: calls tools, or says something."""

    calls: tuple[ToolCall, ...] = ()
    said: str = field(default="", repr=False)

    @classmethod
    def of(cls, reply: Iterable[Message]) -> Action | None:
        """The action of a reply's messages; None where there is neither a call nor a word."""
        messages = tuple(reply)
        calls = tuple(call for message in messages for call in message.calls)
        said = "\n".join(message.said for message in messages)
        return cls(calls, said) if calls or said.strip() else None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a reply agrees with another one, by what that other one does.

    Of calls: the same tools, on the same targets, with the same arguments, each of which needs the one before. Of a text: the share of
    words that both have, 0.0 where the other calls.
    """

    next: bool
    tool: bool | None = None
    target: bool | None = None
    arguments: bool | None = None
    overlap: float | None = None


def agreement(reference: Action, other: Action) -> Agreement:
    """How far another reply does what the reference does; calls that were made at once may stand in any order.

    >>> read, again, cat = (ToolCall("", name, '{"path": "a.py"}') for name in ("read", "read", "cat"))
    >>> agreement(Action((read,)), Action((again,))).next, agreement(Action((read,)), Action((cat,))).tool
    (True, False)
    >>> agreement(Action(said="All tests pass."), Action(said="All tests pass now."))
    Agreement(next=True, tool=None, target=None, arguments=None, overlap=0.8571428571428571)
    """
    if not reference.calls:
        shared = 0.0 if other.calls else overlap(reference.said, other.said)
        return Agreement(shared >= SAME_TEXT, overlap=shared)
    tool = Counter(call.name for call in reference.calls) == Counter(call.name for call in other.calls)
    target = tool and Counter(map(_target, reference.calls)) == Counter(map(_target, other.calls))
    arguments = target and Counter(map(_whole, reference.calls)) == Counter(map(_whole, other.calls))
    return Agreement(target, tool, target, arguments)


def overlap(text: str, other: str) -> float:
    """The words that two texts share, each as often as both have it, as a share of all their words (Dice's coefficient)."""
    words, others = (Counter(WORD.findall(one.lower())) for one in (text, other))
    total = words.total() + others.total()
    return 2 * (words & others).total() / total if total else float(text == other)


def _target(call: ToolCall) -> tuple[str, str]:
    """What a call works on; where its arguments do not say so, all of them."""
    return call.name, deeds.target(call) or _plain(call.arguments)


def _whole(call: ToolCall) -> tuple[str, str]:
    return call.name, _plain(call.arguments)


def _plain(arguments: str) -> str:
    """Arguments without what JSON leaves open: spaces, the order of keys."""
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments.strip()
