"""The summaries that real clients' models wrote, against what an engine makes of the same history in the same room.

For each compaction on record: what the calls of the next 60 messages use, and how much of it is in what the client went on with.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contexts import Context, FactsJudge, forwarding
from engines import OURS, WINDOW, Engine, Judge, Wire

__all__ = ["NEXT", "PROVIDER_TOKENS", "Compaction", "Held", "compactions_of", "held_by"]

NEXT = 60
"""Messages after the compaction whose calls ask for something."""

SMALL, LARGE = "of the summary", "left by the client"
"""The rooms: what the summary takes, and what the client's next request really held."""

PROVIDER_TOKENS = 1.34
"""Claude's own count of these sessions per o200k token: 1.33 and 1.35 are the medians of the two clients, in the corpus's README."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """A client's compaction: the history before it, its summary as the client's next request would start, and the calls that followed."""

    history: list[Wire]
    summary: list[Wire]
    following: Wire
    left: int
    """Tokens of conversation that the client's next request really held, by the provider's own count."""
    later: bool
    """Whether the client had compacted before, so that its model saw a summary where the history has the messages."""


@dataclass(frozen=True, slots=True)
class Held:
    """What one way of compacting holds of what followed, over all compactions."""

    label: str
    room: str
    """The name of the room that it had: rows of one room can be compared."""
    tokens: int
    too_big: int
    errors: int
    context: Context


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to compact, and how much room it has."""

    label: str
    room: str
    forward: Callable[[Compaction], Sequence[Wire]]
    tokens: Callable[[Compaction], int]


def compactions_of(judge: Judge, corpus: Path, most: int | None) -> tuple[list[Compaction], int]:
    """The compactions that something followed, those of the shortest histories first, and how many are on record at all."""
    records = judge.load(str(corpus / "agent_sessions.jsonl.gz"))
    every = [(record, place) for record in records for place in range(len(record["meta"].get("compactions", ())))]
    followed = (_compaction(judge, record, place) for record, place in every if _calls_after(record, _where(record, place)))
    return sorted(followed, key=lambda one: len(one.history))[:most], len(every)


def _where(record: Wire, place: int) -> int:
    return int(record["meta"]["compactions"][place]["before_message"])


def _calls_after(record: Wire, where: int) -> list[Wire]:
    return [call for message in record["messages"][where : where + NEXT] for call in message.get("tool_calls") or ()]


def _compaction(judge: Judge, record: Wire, place: int) -> Compaction:
    where, messages = _where(record, place), record["messages"]
    system = [message for message in messages[:where] if message["role"] in ("system", "developer")]
    summary = [*system, {"role": "user", "content": record["meta"]["compactions"][place]["summary"]}]
    following = {"role": "assistant", "content": None, "tool_calls": _calls_after(record, where)}
    left = max(judge.total(summary), _left(judge, record, where))
    return Compaction(messages[:where], summary, following, left, later=place > 0)


def _left(judge: Judge, record: Wire, where: int) -> int:
    """Tokens of the client's next request without what was said since and without the system prompt and tools, which are not on record."""
    prompts = {row[0]: row[1] for row in record["meta"].get("usage_prompt_cacheread_output", ())}
    first, after = min(prompts, default=None), min((place for place in prompts if place >= where), default=None)
    if first is None or after is None:
        return 0
    messages = record["messages"]
    grown = (prompts[after] - prompts[first]) / PROVIDER_TOKENS
    return int(grown + judge.total(messages[:first]) - judge.total(messages[where:after]))


def held_by(
    judge: Judge, facts: FactsJudge, engines: Sequence[Engine], compactions: Sequence[Compaction], tell: Callable[[str], None]
) -> Iterator[Held]:
    """The client's summary alone and with its newest messages, then our policies and the window in the room of each."""
    for way in _ways(judge, engines):
        tell(f"summaries {way.label}, {way.room}")
        yield _held(judge, facts, way, compactions)


def _ways(judge: Judge, engines: Sequence[Engine]) -> Iterator[_Way]:
    rooms: dict[str, Callable[[Compaction], int]] = {SMALL: lambda one: judge.total(one.summary), LARGE: lambda one: one.left}
    yield _Way("client's summary", SMALL, lambda one: one.summary, rooms[SMALL])
    yield _Way("client's summary and newest messages", LARGE, lambda one: _with_newest(judge, one), rooms[LARGE])
    for engine in (engine for engine in engines if engine.name in (*OURS, WINDOW)):
        fit = engine.build(judge)
        for room, tokens in rooms.items():
            yield _Way(engine.label, room, lambda one, fit=fit, tokens=tokens: fit(one.history, tokens(one)), tokens)


def _with_newest(judge: Judge, one: Compaction) -> Sequence[Wire]:
    """The summary and as many of the newest messages as the client's request had room for: what it really kept is not on record."""
    room, start = one.left - judge.total(one.summary), len(one.history)
    while start and judge.count(one.history[start - 1]) <= room:
        start -= 1
        room -= judge.count(one.history[start])
    return [*one.summary, *one.history[start:]]


def _held(judge: Judge, facts: FactsJudge, way: _Way, compactions: Sequence[Compaction]) -> Held:
    tally, sizes, too_big, errors = _nothing(facts), list[int](), 0, 0
    for one in compactions:
        try:
            forwarded = way.forward(one)
        except Exception:  # a refused request holds nothing, and is counted
            forwarded, errors = [], errors + 1
        facts.judge(one.history, forwarded, one.following, tally)
        sizes.append(judge.total(forwarded))
        too_big += sizes[-1] > way.tokens(one)
    return Held(way.label, way.room, int(statistics.median(sizes or [0])), too_big, errors, Context.of(tally))


def _nothing(facts: FactsJudge) -> dict[str, Any]:
    """The judge's own tally of no session."""
    return facts.measure(forwarding(lambda messages, _: messages), [], 1, 1)
