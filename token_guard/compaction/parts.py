"""What is left to do where no part can be cut any shorter: many small parts lose their middle, as one long text would, and
attachments become a few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from token_guard.compaction import Counter
from token_guard.conversation import Media, Message, Omitted, Part, Text, ToolResult
from token_guard.marks import mark

__all__ = ["part_tokens", "without_attachments", "without_middle"]

GONE = mark("attachments were taken out here, as they do not fit the context window")

FEWEST = 3
"""Parts of a message that have a middle."""


def part_tokens(message: Message, part: Part, counter: Counter) -> int:
    """What a part counts in its message: the rest of it need not be read for that."""
    return counter.message(replace(message, parts=(part,))) - counter.message(replace(message, parts=()))


def without_middle(
    messages: tuple[Message, ...], places: Sequence[tuple[int, int]], allowed: int, counter: Counter, head_share: float
) -> tuple[Message, ...]:
    """The messages in at most `allowed` tokens as far as whole texts among these places make the difference: of the message that has
    most of them first, the first ones and the last ones stay, and between them stands how many are missing."""
    excess = counter.messages(messages) - allowed if places else 0
    if excess <= 0:
        return messages
    texts: dict[int, list[int]] = {}
    for number, place in places:
        part = messages[number].parts[place]
        if isinstance(part, Text) and not part.attached:
            texts.setdefault(number, []).append(place)
    done = list(messages)
    for number in sorted(texts, key=lambda number: (-len(texts[number]), number)):
        if excess <= 0 or len(texts[number]) < FEWEST:
            break
        done[number] = _thinned(messages[number], sorted(texts[number]), excess, counter, head_share)
        excess -= counter.message(messages[number]) - counter.message(done[number])
    return tuple(done)


def _thinned(message: Message, places: Sequence[int], excess: int, counter: Counter, head_share: float) -> Message:
    one, two = (replace(message, parts=(Text(""),) * count) for count in (1, 2))
    frame = counter.message(two) - counter.message(one)
    sizes = [frame + counter.text(part.text) for place in places if isinstance(part := message.parts[place], Text)]
    told = _told(message, places)
    room = sum(sizes) - excess - part_tokens(message, told, counter)
    first = _within(sizes, int(room * head_share))
    last = _within(sizes[first:][::-1], int(room * (1 - head_share)))
    gone = places[first : len(places) - last]
    if not gone or room + excess <= 0:
        return message
    parts = list(message.parts)
    parts[gone[0]] = _told(message, gone)
    for place in gone[1:]:
        parts[place] = Omitted()
    return replace(message, parts=tuple(parts))


def _within(sizes: Sequence[int], room: int) -> int:
    return sum(1 for total in accumulate(sizes) if total <= room)


def _told(message: Message, gone: Sequence[int]) -> Text:
    characters = sum(len(part.text) for place in gone if isinstance(part := message.parts[place], Text))
    return Text(mark(f"{len(gone):,} parts, {characters:,} characters omitted here"))


def without_attachments(messages: tuple[Message, ...], allowed: int, counter: Counter) -> tuple[Message, ...]:
    """The messages in at most `allowed` tokens as far as attachments make the difference: of those that users and tools brought, the
    oldest go first."""
    excess = counter.messages(messages) - allowed
    done = list(messages)
    for number, message in enumerate(messages):
        if excess > 0 and message.role in ("user", "tool") and not message.reasons:
            done[number] = _without_media(message, excess, counter)
            excess -= counter.message(message) - counter.message(done[number])
    return tuple(done)


def _without_media(message: Message, excess: int, counter: Counter) -> Message:
    """Of several that go together, the first says so for all."""
    parts, said = list(message.parts), False
    for place, part in enumerate(message.parts):
        new = _without_medium(part, said)
        if excess > 0 and new != part:
            excess -= part_tokens(message, part, counter) - part_tokens(message, new, counter)
            parts[place], said = new, said or isinstance(part, Media)
    return replace(message, parts=tuple(parts))


def _without_medium(part: Part, said: bool) -> Part:
    if isinstance(part, Media):
        return Omitted() if said else Text(GONE)
    if isinstance(part, ToolResult) and part.has_media:
        return replace(part, content=tuple(Text(GONE) if isinstance(one, Media) else one for one in part.content))
    return part
