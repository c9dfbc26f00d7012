"""What became of that which should stay: the task, loaded rules, the plan, the newest exchange."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from token_guard.compaction.pins import pins
from token_guard.conversation import Message, Text
from token_guard.marks import is_note
from token_guard.report import Fate, Kept

__all__ = ["kept_of"]


def kept_of(history: Sequence[Message], forwarded: Sequence[Message]) -> Kept:
    """The fate of what a history wants kept, in what is forwarded of it."""
    wanted = pins(history)
    found = {message.index: message for message in forwarded}
    spoken = "\n\n".join(message.said for message in forwarded if message.role == "user" and not is_note(message))

    def fate(places: Iterable[int]) -> Fate:
        fates = {_fate_of(history[place], found.get(history[place].index), spoken) for place in places}
        if not fates:
            return "none"
        return "gone" if "gone" in fates else "cut" if "cut" in fates else "whole"

    return Kept(task=fate(wanted.task), rules=fate(wanted.rules), plan=fate(wanted.plan), newest=fate(wanted.newest))


def _fate_of(message: Message, forwarded: Message | None, spoken: str) -> Fate:
    """Words that recall added come after a message's own parts, and take nothing from them; what was the user's to say may stand
    in the message that it was joined to."""
    if forwarded is not None and forwarded.parts[: len(message.parts)] == message.parts:
        return "whole"
    left = () if forwarded is None else forwarded.parts
    if all(part in left or (isinstance(part, Text) and message.asks and part.text in spoken) for part in message.parts):
        return "whole"
    return "gone" if forwarded is None else "cut"
