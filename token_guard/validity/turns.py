"""Whose turn it is: compaction leaves notes and gaps between messages, and some models demand that user and assistant take turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from token_guard.conversation import Media, Message, Part, Text, ToolCall, ToolResult
from token_guard.marks import in_plain_brackets, mark
from token_guard.validity.profiles import Profile
from token_guard.validity.rules import in_a_row, runs, speaker

__all__ = ["SHORT_REPLY", "adapted", "alternating", "parted"]

GAP = mark("words of the user's were taken out here")

REPLY_CHARS = 400
"""So much is left of a reply that has to stand behind calls that stayed, where it was taken out itself."""

SHORT_REPLY = 60
"""And so much where there is little room."""


def adapted(profile: Profile, before: Sequence[Message], after: tuple[Message, ...]) -> tuple[Message, ...]:
    """What compaction made of `before`, as models of this family want it; the same object where there is nothing to do."""
    done = alternating(before, after) if profile.alternates else after
    done = tuple(map(_in_plain_brackets, done)) if profile.plain_marks else done
    return after if done == after else done


def _in_plain_brackets(message: Message) -> Message:
    if not message.edited:
        return message
    old = message.origin.parts if message.origin else ()
    parts = (part if part in old else _plain_part(part) for part in message.parts)
    return replace(message, parts=tuple(parts))


def _plain_part(part: Part) -> Part:
    if isinstance(part, Text):
        return Text(in_plain_brackets(part.text))
    if isinstance(part, ToolCall):
        return replace(part, arguments=in_plain_brackets(part.arguments))
    if isinstance(part, ToolResult):
        return replace(part, content=tuple(Text(in_plain_brackets(one.text)) if isinstance(one, Text) else one for one in part.content))
    return part


def alternating(before: Sequence[Message], after: Sequence[Message]) -> tuple[Message, ...]:
    """The messages with user and assistant taking turns wherever the client's own do.

    A note joins the user's message beside it; two messages of the user's between which all is gone become one; where only the
    reply is gone, its beginning comes back; between two replies a note says what is gone. Two of the client's own between which no
    reply ever stood stay apart, with the calls between them: what a template takes from the client, it takes from us. The same for
    every later turn, as it goes from the oldest to the newest.
    """
    own = runs(before)
    last_turn = next((message.index for message in reversed(before) if message.role == "assistant"), None)
    done: list[Message] = []
    for message in after:
        place = _last_speaking(done)
        again = place is not None and speaker(done[place]) == speaker(message)
        if done and _runs_on(done[-1], message):
            done += [Message("user", (Text(GAP),)), message]
        elif place is None or not again or in_a_row(own, done[place].index, message.index):
            done.append(message)
        elif message.role == "assistant":
            done += [Message("user", (Text(GAP),)), message]
        else:
            done[place:] = _joined(before, done[place], done[place + 1 :], message, last_turn)
    return tuple(done)


def parted(before: Sequence[Message], after: tuple[Message, ...], chars: int = REPLY_CHARS) -> tuple[Message, ...]:
    """The messages with a reply between tool results and what the user says right behind them, where one stood there: its beginning
    comes back. The same object where nothing is missing."""
    done: list[Message] = []
    for message in after:
        if done and done[-1].results and message.role == "user" and not message.results and message.index is not None:
            done += _reply(before, done[-1], message, chars)
        done.append(message)
    return after if len(done) == len(after) else tuple(done)


def _runs_on(reply: Message, message: Message) -> bool:
    """Whether calls come right behind a reply of an earlier turn: some wires would read both as one message."""
    return speaker(reply) == "assistant" and bool(message.calls) and (message.index or 0) != (reply.index or 0) + 1


def _last_speaking(messages: Sequence[Message]) -> int | None:
    return next((place for place in range(len(messages) - 1, -1, -1) if speaker(messages[place])), None)


def _joined(before: Sequence[Message], first: Message, between: Sequence[Message], second: Message, last_turn: int | None) -> list[Message]:
    """Two messages of the user's side as one, with what may stand between them."""
    if second.index is None:
        return [_with_words(first, second.text), *between]
    if first.results or any(message.index == last_turn for message in between) or not any(isinstance(part, Text) for part in second.parts):
        return [first, *between, second]
    if any(not message.instructs for message in between):
        return [first, *between, *_reply(before, between[-1], second), second]
    return [*between, _after_words(second, _words(first))]


def _reply(before: Sequence[Message], after: Message, asked: Message, chars: int = REPLY_CHARS) -> Iterator[Message]:
    """The last reply that stood between two messages, as far as its turn needs it."""
    for message in reversed(before[after.index or 0 : asked.index]):
        if speaker(message) == "assistant" and message.said.strip():
            if message.reasons:  # its provider has signed the whole of it
                yield message
                return
            words = message.said
            cut = f"{words[:chars].rpartition(' ')[0] or words[:chars]} …" if len(words) > chars else words
            yield replace(message, parts=(Text(cut),))
            return


def _words(message: Message) -> str:
    media = sum(isinstance(part, Media) for part in message.parts)
    return "\n\n".join(filter(None, (message.said, mark(f"{media:,} attachments were taken out here") if media else "")))


def _with_words(message: Message, words: str) -> Message:
    if message.index is None:
        return Message(message.role, (Text(f"{message.text}\n\n{words}"),))
    return replace(message, parts=(*message.parts, Text(words)))


def _after_words(message: Message, words: str) -> Message:
    place = next(place for place, part in enumerate(message.parts) if isinstance(part, Text))
    return message.with_part(place, Text(f"{words}\n\n{next(_texts(message))}"))


def _texts(message: Message) -> Iterator[str]:
    return (part.text for part in message.parts if isinstance(part, Text))
