"""What a client moves along behind its history: files of the chat before what is asked now, and reminders after it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from token_guard.conversation import Media, Message
from token_guard.history.replay import Replayed
from token_guard.history.thresholds import Levels

__all__ = ["Behind", "behind"]

_FILES: Final = re.compile(
    r"\s{0,100}(?:(?:i have|these files have been) \*added these files to the chat\*"
    r"|here are some read only files, provided for your reference"
    r"|i am not sharing (?:any files that you can edit|the full contents of any files)"
    r"|don't try and edit any existing code without asking me to add the files)",
    re.IGNORECASE,
)
"""How aider begins the messages that it moves down (its prompts `files_content_prefix`, `read_only_files_prefix`, `files_no_full_files`
and `files_no_full_files_with_repo_map`)."""

_SEEN: Final = re.compile(r"\s{0,100}ok\b", re.IGNORECASE)

_ROLES: Final = ("user", "assistant")

_ASKED: Final = 16
"""Messages that one question brings at most: aider gives a model three chances to mend its answer, with a command's output or a linter's
words between them."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A history without what moves along behind it, each message in the place that it will have on later turns; what moves, before what
    is asked now and after it; and the place at which it stands."""

    history: tuple[Message, ...]
    moving: tuple[Message, ...]
    place: int
    reminders: tuple[Message, ...] = ()

    @property
    def beside(self) -> tuple[Message, ...]:
        """All that takes its room beside the history."""
        return (*self.moving, *self.reminders)

    def put_back(self, replayed: Replayed, tokens: int) -> Replayed:
        """What became of the history, and what moves, of so many tokens, where it stood: before the oldest left of what is asked."""
        messages, at = replayed.messages, replayed.levels
        left = (place for place, message in enumerate(messages) if message.index is not None and message.index >= self.place)
        cut = next(left, len(messages) - 1)
        asked = _moved(messages[cut:], len(self.moving))
        return replace(
            replayed,
            messages=(*messages[:cut], *self.moving, *asked, *self.reminders),
            tokens=replayed.tokens + tokens,
            history_tokens=replayed.history_tokens + tokens,
            levels=Levels(at.trigger + tokens, at.target + tokens),
        )


def behind(messages: Sequence[Message]) -> Behind | None:
    """What stands between a history and what is asked now and is written anew on each turn; None where there is no such thing.

    Were it part of the history, no earlier request would be a beginning of this one, and all of it were compacted anew each turn.
    """
    end = len(messages)
    while end and messages[end - 1].role == "system":
        end -= 1
    if not end or messages[end - 1].role != "user":
        return None
    stop = next((place for place in range(end - 1, max(1, end - 1 - _ASKED), -1) if _are_files(messages[place - 2 : place])), 0)
    start = stop
    while start and _are_files(messages[start - 2 : start]):
        start -= 2
    while stop + 2 < end and _are_pictures(messages[stop : stop + 2]):
        stop += 2
    if not start or messages[stop].role != "user":
        return None
    asked = _moved(messages[stop:end], start - stop)
    return Behind((*messages[:start], *asked), tuple(messages[start:stop]), start, tuple(messages[end:]))


def _are_files(pair: Sequence[Message]) -> bool:
    """Whether two messages are files of the chat and a word that they were seen."""
    return _is_seen(pair) and bool(_FILES.match(pair[0].said))


def _are_pictures(pair: Sequence[Message]) -> bool:
    """The same of what files are too that cannot be written."""
    return _is_seen(pair) and any(isinstance(part, Media) for part in pair[0].parts)


def _is_seen(pair: Sequence[Message]) -> bool:
    """Whether two messages are something given and no more than a word that it was seen."""
    return tuple(message.role for message in pair) == _ROLES and not pair[1].calls and bool(_SEEN.match(pair[1].said))


def _moved(messages: Sequence[Message], places: int) -> tuple[Message, ...]:
    return tuple(
        replace(message, origin=replace(message.origin, index=message.origin.index + places)) if message.origin else message
        for message in messages
    )
