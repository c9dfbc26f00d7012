"""What a conversation remembers of the messages that compaction took out of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from token_guard.compaction import facts
from token_guard.conversation import Message

__all__ = ["Ledger", "as_sent"]

MAX_NAMES = 4_000
"""Names remembered at most; a note shows a few hundred of them, the rest are candidates for later ones."""

MAX_QUOTES = 64
"""Quotes remembered of each kind, newest last; notes show fewer."""

CALL_WEIGHT = 4.0
"""A name that the assistant itself used in a call weighs as much as four mentions: it is being worked on."""

REQUEST_CHARS = 400
"""A user message longer than this is quoted by its beginning."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Names with their weights, and quotes by kind, of all messages taken out so far; oldest first."""

    messages: int = 0
    names: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    requests: tuple[str, ...] = ()
    directives: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    def with_dropped(self, messages: Iterable[Message]) -> Ledger:
        """The ledger after these messages were taken out."""
        gone = tuple(as_sent(message) for message in messages)
        if not gone:
            return self
        users = [message.said for message in gone if message.asks]
        return replace(
            self,
            messages=self.messages + len(gone),
            names=_weighed(self.names, gone),
            requests=_newest(self.requests, (text[:REQUEST_CHARS] for text in users)),
            directives=_newest(self.directives, (line for text in users for line in facts.directives(text))),
            decisions=_newest(
                self.decisions, (line for message in gone if message.role == "assistant" for line in facts.decisions(message.said))
            ),
            errors=_newest(
                self.errors, (line for message in gone for result in message.results for line in facts.error_lines(result.text))
            ),
        )


def as_sent(message: Message) -> Message:
    """The message as the client sent it: what masking hid of it is remembered too."""
    return replace(message, parts=message.origin.parts) if message.origin else message


def _newest(old: tuple[str, ...], new: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*old, *(text.strip() for text in new if text.strip())]))[-MAX_QUOTES:]


def _weighed(old: Mapping[str, float], messages: Iterable[Message]) -> Mapping[str, float]:
    weights = dict(old)
    for message in messages:
        for name in dict.fromkeys(facts.names(message.text)):
            weights[name] = weights.get(name, 0.0) + 1.0
        for name in dict.fromkeys(name for call in message.calls for name in facts.names(call.arguments)):
            weights[name] = weights.get(name, 0.0) + CALL_WEIGHT
    return _bounded(weights)


def _bounded(weights: Mapping[str, float]) -> Mapping[str, float]:
    if len(weights) <= MAX_NAMES:
        return MappingProxyType(dict(weights))
    heaviest = sorted(weights, key=lambda name: -weights[name])[:MAX_NAMES]
    return MappingProxyType({name: weights[name] for name in heaviest})
