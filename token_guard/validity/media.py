"""Images and files beyond what a provider takes in one request: the oldest become a few words, the newest stay.

They go in batches, down to half of the limit, at the message that went beyond it: what was taken out stays out on every later
turn, and the messages before the next batch stay as they are, for the prompt cache.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from token_guard.conversation import Media, Message, Part, Text, ToolResult
from token_guard.marks import mark
from token_guard.validity.profiles import Profile

__all__ = ["attachments", "within_media_limits"]

KEPT = 0.5
"""A batch leaves this share of the limit."""


class _Place(NamedTuple):
    message: int
    part: int
    inner: int | None
    media: Media


@dataclass(slots=True)
class _Load:
    """What a request holds of that for which there are limits."""

    images: int = 0
    bytes: int = 0

    def add(self, media: Media, times: int) -> None:
        self.images += times * (media.kind == "image")
        self.bytes += times * len(media.source)

    def fits(self, profile: Profile, share: float) -> bool:
        found = ((self.images, profile.max_images), (self.bytes, profile.max_media_bytes))
        return all(most is None or value <= share * most for value, most in found)


def within_media_limits(messages: tuple[Message, ...], profile: Profile) -> tuple[Message, ...]:
    """The messages with no more images and bytes of media than models of this family take in one request.

    The media of the message that goes beyond a limit all stay, even where they alone are too many. The same object where all have room.
    """
    if profile.max_images is profile.max_media_bytes is None:
        return messages
    held: deque[_Place] = deque()
    gone: list[_Place] = []
    load = _Load()
    for number, message in enumerate(messages):
        new = _media_of(number, message)
        for place in new:
            load.add(place.media, 1)
        if new and not load.fits(profile, 1.0):
            while held and not load.fits(profile, KEPT):
                gone.append(held.popleft())
                load.add(gone[-1].media, -1)
        held.extend(new)
    return _without(messages, gone) if gone else messages


def attachments(messages: Sequence[Message]) -> int:
    """How many images, sounds and files messages have."""
    return sum(len(_media_of(number, message)) for number, message in enumerate(messages))


def _media_of(number: int, message: Message) -> list[_Place]:
    found: list[_Place] = []
    for place, part in enumerate(message.parts):
        if isinstance(part, Media):
            found.append(_Place(number, place, None, part))
        elif isinstance(part, ToolResult):
            found += [_Place(number, place, inner, one) for inner, one in enumerate(part.content) if isinstance(one, Media)]
    return found


def _without(messages: Sequence[Message], gone: Sequence[_Place]) -> tuple[Message, ...]:
    done = list(messages)
    for place in gone:
        message = done[place.message]
        done[place.message] = message.with_part(place.part, _told(message.parts[place.part], place))
    return tuple(done)


def _told(part: Part, place: _Place) -> Part:
    words = Text(mark(f"{place.media.kind} taken out"))
    if place.inner is None or not isinstance(part, ToolResult):
        return words
    return replace(part, content=(*part.content[: place.inner], words, *part.content[place.inner + 1 :]))
