"""The law over generated sessions of real clients' shapes: with the guard, no client is ever worse off than without it.

A few sessions here; by hand `CLIENT_REQUESTS=20000 pytest tests/clients` tries so many requests.
"""

from __future__ import annotations

import os
from itertools import pairwise
from random import Random

import pytest
from clients.eventful.laws import Case, broken, tried
from clients.eventful.sessions import Session, Shape, session_of
from clients.eventful.table import SHAPES

from token_guard import Guard, Settings

WINDOWS = (16_000, 24_000, 32_000, 40_000, 48_000, 64_000, 80_000, 128_000, 200_000)
REPLIES = (None, 256, 1_000, 4_096, 8_192, 16_000, 32_000, 64_000)
TURNS = 60
REQUESTS = int(os.environ.get("CLIENT_REQUESTS", "0"))
SESSIONS = max(1, REQUESTS // TURNS // len(SHAPES))
EVERY = 1 if REQUESTS else 7
"""Turns from one request that is looked at to the next: where few are, what lies between is found by replay."""

OWN_REPLY = 0.7
"""How often a session asks for replies as its client does by itself."""

MOST_EPOCHS = 0.25
"""Of the turns after the first compaction, those with another one."""

FITTING = 8
"""Exchanges of the usual size that the room has to hold, so that the number of epochs can be held at a quarter of the turns."""


def guarded() -> Guard:
    return Guard(Settings(store="memory:"))


def reply_of(shape: Shape, rng: Random) -> int | None:
    """The reply that a session asks for: Messages demands one, and room to think in."""
    reply = rng.choice(shape.replies if rng.random() < OWN_REPLY else REPLIES)
    return max(reply or 0, 8_192 if "thinking" in shape.name else 256) if shape.api == "anthropic.messages" else reply


def sessions(name: str) -> list[tuple[Session, int, int | None]]:
    """Sessions of a client with the windows and replies that each is tried with."""
    shape = SHAPES[name]
    rngs = [Random(f"{name} {seed}") for seed in range(SESSIONS)]
    return [(session_of(shape, seed, TURNS), rng.choice(WINDOWS), reply_of(shape, rng)) for seed, rng in enumerate(rngs)]


def cases(name: str) -> list[Case]:
    guards = ((guarded(), *each) for each in sessions(name))
    return [tried(guard, session, turn, window, reply) for guard, session, window, reply in guards for turn in range(0, TURNS, EVERY)]


@pytest.mark.parametrize("name", SHAPES)
def test_no_request_of_a_client_is_worse_off(name: str) -> None:
    found = [f"{case.where}: {words}" for case in cases(name) for words in broken(case)]
    assert not found, f"{len(found)} broken: " + "\n".join(found[:10])


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape.kind != "talk"])
def test_a_session_is_compacted_on_at_most_one_turn_in_four(name: str) -> None:
    """A pair programmer that shows its files anew begins a new history with each, and is left out."""
    seen = [case for each in sessions(name) for case in epochs(*each)]
    found = [f"{turns[0].where}: {share:.2f} of the turns" for turns in seen if (share := share_of_epochs(turns)) > MOST_EPOCHS]
    assert not found, "\n".join(found)


def epochs(session: Session, window: int, reply: int | None) -> list[list[Case]]:
    """The turns of a session from its first compaction on; none where its window holds too little of it to tell."""
    guard = guarded()
    turns = [tried(guard, session, turn, window, reply) for turn in range(TURNS)]
    begun = next((place for place, case in enumerate(turns) if case.fitted and case.fitted.report.epochs), TURNS)
    later = [case for case in turns[begun:] if case.fitted]
    if len(later) < FITTING or not has_room(later[-1]):
        return []
    return [later]


def has_room(case: Case) -> bool:
    assert case.fitted
    usual = (case.prompt - case.fixed) / (case.turn + 1)
    return case.fitted.report.budget.allowed - case.least_estimate >= FITTING * usual


def share_of_epochs(turns: list[Case]) -> float:
    counts = [case.fitted.report.epochs for case in turns if case.fitted]
    return sum(later > earlier for earlier, later in pairwise(counts)) / max(1, len(counts) - 1)
