"""The load of benchmarks/proxy.py: made-up sessions as clients send them, many clients at once, and what they saw of a proxy."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from token_guard.demo.conversation import conversation

__all__ = ["KINDS", "MODEL", "Answer", "Round", "Usage", "percentile", "renamed", "run", "usage_of"]

MODEL = "main"
PULSE_SECONDS = 0.250
"""How often the liveliness route is asked meanwhile: it takes the worker as long as half a short request."""

WORDS = ("ledger", "invoice", "customer", "charge", "refund", "night", "job", "release", "module", "retry", "settle", "export", "lock")
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What one client saw of one request; seconds. `first` is until the first token of a stream."""

    kind: str
    status: int
    seconds: float
    first: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its children have used: seconds of processor time so far, and megabytes now."""

    processor_seconds: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one proxy."""

    answers: Sequence[Answer]
    seconds: float
    lags: Sequence[float]
    processor_seconds: float
    megabytes: float

    @property
    def rate(self) -> float:
        """Answered requests a second."""
        return sum(answer.status == 200 for answer in self.answers) / self.seconds

    @property
    def refused(self) -> int:
        return sum(answer.status != 200 for answer in self.answers)

    @property
    def processor_ms(self) -> float:
        """Milliseconds of the proxy's processor time for a request."""
        return 1_000 * self.processor_seconds / len(self.answers)

    def latency(self, share: float) -> float:
        """Milliseconds until the end of an answer, that so large a share of the requests do not exceed."""
        return percentile([answer.seconds for answer in self.answers], share)

    def first_token(self, share: float) -> float:
        """The same until the first token of a stream."""
        return percentile([answer.first for answer in self.answers if answer.first is not None], share)

    def lag(self, share: float) -> float:
        """The same of the liveliness route, which says how long the event loop keeps others waiting."""
        return percentile(self.lags, share)


def percentile(seconds: Sequence[float], share: float) -> float:
    """The nearest rank, in milliseconds; 0 of nothing.

    >>> percentile([0.001, 0.002, 0.003], 0.5)
    2.0
    """
    ordered = sorted(seconds)
    return 1_000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


# -- sessions ------------------------------------------------------------------------------------------------------------


def _say(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content}


def _words(random: Random, count: int) -> str:
    return " ".join(random.choices(WORDS, k=count))


def _chat(random: Random) -> list[dict[str, Any]]:
    """A short chat at one of its turns: up to five messages of up to sixty words."""
    turns = random.randrange(3)
    told = [_say(role, _words(random, random.randint(5, 60))) for _ in range(turns) for role in ("user", "assistant")]
    return [_say("system", "Be brief."), *told, _say("user", _words(random, random.randint(5, 60)))][:5]


def _agent(random: Random) -> list[dict[str, Any]]:
    """An agent that has worked for a hundred thousand tokens, at one of its next turns: calls and results, the newest ones cut off."""
    once = conversation()
    steps = once[2:-2]
    number = random.randrange(1_000)
    more = renamed(steps[: len(steps) // 2 // 2 * 2], number)
    history = [*once[:2], *steps, *more, *steps[: 2 * random.randint(4, 10)]]
    return [*history, _say("user", f"Go on with part {number}.")]


def renamed(steps: Sequence[dict[str, Any]], name: object) -> list[dict[str, Any]]:
    """The same steps of a made-up session on files of other names: no text of theirs is known from elsewhere."""
    others: list[dict[str, Any]] = json.loads(json.dumps(steps).replace("ledger/", f"ledger{name}/"))
    return others


@dataclass(frozen=True, slots=True)
class _Kind:
    build: Callable[[Random], list[dict[str, Any]]]
    stream: bool = False
    weight: int = 1


KINDS: Mapping[str, Mapping[str, _Kind]] = {
    "short chats": {"chat": _Kind(_chat, weight=3), "stream": _Kind(_chat, stream=True)},
    "mixed sessions": {"chat": _Kind(_chat, weight=6), "stream": _Kind(_chat, stream=True, weight=3), "agent": _Kind(_agent)},
}
"""The two loads; of each kind in proportion to its weight."""


def _requests(load: str, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    random, kinds = Random(seed), KINDS[load]
    agents = [_agent(random) for _ in range(8)] if "agent" in kinds else []
    for name in itertools.cycle([name for name, kind in kinds.items() for _ in range(kind.weight)]):
        messages = random.choice(agents) if name == "agent" else kinds[name].build(random)
        yield name, {"model": MODEL, "messages": messages, "max_tokens": 128, "stream": kinds[name].stream}


# -- clients -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Clients:
    """So many clients, each with one request at a time, until all are answered."""

    url: str
    key: str
    left: Iterator[tuple[str, bytes]]
    answers: list[Answer] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)

    async def client(self, http: aiohttp.ClientSession) -> None:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        for kind, body in self.left:
            began, first = time.perf_counter(), None
            async with http.post(f"{self.url}/chat/completions", data=body, headers=headers) as response:
                async for _ in response.content.iter_any():
                    first = first or time.perf_counter() - began
            taken = time.perf_counter() - began
            self.answers.append(Answer(kind, response.status, taken, first if kind == "stream" else None))

    async def pulse(self, http: aiohttp.ClientSession) -> None:
        """Asks the liveliness route again and again."""
        url = f"{self.url.removesuffix('/v1')}/health/liveliness"
        while True:
            began = time.perf_counter()
            async with http.get(url) as response:
                await response.read()
            self.lags.append(time.perf_counter() - began)
            await asyncio.sleep(PULSE_SECONDS)


def run(url: str, key: str, pid: int, load: str, clients: int, requests: int, seed: int) -> Round:
    """One round: so many requests of a load by so many clients, against the proxy of that process."""
    bodies = [(kind, json.dumps(request).encode()) for kind, request in itertools.islice(_requests(load, seed), requests)]
    before = usage_of(pid)
    crowd, seconds = asyncio.run(_round(url, key, bodies, clients))
    after = usage_of(pid)
    return Round(crowd.answers, seconds, crowd.lags, after.processor_seconds - before.processor_seconds, after.megabytes)


async def _round(url: str, key: str, bodies: Sequence[tuple[str, bytes]], clients: int) -> tuple[_Clients, float]:
    crowd = _Clients(url, key, iter(bodies))
    unbounded = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=unbounded, timeout=aiohttp.ClientTimeout(total=300)) as http:
        pulse = asyncio.create_task(crowd.pulse(http))
        began = time.perf_counter()
        await asyncio.gather(*(crowd.client(http) for _ in range(clients)))
        seconds = time.perf_counter() - began
        pulse.cancel()
    return crowd, seconds


def usage_of(pid: int) -> Usage:
    """What the process has used, by /proc; nothing where there is none."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return Usage(0.0, 0.0)
    return Usage((int(told[11]) + int(told[12])) / TICKS, pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
