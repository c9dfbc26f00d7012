"""Whose words a user message holds: the user's own, or what a client, a tool or a page speaks in the user's place.

Agents that know no tool messages send what tools printed as user messages, and clients add reminders, feedback and
"please continue" by themselves. Rules, requests and tasks are read in the user's own words alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from token_guard.conversation import Message, Part, Text
from token_guard.conversation.many import once_for_many
from token_guard.marks import without_references
from token_guard.speech.forms import ASSENT, ASSENT_UNSPACED, FROM_CLIENTS, OBSERVED, USERS_OWN
from token_guard.speech.spoken_calls import SpokenCall, spoken_call

__all__ = ["SpokenCall", "answers", "is_observation", "outputs_of", "own_words", "running_task", "says_little", "speaks", "spoken_call"]

_HEAD: Final = 400
"""Characters at the beginning of a text that tell what it is."""

_FENCE: Final = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_TAG: Final = re.compile(r"^[ \t]*<([A-Za-z][\w.:-]{2,40})\b[^>\n]{0,400}>", re.MULTILINE)
_QUOTED: Final = re.compile(r"^[ \t]*>.*$", re.MULTILINE)

_WORD: Final = re.compile(r"[^\W_](?:[\w'’-]*[^\W_])?")
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

_NUMBER: Final = re.compile(r"\d+")

_SHORT: Final = 12
"""Words: a shorter message goes on from what was said before, which therefore stays with it."""

_UNSPACED_WORD: Final = 2
"""Characters of Chinese, Japanese or Korean that make about one word."""

_MOST_UNCLOSED: Final = 40
"""Tags without an end after which a text is taken for something else than tagged blocks."""

_REACH: Final = 40_000
"""Characters behind the end of a tagged block in which another end of it is looked for: longer texts are no prose (rules.MOST_PROSE)."""

_MOST: Final = 4
"""Messages that make up a task at most: the one that asks for it, and what was added since."""

_OPENING: Final = 32
"""Characters by which messages of one make are known again."""

_TELLING: Final = 8
"""Characters below which an opening says nothing."""

_REPEATED: Final = 3
"""So many messages that begin alike are a client's, not a person's."""

_MANY: Final = 16_384
"""Short texts whose reading is remembered: which task is running is asked again at every compaction of a history of thousands."""


def own_words(text: str) -> str:
    r"""The user's own prose in a text: without fenced and quoted text, tagged blocks, and outputs.

    >>> own_words("Mend this:\n```\nnever touch a.py\n```\nand <b>quickly</b>")
    'Mend this:\n\nand <b>quickly</b>'
    >>> own_words("<system-reminder>\nDo it.\n</system-reminder>"), own_words("Observation: 3 rows")
    ('', '')
    """
    return _short_own_words(text) if len(text) <= _HEAD else _own_words(text)


def _own_words(text: str) -> str:
    if OBSERVED.match(text, 0, _HEAD):
        return ""
    text = without_references(text)
    if "```" in text or "~~~" in text:
        text = _unfenced(text)
    if "<" in text:
        text = _untagged(text)
    return (_QUOTED.sub("", text) if ">" in text else text).strip()


_short_own_words = lru_cache(maxsize=_MANY)(_own_words)


def is_observation(message: Message) -> bool:
    """Whether a user message is what a tool printed, as agents without tool messages send it."""
    return message.role == "user" and not message.results and bool(OBSERVED.match(_first(message), 0, _HEAD))


def answers(message: Message, turn: Message) -> bool:
    """Whether a message is what a tool printed for a turn that made its call in words."""
    return turn.role == "assistant" and not turn.calls and is_observation(message)


def outputs_of(message: Message) -> tuple[str, ...]:
    """The texts that tools printed in a message: its results, or all of it where it is an observation."""
    if is_observation(message):
        return (message.said,)
    return tuple(result.text for result in message.results)


def speaks(message: Message) -> bool:
    """Whether the user says something in a message that asks for more than to go on."""
    words = _spoken(message)
    return bool(words) and not _is_clients(words) and not _only_assents(words)


def says_little(message: Message) -> bool:
    """Whether a message has a few words, which go on from what was said before."""
    return _is_short(_spoken(message))


def running_task(messages: Sequence[Message]) -> tuple[int, ...]:
    """Places of the user messages that say what is being worked on now, oldest first.

    The newest message in which a user asks for work, with what was added to it since in few words. What clients send by
    themselves is skipped, as is what only says to go on; nothing where nobody asked for anything.

    >>> from token_guard.conversation import Origin
    >>> texts = ("Write the export: one file a tenant, semicolons, UTF-8, and skip the suspended ones.", "Yes, go on.")
    >>> parts = [(Text(text),) for text in texts]
    >>> running_task([Message("user", part, origin=Origin(place, {}, part, ())) for place, part in enumerate(parts)])
    (0,)
    """
    spoken = {place: _spoken(message) for place, message in enumerate(messages) if message.role == "user" and message.origin}
    first = next((_opening(words) for words in spoken.values() if words), "")
    alike = _alike(spoken.values()) - {first}  # what begins like the task that opened the session is a task
    found: list[int] = []
    for place in sorted(spoken, reverse=True):
        words = spoken[place]
        if not words or _is_clients(words) or _opening(words) in alike or _only_assents(words):
            continue
        if found and not _answered(messages, place, found[-1]):
            break
        found.append(place)
        if len(found) == _MOST or not _is_short(words):
            break
    return tuple(reversed(found))


def _answered(messages: Sequence[Message], place: int, later: int) -> bool:
    """Whether there was a reply between two places, or may have been one in what was taken out there: what is said before any is a
    document or a transcript, and no task."""
    first, last = messages[place].index, messages[later].index
    between = [messages[number] for number in range(place + 1, later)]
    whole = first is None or last is None or last - first == 1 + sum(1 for message in between if message.index is not None)
    return not whole or any(message.role == "assistant" for message in between)


def _first(message: Message) -> str:
    if len(message.parts) == 1:
        return message.said if message.said.strip() else ""
    words = (part.text for part in message.parts if isinstance(part, Text) and not part.attached)
    return next((text for text in words if text.strip()), "")


def _spoken(message: Message) -> str:
    """The user's own words in a message of the client's, without what the guard added."""
    parts = message.origin.parts if message.origin else message.parts
    if len(parts) == 1 and isinstance(part := parts[0], Text):
        return "" if part.attached else own_words(part.text)
    return _spoken_in(parts)


@once_for_many
def _spoken_in(parts: tuple[Part, ...]) -> str:
    return "\n".join(filter(None, (own_words(part.text) for part in parts if isinstance(part, Text) and not part.attached)))


def _unfenced(text: str) -> str:
    """A text without its fenced blocks. Where fences do not pair, one of them stands in what is fenced: all between the first and the
    last, or, where there is but one, the end of the text, is taken as quoted."""
    fences = [match.start() for match in _FENCE.finditer(text)]
    if len(fences) % 2:
        fences = [fences[0], fences[-1]] if len(fences) > 1 else [*fences, len(text)]
    kept, start = [], 0
    for opens, closes in _pairs(fences):
        kept.append(text[start:opens])
        end = text.find("\n", closes)
        start = end if end >= 0 else len(text)
    return "".join([*kept, text[start:]])


def _pairs(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    return zip(places[::2], places[1::2], strict=True)


def _untagged(text: str) -> str:
    """A text without the tagged blocks that begin its lines; of those that hold the user's words, the words. A block ends where its name
    is closed for the last time before it is opened again: what is quoted in it may close it, too."""
    kept, start = [], 0
    unclosed: set[str] = set()
    while len(unclosed) < _MOST_UNCLOSED and (tag := _TAG.search(text, start)) is not None:
        name = tag.group(1)
        end = -1 if name in unclosed else _last_close(text, name, tag.end())
        if end < 0:
            unclosed.add(name)
            kept.append(text[start : tag.end()])
            start = tag.end()
            continue
        kept.append(text[start : tag.start()])
        if name.lower() in USERS_OWN:
            kept.append(text[tag.end() : end])
        closed = text.find(">", end)
        start = closed + 1 if closed >= 0 else len(text)
    return "".join([*kept, text[start:]])


def _last_close(text: str, name: str, start: int) -> int:
    """Where the block that begins at `start` is closed; -1 where it is not."""
    first = text.find(f"</{name}", start)
    end = first + _REACH
    again = text.find(f"<{name}", first, end) if first >= 0 else -1
    return text.rfind(f"</{name}", start, again if again >= 0 else end) if first >= 0 else -1


def _is_clients(words: str) -> bool:
    return bool(FROM_CLIENTS.match(words, 0, _HEAD))


def _only_assents(words: str) -> bool:
    """Whether words say no more than to go on.

    >>> _only_assents("Yes, go on."), _only_assents("Ja, bitte weiter!"), _only_assents("好的 继续"), _only_assents("Yes, but in French")
    (True, True, True, False)
    """
    if len(words) > _HEAD:
        return False
    rest = ASSENT_UNSPACED.sub("", words)
    if _UNSPACED.search(rest):
        return False
    return all(word.lower().replace("’", "'") in ASSENT for word in _WORD.findall(rest))


def _is_short(words: str) -> bool:
    return _length(words) <= _SHORT


def _length(words: str) -> int:
    """About how many words there are."""
    head = words[: 40 * _SHORT]
    unspaced = len(_UNSPACED.findall(head))
    return unspaced // _UNSPACED_WORD + len(_WORD.findall(_UNSPACED.sub(" ", head)))


def _opening(words: str) -> str:
    return _short_opening(words) if len(words) <= _HEAD else _short_opening(words[: 2 * _OPENING])


@lru_cache(maxsize=_MANY)
def _short_opening(words: str) -> str:
    return _NUMBER.sub("0", words[: 2 * _OPENING])[:_OPENING].lower()


def _alike(spoken: Iterable[str]) -> frozenset[str]:
    """How messages begin of which there are several."""
    openings = Counter(_opening(words) for words in spoken if len(words) >= _TELLING)
    return frozenset(opening for opening, times in openings.items() if times >= _REPEATED)
