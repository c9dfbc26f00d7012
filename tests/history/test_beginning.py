"""A beginning of a history is read as a copy of it would be, and is none."""

from __future__ import annotations

from itertools import product
from typing import Any

from build import Characters, answer, parsed, say
from test_replay import replay

from token_guard.conversation import Message
from token_guard.history.beginning import Beginning


class Watched(tuple[Message, ...]):
    """A history that counts the messages that are copied out of it."""

    copied = 0

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        if isinstance(place, slice):
            Watched.copied += len(found)
        return found


def test_a_beginning_is_read_as_a_copy_is() -> None:
    history = parsed([say("user", str(number)) for number in range(6)])
    beginning, copy = Beginning(history, 4), history[:4]
    assert (list(beginning), list(reversed(beginning)), len(beginning)) == (list(copy), list(reversed(copy)), 4)
    assert [beginning[place] for place in range(-4, 4)] == [copy[place] for place in range(-4, 4)]
    places = (None, -9, -2, 0, 1, 3, 4, 5, 9)
    assert all(beginning[a:b:c] == copy[a:b:c] for a, b, c in product(places, places, (None, 1, 2, -1)))


def test_a_walk_copies_no_more_of_a_history_than_is_linear_in_its_length() -> None:
    def copied(turns: int) -> int:
        Watched.copied = 0
        talk = [wire for turn in range(turns) for wire in (answer(f"So {turn} of {turns}."), say("user", f"On {turn} of {turns}."))]
        walked = replay(Characters(), 10**9)(Watched(parsed([say("user", "Go."), *talk])))
        assert walked.epochs == 0
        return Watched.copied

    assert copied(200) < 2.5 * copied(100)
