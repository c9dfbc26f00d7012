"""Planted facts and speed: 300 messages of about 290,000 tokens with 34 facts, at two windows, up to 1.2 million tokens, and long talks.

Run alone: `python benchmarks/facts.py [--engine adaptive]` prints which facts are lost; `quality.py` puts the figures into its page.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer
from engines import MODEL, Engine, Fit, Wire, available
from planted import planted, talk

from token_guard import Guard, Settings
from token_guard.conversation import Conversation
from token_guard.counting import meter_for
from token_guard.formats.openai_chat import OpenAIChat

__all__ = ["LIMITS", "Kept", "Speed", "Talked", "kept", "speeds", "talked"]

LIMITS = (128_000, 32_000)

BLOCKS = (1, 2, 4)
"""Lengths of the conversations whose times are compared, in times 300 messages."""

ROUNDS = 5

TALKS = ((250, 12_000), (700, 24_000), (1_000, 4_000), (2_000, 4_000), (4_000, 4_000))
"""Messages of the talks whose times are taken, and what they may count."""

TURNS = 20
"""The last turns of a talk, whose median is told."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What an engine keeps of the planted facts at one window: by their keys, and as whole statements."""

    engine: Engine
    limit: int
    tokens: int
    facts: int
    keys: int
    statements: int
    first_ms: float
    next_ms: float


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians for one length: counting alone, the first call with the counts known, and the same call again."""

    messages: int
    tokens: int
    counting_ms: float
    first_ms: float
    next_ms: float


def kept(engine: Engine, fit: Fit, limit: int, unseen: int, count: Callable[[Sequence[Wire]], int]) -> Kept:
    """One conversation through one engine; times are those of a second one, whose seed `unseen` nobody has used before."""
    conversation, other = planted(), planted(unseen).messages
    forwarded = _tried(fit, fresh(conversation.messages), limit)
    times = [_timed(partial(_tried, fit, fresh(other), limit)) for _ in range(2)]
    facts = len(conversation.facts)
    keys, statements = (facts - len(conversation.lost(forwarded, whole=whole)) for whole in (False, True))
    return Kept(engine, limit, count(forwarded), facts, keys, statements, *times)


def speeds(limit: int = LIMITS[0], blocks: Sequence[int] = BLOCKS, rounds: int = ROUNDS) -> Iterator[Speed]:
    """How our own time grows with the conversation; every round is text that no round before it has seen."""
    for length in blocks:
        rows = [_speed(planted(1_000 * length + number, length).messages, limit) for number in range(rounds)]
        messages, tokens, *times = (statistics.median(column) for column in zip(*rows, strict=True))
        yield Speed(int(messages), int(tokens), *times)


def _speed(messages: list[Wire], limit: int) -> tuple[float, ...]:
    guard = Guard(Settings())
    parsed = OpenAIChat().parse({"model": MODEL, "messages": fresh(messages)})
    assert isinstance(parsed, Conversation)
    counting = _timed(partial(meter_for(MODEL).measure, parsed))
    requests = [{"model": MODEL, "messages": fresh(messages)} for _ in range(2)]
    first, following = (_timed(partial(guard.process, request, max_input_tokens=limit)) for request in requests)
    return len(messages), meter_for(MODEL).measure(parsed).tokens, counting, first, following


@dataclass(frozen=True, slots=True)
class Talked:
    """One talk: the first call for all but its last turns, by a guard that remembers nothing, and the median of those turns."""

    messages: int
    limit: int
    first_ms: float
    turn_ms: float


def talked(talks: Sequence[tuple[int, int]] = TALKS, turns: int = TURNS) -> Iterator[Talked]:
    """How long talks without tools take, where the newest question is answered from what was compacted away."""
    for length, limit in talks:
        messages, guard = talk(length), Guard(Settings())
        requests = [{"model": MODEL, "messages": fresh(messages[:end])} for end in range(len(messages) - 2 * turns, len(messages) + 1, 2)]
        first, *following = (_timed(partial(guard.process, request, max_input_tokens=limit)) for request in requests)
        yield Talked(len(messages), limit, first, statistics.median(following))


def fresh(messages: list[Wire]) -> list[Wire]:
    """The same messages as new objects, as they come out of a request's body."""
    return json.loads(json.dumps(messages))  # type: ignore[no-any-return]


def _tried(fit: Fit, messages: list[Wire], limit: int) -> Sequence[Wire]:
    try:
        return fit(messages, limit)
    except Exception:
        return messages


def _timed(job: Callable[[], object]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    job()
    return 1e3 * (time.perf_counter() - start)


def main(engine: Annotated[str, typer.Option(help="Name of an engine.")] = "adaptive", seed: int = 1) -> None:
    """Print which planted facts an engine loses, then our own times, by length and for talks."""
    conversation, fit = planted(seed), available([engine])[0].build(None)  # type: ignore[arg-type]
    for limit in LIMITS:
        forwarded = _tried(fit, fresh(conversation.messages), limit)
        lost, cut = conversation.lost(forwarded), conversation.lost(forwarded, whole=True)
        print(f"{limit:>9,}: {len(lost)} of {len(conversation.facts)} keys lost, {len(cut)} statements not whole")
        for fact in cut:
            print(f"           {'lost' if fact in lost else 'cut '} {fact.place:<9}{fact.statement}")
    for speed in (*speeds(), *talked()):
        print(speed)


if __name__ == "__main__":
    typer.run(main)
