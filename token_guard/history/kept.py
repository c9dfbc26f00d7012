"""What became of that which should stay: the task, loaded rules, the plan, the newest exchange."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from token_guard.compaction.pins import pins
from token_guard.conversation import Message
from token_guard.report import Fate, Kept

__all__ = ["kept_of"]


def kept_of(history: Sequence[Message], forwarded: Sequence[Message]) -> Kept:
    """The fate of what a history wants kept, in what is forwarded of it."""
    wanted = pins(history)
    found = {message.index: message for message in forwarded}
    return Kept(
        task=_fate(wanted.task, history, found),
        rules=_fate(wanted.rules, history, found),
        plan=_fate(wanted.plan, history, found),
        newest=_fate(wanted.newest, history, found),
    )


def _fate(places: Iterable[int], history: Sequence[Message], found: Mapping[int | None, Message]) -> Fate:
    fates = {_fate_of(history[place], found.get(history[place].index)) for place in places}
    if not fates:
        return "none"
    return "gone" if "gone" in fates else "cut" if "cut" in fates else "whole"


def _fate_of(message: Message, forwarded: Message | None) -> Fate:
    """Words that recall added come after a message's own parts, and take nothing from them."""
    if forwarded is None:
        return "gone"
    return "whole" if forwarded.parts[: len(message.parts)] == message.parts else "cut"
