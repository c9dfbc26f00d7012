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

_FILES: Final = re.compile(
    r"\s{0,100}(?:i have \*added these files to the chat\*|here are some read only files, provided for your reference)", re.IGNORECASE
)
"""How aider begins the messages that it moves down (its prompts `files_content_prefix` and `read_only_files_prefix`)."""

_ROLES: Final = ("user", "assistant")


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
    if not messages or messages[-1].role != "user":
        return None
    *earlier, asked = messages
    start = len(earlier)
    while start and _are_files(earlier[start - 2 : start]):
        start -= 2
    if start in (0, len(earlier)):
        return None
    return Behind((*earlier[:start], _moved(asked, start - len(earlier))), tuple(earlier[start:]))


def _are_files(pair: Sequence[Message]) -> bool:
    """Whether two messages are files of the chat and a word that they were seen."""
    given, seen = pair if len(pair) == len(_ROLES) else (None, None)
    return bool(given and seen and (given.role, seen.role) == _ROLES and not seen.calls and _FILES.match(given.said))


def _moved(message: Message, places: int) -> Message:
    origin = message.origin
    return replace(message, origin=replace(origin, index=origin.index + places)) if origin else message
