"""How much of what a conversation names is still named after compaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from token_guard.compaction.facts import names
from token_guard.conversation import Message

__all__ = ["retention"]


def retention(before: Sequence[Message], after: Sequence[Message]) -> float:
    """The share, between 0 and 1, of the different paths, identifiers and numbers of `before` that `after` still holds."""
    had, has = _names(before), _names(after)
    return round(len(had & has) / len(had), 4) if had else 1.0


def _names(messages: Iterable[Message]) -> frozenset[str]:
    return frozenset(name for message in messages for text in _texts(message) for name in names(text))


def _texts(message: Message) -> tuple[str, ...]:
    return (message.text, *(call.arguments for call in message.calls))
