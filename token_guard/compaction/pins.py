"""Which messages a compaction leaves where they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

from token_guard.compaction.plans import loaded_rules, newest_plan
from token_guard.compaction.units import units_of
from token_guard.conversation import Exchange, Message
from token_guard.conversation.many import once_in_a_row
from token_guard.marks import is_note
from token_guard.speech import running_task

__all__ = ["Pins", "droppable", "head", "in_turn", "pinned", "pins", "tail_start"]

EXAMPLE = 500
"""Characters of an opening question up to which it may be an example; a longer one holds what later ones are about."""


def tail_start(messages: Sequence[Message]) -> int:
    """Where the last assistant turn begins: from there on everything is still being worked on."""
    return next((place for place in range(len(messages) - 1, -1, -1) if messages[place].role == "assistant"), len(messages))


def head(messages: Sequence[Message]) -> list[Message]:
    """What every compaction leaves at the beginning: instructions, the task, notes of earlier compactions."""
    messages = tuple(messages)  # read many times over
    start, stays = tail_start(messages), pinned(messages)
    return [message for place, message in enumerate(messages[:start]) if place in stays or is_note(message)]


@dataclass(frozen=True, slots=True)
class Pins:
    """Places that stay, by why: instructions; the messages that open the work; the running task; the newest plan; rules that were
    loaded; tools that were loaded, which later calls are of; the user's last words; calls that wait for their results; the last turn."""

    instructions: frozenset[int]
    opening: frozenset[int]
    task: frozenset[int]
    plan: frozenset[int]
    rules: frozenset[int]
    tools: frozenset[int]
    last_words: frozenset[int]
    awaiting: frozenset[int]
    newest: frozenset[int]

    @property
    def all(self) -> frozenset[int]:
        return frozenset().union(*(getattr(self, kind.name) for kind in fields(self)))

    @property
    def last(self) -> frozenset[int]:
        """What stays even where nothing else has room."""
        return self.instructions | self.last_words | self.awaiting | self.newest


def pinned(messages: Sequence[Message]) -> frozenset[int]:
    """Places that stay, for whatever reason."""
    return pins(messages).all


@once_in_a_row
def pins(messages: Sequence[Message]) -> Pins:
    """The places that every compaction leaves where they are.

    Words of the user's beside tool results may be a question or a client's reminder: the last such message stays as well.
    """
    by_user = [(place, message) for place, message in enumerate(messages) if message.role == "user" and not is_note(message)]
    users = [place for place, message in by_user if not message.results]
    asks = [place for place, message in by_user if message.asks]
    task = running_task(messages)
    return Pins(
        instructions=frozenset(place for place, message in enumerate(messages) if message.instructs),
        opening=frozenset(_opening(messages, users, task)),
        task=frozenset(task),
        plan=frozenset(newest_plan(messages)),
        rules=frozenset(loaded_rules(messages)),
        tools=frozenset(place for place, message in enumerate(messages) if message.origin and message.origin.loads_tools),
        last_words=frozenset([*users[-1:], *asks[-1:]]),
        awaiting=frozenset(_awaiting(messages)),
        newest=frozenset(range(tail_start(messages), len(messages))),
    )


def _opening(messages: Sequence[Message], users: Sequence[int], task: Sequence[int]) -> Sequence[int]:
    """The user messages that open the conversation: the first, which may be a client's own preamble, and the one that the first
    reply answers. Not so a few words that were answered in words, before another began: that is an example, or small talk."""
    first_reply = next((place for place, message in enumerate(messages) if message.role == "assistant"), len(messages))
    opening = [place for place in users if place < first_reply]
    # a reply of the last turn stays, and a history opens with the user
    answered = first_reply < tail_start(messages) and not messages[first_reply].calls
    if answered and task and task[0] > first_reply and all(len(messages[place].said) <= EXAMPLE for place in opening):
        return ()
    return [*users[:1], *opening[-1:]]


def _awaiting(messages: Sequence[Message]) -> Sequence[int]:
    """Places of calls whose results are still to come: Responses takes them later than in the next messages."""
    awaiting: dict[str, int] = {}
    for place, message in enumerate(messages):
        for result in message.results:
            awaiting.pop(result.call_id, None)
        for call in message.calls:
            awaiting[call.id] = place
    return tuple(awaiting.values())


def droppable(messages: Sequence[Message], stays: frozenset[int] | None = None) -> tuple[tuple[Exchange, frozenset[int]], ...]:
    """Exchanges without a message that `stays` (else: that is pinned), each with the places of the exchanges that have to go before it.

    A turn with reasoning holds the reasoning-less turns of its loop that follow it: were it dropped first,
    the loop would open without the reasoning that providers demand. And the user's words before a turn with
    reasoning hold the replies before them: were they dropped first, both turns would be read as one, with reasoning inside it.
    """
    stays = pinned(messages) if stays is None else stays
    units = units_of(messages)
    held = {**_held(units), **_parting(units)}
    free = (unit for unit in units if stays.isdisjoint(range(unit.start, unit.stop)) and not is_note(unit.messages[0]))
    return tuple((unit, held[unit.start]) for unit in free)


def in_turn(units: Iterable[tuple[Exchange, frozenset[int]]]) -> Iterator[Exchange]:
    """Those of the droppable exchanges, in the order given, that may go once all before them are gone."""
    gone: set[int] = set()
    for unit, held in units:
        if held <= gone:
            yield unit
            gone.update(range(unit.start, unit.stop))


def _held(units: Sequence[Exchange]) -> dict[int, frozenset[int]]:
    held: dict[int, frozenset[int]] = {}
    following: list[int] = []
    for unit in reversed(units):
        opener = unit.messages[0]
        held[unit.start] = frozenset(following) if opener.reasons else frozenset()
        if opener.role == "user" or opener.reasons:
            following = []
        elif opener.role == "assistant":
            following.append(unit.start)
    return held


def _parting(units: Sequence[Exchange]) -> dict[int, frozenset[int]]:
    held: dict[int, frozenset[int]] = {}
    replies: list[int] = []
    for unit, following in pairwise(units):
        if is_note(unit.messages[0]):
            replies = []
        elif unit.messages[-1].role == "assistant":
            replies.append(unit.start)
        elif unit.messages[0].role == "user" and following.messages[0].reasons:
            held[unit.start] = frozenset(replies)
    return held
