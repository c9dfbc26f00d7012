"""Generated sessions of agent clients: with the guard, none of them is worse off than without."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import pytest
from clients.laws import LAWS, Answer, answers, keeps_its_prefix
from clients.shapes import TURNS, Session
from clients.writers import CLIENTS

WINDOWS = (16_000, 32_000, 40_000, 48_000, 64_000, 80_000, 128_000, 200_000)

ALL = bool(os.environ.get("ALL_REQUESTS"))
"""All of some 20,000 requests, or a sample for the two cores of an ordinary day."""

SEEDS = range(1, 3 if ALL else 2)
EPOCHS_PART = 4


@dataclass
class Findings:
    """Of one client: what each law found, how often it had something to say, and the turns of whole sessions that began anew."""

    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    judged: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    epochs: list[tuple[str, int]] = field(default_factory=list)

    def judge(self, answer: Answer) -> None:
        for law in LAWS:
            found = law(answer)
            self.judged[law.__name__] += found is not None
            if found:
                self.wrong[law.__name__].append(answer.says(found))


def _whole_sessions(name: str) -> Iterator[tuple[Session, int, int | None]]:
    """All of them, or one at a window that the instructions nearly fill and one where they take two fifths or less."""
    client = CLIENTS[name]
    sessions = [Session(client, seed) for seed in SEEDS]
    for place, window in enumerate(WINDOWS if ALL else _tight_and_roomy(sessions[0])):
        for reply in client.replies if ALL else client.replies[place % len(client.replies) :][:1]:
            yield from ((session, window, reply) for session in sessions)


def _tight_and_roomy(session: Session) -> tuple[int, int]:
    fixed = next(answers(session, WINDOWS[-1], None, turns=1)).sent.fixed
    tight = next(window for window in WINDOWS if fixed < 0.75 * window)
    return tight, next(window for window in WINDOWS if window > tight and 2.5 * fixed <= window)


@cache
def findings(name: str) -> Findings:
    found, client = Findings(), CLIENTS[name]
    for session, window, reply in _whole_sessions(name):
        begun, answer = 0, None
        for answer in answers(session, window, reply):
            found.judge(answer)
            begun += not keeps_its_prefix(answer)
        if answer and answer.sent.fixed <= window // 2 and _can_last(answer):
            found.epochs.append((answer.says(f"{begun} turns began anew"), begun))
    other = Session(client, 0)
    for window in () if ALL else WINDOWS:
        for reply in client.replies:
            for answer in answers(other, window, reply, turns=1):
                found.judge(answer)
    return found


def _can_last(answer: Answer) -> bool:
    """Whether four exchanges take at most half of the room beside the instructions and what moves along behind the history: what
    brings more needs an epoch sooner."""
    assert answer.fitted
    ends = answer.session.client.ends(answer.session, TURNS)[:-1]
    stays = answer.sent.fixed + sum(answer.sent.meter.text(message["content"]) for message in ends)
    room = answer.fitted.report.budget.allowed - stays
    return EPOCHS_PART * (answer.sent.tokens - stays) // TURNS <= room // 2


@pytest.mark.parametrize("law", [law.__name__ for law in LAWS])
@pytest.mark.parametrize("name", CLIENTS)
def test_no_client_is_worse_off(name: str, law: str) -> None:
    found = findings(name)
    assert found.judged[law]
    wrong = found.wrong[law]
    assert not wrong, f"{len(wrong)} of {found.judged[law]}:\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize("name", CLIENTS)
def test_after_the_first_compaction_at_most_one_turn_in_four_brings_another(name: str) -> None:
    found = findings(name).epochs
    assert found
    assert not [said for said, begun in found if begun > 1 + TURNS // EPOCHS_PART]
