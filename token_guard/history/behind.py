"""What a client writes anew on each turn beside its history: files of the chat, a map of the repository, reminders at the end."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final

from token_guard.compaction import Counter
from token_guard.conversation import Media, Message, Origin, Text
from token_guard.history.replay import Replayed
from token_guard.history.thresholds import Levels

__all__ = ["Behind", "behind"]

_FILES: Final = re.compile(
    r"\s{0,100}(?:(?:i have|these files have been) \*added these files to the chat\*"
    r"|here are (?:some read only files, provided for your reference|summaries of some files present in my git repository)"
    r"|i am not sharing (?:any files that you can edit|the full contents of any files)"
    r"|don't try and edit any existing code without asking me to add the files)",
    re.IGNORECASE,
)
"""How aider begins what it writes anew on each turn (its prompts `files_content_prefix`, `read_only_files_prefix`, `repo_content_prefix`,
`files_no_full_files` and `files_no_full_files_with_repo_map`)."""

_SEEN: Final = re.compile(r"\s{0,100}ok\b", re.IGNORECASE)

_ROLES: Final = ("user", "assistant")

_REMINDER: Final = 200
"""Characters from which on the end of the newest question is a reminder, where the instructions end alike: no question does by chance."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A history without what is written anew beside it, each message in the place that it has without that; what is written anew, each
    with the place of the history before which it stands; and the newest question as it came, with a reminder that leaves it again."""

    history: tuple[Message, ...]
    beside: tuple[tuple[int, Message], ...]
    asked: Message

    def tokens(self, counter: Counter) -> int:
        """How many tokens what is written anew takes beside the history."""
        return counter.messages([*(message for _, message in self.beside), self.asked]) - counter.message(self.history[-1])

    def put_back(self, replayed: Replayed, tokens: int) -> Replayed:
        """What became of the history, and what is beside it, of so many tokens, before the oldest left of what it stood before."""
        at = replayed.levels
        return replace(
            replayed,
            messages=tuple(self._joined(replayed.messages)),
            tokens=replayed.tokens + tokens,
            history_tokens=replayed.history_tokens + tokens,
            levels=Levels(at.trigger + tokens, at.target + tokens),
        )

    def _joined(self, messages: Sequence[Message]) -> Iterator[Message]:
        waiting = deque(self.beside)
        for message in messages:
            while waiting and message.index is not None and waiting[0][0] <= message.index:
                yield waiting.popleft()[1]
            yield _moved(self._reminded(message), len(self.beside) - len(waiting))
        yield from (message for _, message in waiting)

    def _reminded(self, message: Message) -> Message:
        """The newest question with its reminder, and any other message as it is; words that recall added come last."""
        bare = self.history[-1]
        if message.index != bare.index or self.asked.parts == bare.parts or message.parts[: len(bare.parts)] != bare.parts:
            return message
        return replace(message, parts=(*self.asked.parts, *message.parts[len(bare.parts) :]), origin=_placed(self.asked, message.index))


def behind(messages: Sequence[Message]) -> Behind | None:
    """A history and what is written anew beside it; None where there is no such thing.

    Were it part of the history, no earlier request would be a beginning of this one, and all of it were compacted anew each turn; and
    files would be compacted away that the client sends for them to be there.
    """
    end = len(messages)
    while end and messages[end - 1].role == "system":
        end -= 1
    if not end or messages[end - 1].role != "user":
        return None
    beside = {place for start in _files(messages[:end]) for place in (start, start + 1)}
    if not beside or min(beside) == 0:
        return None
    beside.update(range(end, len(messages)))
    history, aside = list[Message](), list[tuple[int, Message]]()
    for place, message in enumerate(messages):
        if place in beside:
            aside.append((len(history), message))
        else:
            history.append(_moved(message, -len(aside)))
    asked = history.pop()
    return Behind((*history, _without_reminder(asked, messages)), tuple(aside), asked)


def _files(messages: Sequence[Message]) -> Iterator[int]:
    """Where files stand with a word that they were seen, and pictures right behind files."""
    ends = 0
    for place in range(len(messages) - 2):
        given, seen = messages[place : place + 2]
        if (given.role, seen.role) != _ROLES or seen.calls or not _SEEN.match(seen.said):
            continue
        if _FILES.match(given.said) or (ends == place and any(isinstance(part, Media) for part in given.parts)):
            ends = place + 2
            yield place


def _without_reminder(asked: Message, messages: Sequence[Message]) -> Message:
    """A question without the words at its end by which the instructions end as well."""
    rules = next((message.said for message in messages if message.instructs), "")
    if len(asked.parts) != 1 or not isinstance(asked.parts[0], Text):
        return asked
    said = asked.parts[0].text
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(reversed(rules), reversed(said), strict=False)))
    _, _, reminder = said[len(said) - alike :].partition("\n")
    words = said.removesuffix(reminder).removesuffix("\n").removesuffix("\n")
    if len(reminder) < _REMINDER or not words.strip():
        return asked
    parts = (Text(words),)
    return replace(asked, parts=parts, origin=replace(asked.origin, parts=parts) if asked.origin else None)


def _moved(message: Message, places: int) -> Message:
    return replace(message, origin=_placed(message, message.index + places)) if places and message.index is not None else message


def _placed(message: Message, index: int | None) -> Origin | None:
    return replace(message.origin, index=index) if message.origin and index is not None else message.origin
