"""What a client moves along behind its history: files of the chat, which stand before the newest question on every turn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from token_guard.conversation import Message
from token_guard.history.replay import Replayed
from token_guard.history.thresholds import Levels

__all__ = ["Behind", "behind"]

_FILES: Final = re.compile(r"\s*i have \*added these files to the chat\*|\s*here are some read only files, provided for your reference", re.I)
"""How aider begins the messages that it moves down (its prompts `files_content_prefix` and `read_only_files_prefix`)."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A history without what moves along behind it, each message in the place that it will have on later turns; and what moves."""

    history: tuple[Message, ...]
    moving: tuple[Message, ...]

    def put_back(self, replayed: Replayed, tokens: int) -> Replayed:
        """What became of the history, with what moves before the newest question; that counts so many tokens."""
        *before, asked = replayed.messages
        at = replayed.levels
        return replace(
            replayed,
            messages=(*before, *self.moving, _moved(asked, len(self.moving))),
            tokens=replayed.tokens + tokens,
            history_tokens=replayed.history_tokens + tokens,
            levels=Levels(at.trigger + tokens, at.target + tokens),
        )


def behind(messages: Sequence[Message]) -> Behind | None:
    """What stands between a history and the newest question and is written anew on each turn; None where there is no such thing.

    Were it part of the history, no earlier request would be a beginning of this one, and all of it were compacted anew each turn.
    """
    last = len(messages) - 1
    if last < 0 or messages[last].role != "user":
        return None
    start = last
    while start >= 2 and _are_files(messages[start - 2], messages[start - 1]):
        start -= 2
    if start == last or start < 2:
        return None
    moving = tuple(messages[start:last])
    return Behind((*messages[:start], _moved(messages[last], -len(moving))), moving)


def _are_files(message: Message, answer: Message) -> bool:
    return message.role == "user" and answer.role == "assistant" and not answer.calls and bool(_FILES.match(message.said))


def _moved(message: Message, places: int) -> Message:
    origin = message.origin
    return replace(message, origin=replace(origin, index=origin.index + places)) if origin else message
