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

REQUEST_CHARS = 200
"""A user message longer than this is quoted by the sentences that say most."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Names with their weights, and quotes by kind, of all messages taken out so far; oldest first."""

    messages: int = 0
    names: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    requests: tuple[str, ...] = ()
    directives: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    @classmethod
    def of(cls, messages: Iterable[Message]) -> Ledger:
        """What is remembered of these messages, as the client sent them."""
        gone = tuple(as_sent(message) for message in messages)
        users = [message.said for message in gone if message.asks]
        replies = [message.said for message in gone if message.role == "assistant"]
        return cls(
            messages=len(gone),
            names=_weighed(gone),
            requests=_newest(facts.gist(text, REQUEST_CHARS) for text in users),
            directives=_newest(line for text in users for line in facts.directives(text)),
            decisions=_newest(line for text in replies for line in facts.decisions(text)),
            errors=_newest(line for message in gone for result in message.results for line in facts.error_lines(result.text)),
        )

    def with_dropped(self, messages: Iterable[Message]) -> Ledger:
        """The ledger after these messages were taken out."""
        return self.joined(Ledger.of(messages))

    def joined(self, later: Ledger) -> Ledger:
        """Both, `later` being what was taken out afterwards."""
        return Ledger(
            messages=self.messages + later.messages,
            names=_bounded({**self.names, **{name: weight + self.names.get(name, 0.0) for name, weight in later.names.items()}}),
            requests=_newest(self.requests + later.requests),
            directives=_newest(self.directives + later.directives),
            decisions=_newest(self.decisions + later.decisions),
            errors=_newest(self.errors + later.errors),
        )


def as_sent(message: Message) -> Message:
    """The message as the client sent it: what masking hid of it is remembered too."""
    return replace(message, parts=message.origin.parts) if message.origin else message


def _newest(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.strip() for text in lines if text.strip()))[-MAX_QUOTES:]


def _weighed(messages: Iterable[Message]) -> Mapping[str, float]:
    weights: dict[str, float] = {}
    for message in messages:
        for name in facts.names(message.text):
            weights[name] = weights.get(name, 0.0) + 1.0
        for name in dict.fromkeys(name for call in message.calls for name in facts.names(call.arguments)):
            weights[name] = weights.get(name, 0.0) + CALL_WEIGHT
    return _bounded(weights)


def _bounded(weights: Mapping[str, float]) -> Mapping[str, float]:
    if len(weights) <= MAX_NAMES:
        return MappingProxyType(dict(weights))
    heaviest = sorted(weights, key=lambda name: -weights[name])[:MAX_NAMES]
    return MappingProxyType({name: weights[name] for name in heaviest})
