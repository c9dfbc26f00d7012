"""Generated sessions of agent clients: with the guard, none of them is worse off than without.

By default a few of each client. ALL_REQUESTS=1 in the environment has each client work before every window with every reply that it
asks for, some 20,000 requests; CLIENT_REQUESTS=20000 adds so many with windows and replies drawn by chance.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

import pytest
from clients.cases import Case, cases, needed, sent
from clients.laws import LAWS, LAWS_OF_TALK, Law, a_session_has_one_prefix, keeps_its_prefix
from clients.sessions import TURNS, Client, Session, session_of
from clients.table import CLIENTS

WINDOWS = (16_000, 24_000, 32_000, 40_000, 48_000, 64_000, 80_000, 128_000, 200_000)
REPLIES = (None, 256, 1_000, 4_096, 8_192, 16_000, 32_000, 64_000)

ALL = bool(os.environ.get("ALL_REQUESTS"))
DRAWN = int(os.environ.get("CLIENT_REQUESTS", "0"))
EVERY = 1 if DRAWN else 7
"""Turns from one request of a drawn session to the next: where few are looked at, what lies between is found by replay."""

OWN_REPLY = 0.7
"""How often a drawn session asks for replies as its client does by itself."""

LEFT_OUT = [("aider, with a map", a_session_has_one_prefix)]
"""Files that move down every third turn: of 89 turns with one epoch behind them, one begins another history (16,000 tokens, turn 49)."""

EPOCHS_PART = 4
FITTING = 8
"""Exchanges of the usual size that the room has to hold, so that one turn in four suffices for epochs: what brings more needs one
sooner."""


class Run(NamedTuple):
    """A session at a window, and the turns of it that are tried."""

    session: Session
    window: int
    reply: int | None
    turns: Sequence[int] = range(TURNS)


@dataclass
class Findings:
    """Of one client: what each law found, how often it had something to say, and the turns of whole sessions that began anew."""

    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    judged: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    epochs: list[tuple[str, int]] = field(default_factory=list)

    def judge(self, run: Run) -> None:
        begun, last = 0, None
        for case in cases(*run):
            for law in laws_of(case.session.client):
                found = law(case)
                self.judged[law.__name__] += found is not None
                if found:
                    self.wrong[law.__name__].append(case.says(found))
            begun += not keeps_its_prefix(case)
            last = case
        if last and len(run.turns) == TURNS and _can_last(last):
            self.epochs.append((last.says(f"{begun} turns began anew"), begun))


def laws_of(client: Client) -> Sequence[Law]:
    laws = (*LAWS, *LAWS_OF_TALK) if client.kind == "talk" else LAWS
    return [law for law in laws if (client.name, law) not in LEFT_OUT]


def _can_last(case: Case) -> bool:
    return bool(case.fitted) and (case.fitted.report.budget.allowed - case.least) * TURNS >= FITTING * (case.sent.tokens - case.sent.fixed)


def runs(client: Client) -> Iterator[Run]:
    yield from few(client)
    yield from every(client) if ALL else ()
    for seed in range(max(1, DRAWN // TURNS // len(CLIENTS))):
        rng, session = Random(f"{client.name} {seed}"), session_of(client, seed)
        yield Run(session, rng.choice(WINDOWS), drawn_reply(client, rng), range(0, TURNS, EVERY))


def every(client: Client) -> Iterator[Run]:
    replies = client.replies
    yield from (Run(session_of(client, seed), window, reply) for seed, window in enumerate(WINDOWS) for reply in replies)


def few(client: Client) -> Iterator[Run]:
    """A window that the instructions nearly fill, one that can last, and the first turn at all, also with a reply that the client itself
    does not ask for."""
    sessions = [session_of(client, seed) for seed in range(3)]
    for session, choose, reply in zip(sessions, (tight, roomy), (client.replies[0], client.replies[-1]), strict=False):
        yield Run(session, choose(session, reply), reply)
    yield from (Run(sessions[2], window, reply, [0]) for window in WINDOWS for reply in {*client.replies, REPLIES[-1]})


def tight(session: Session, reply: int | None) -> int:
    """The shortest window of which the instructions take less than three quarters."""
    fixed = sent(session, 0, reply).fixed
    return next(window for window in WINDOWS if fixed < 0.75 * window)


def roomy(session: Session, reply: int | None) -> int:
    """The shortest window that allows what has to stay and enough exchanges of the usual size."""
    whole, stays = sent(session, TURNS - 1, reply), needed(session, TURNS - 1, reply).tokens
    room = stays + FITTING * (whole.tokens - whole.fixed) / TURNS
    begun = {window: next(cases(session, window, reply, [0])).fitted for window in WINDOWS}
    return next((window for window, fitted in begun.items() if fitted and fitted.report.budget.allowed >= room), WINDOWS[-1])


def drawn_reply(client: Client, rng: Random) -> int | None:
    """Messages demands a reply's length, and room to think in."""
    reply = rng.choice(client.replies if rng.random() < OWN_REPLY else REPLIES)
    return max(reply or 0, 8_192 if "thinking" in client.options else 256) if client.api == "anthropic.messages" else reply


def findings(name: str) -> Findings:
    found = Findings()
    for run in runs(CLIENTS[name]):
        found.judge(run)
    return found


@pytest.mark.parametrize("name", CLIENTS)
def test_no_client_is_worse_off(name: str) -> None:
    """One test for all laws of a client, so that its sessions are written and fitted once, whichever process runs it."""
    found = findings(name)
    silent = [law.__name__ for law in laws_of(CLIENTS[name]) if not found.judged[law.__name__]]
    assert not silent, "laws that had nothing to judge"
    wrong = [f"{law}, {len(said)} of {found.judged[law]}:\n" + "\n".join(said[:20]) for law, said in found.wrong.items()]
    assert not wrong, "\n\n".join(wrong)
    assert found.epochs
    assert not [said for said, begun in found.epochs if begun > 1 + TURNS // EPOCHS_PART], "after the first, one turn in four at most"
