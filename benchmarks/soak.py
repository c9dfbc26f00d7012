"""Many agents over their window for minutes, through one proxy: every answer by its status, and the proxy's memory as time goes by.

    python benchmarks/soak.py [--clients 256] [--minutes 10] [--out docs]

Each client has a session of its own that grows by a step a request, from below the window to a multiple of it, and then begins another.
With `--out` that section of performance.md is written, and nothing else of it.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import aiohttp
import typer
from load import MODEL, Usage, percentile, renamed, usage_of
from performance import SOAK, rewritten
from proxy import config

from token_guard.demo.conversation import conversation
from token_guard.demo.proxy import Proxy
from token_guard.demo.upstream import Upstream

__all__ = ["Soaked", "main"]

WINDOW: Final = 16_000
FIRST_STEPS, LAST_STEPS = 8, 62
"""Calls of a session at its first request and at its last: 8,000 tokens and 60,000."""
SAMPLE_SECONDS = 2.0


@dataclass(slots=True)
class Soaked:
    """What was seen: statuses, whether each answer's prompt was rewritten, seconds, and memory at regular times."""

    statuses: Counter[int] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)

    def third(self, number: int) -> Sequence[float]:
        """Megabytes in one third of the time."""
        size = len(self.usages) // 3
        return [usage.megabytes for usage in self.usages[number * size : (number + 1) * size]]

    @property
    def growth(self) -> float:
        """How much more memory the end of the last third took than its beginning, each the median of a quarter of it, as a share."""
        last = self.third(2)
        quarter = max(1, len(last) // 4)
        return statistics.median(last[-quarter:]) / statistics.median(last[:quarter]) - 1.0


def _sessions(client: int) -> Iterator[list[dict[str, Any]]]:
    """The requests of one client, session after session: no two sessions are alike, and clients are at different turns of theirs."""
    told = conversation()
    first, steps = told[:2], told[2:-2]
    begin = FIRST_STEPS + client % (LAST_STEPS - FIRST_STEPS)
    number = 0
    while True:
        task = {**first[1], "content": f"{first[1]['content']} (ticket {client}-{number})"}
        own = [first[0], task, *renamed(steps, f"{client}_{number}")]
        yield from (own[: 2 + 2 * turn] for turn in range(begin, LAST_STEPS + 1))
        number, begin = number + 1, FIRST_STEPS


async def _client(http: aiohttp.ClientSession, proxy: Proxy, number: int, until: float, soaked: Soaked) -> None:
    headers = {"Authorization": f"Bearer {proxy.key}"}
    for messages in _sessions(number):
        if time.perf_counter() > until:
            return
        began = time.perf_counter()
        body = {"model": MODEL, "messages": messages, "max_tokens": 256}
        async with http.post(f"{proxy.url}/chat/completions", json=body, headers=headers) as response:
            await response.read()
        soaked.seconds.append(time.perf_counter() - began)
        soaked.statuses[response.status] += 1
        soaked.actions[response.headers.get("x-token-guard-action", "none")] += 1


async def _sampled(proxy: Proxy, upstream: Upstream, soaked: Soaked) -> None:
    """Looks at the proxy's memory again and again, and lets the upstream forget what it was sent."""
    while True:
        soaked.usages.append(usage_of(proxy.pid))
        upstream.bodies.clear()
        await asyncio.sleep(SAMPLE_SECONDS)


async def _soak(proxy: Proxy, upstream: Upstream, clients: int, minutes: float) -> Soaked:
    soaked, until = Soaked(), time.perf_counter() + 60 * minutes
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=600)) as http:
        sampling = asyncio.create_task(_sampled(proxy, upstream, soaked))
        await asyncio.gather(*(_client(http, proxy, number, until, soaked) for number in range(clients)))
        sampling.cancel()
        with suppress(asyncio.CancelledError):
            await sampling
    return soaked


def section(soaked: Soaked, clients: int, minutes: float) -> str:
    """The section of the page."""
    answered = ", ".join(f"{count:,} with {status}" for status, count in sorted(soaked.statuses.items()))
    actions = ", ".join(f"{action} {count:,}" for action, count in soaked.actions.most_common())
    half, most = (percentile(soaked.seconds, share) for share in (0.5, 0.99))
    thirds = " / ".join(f"{statistics.median(soaked.third(number)):,.0f}" for number in range(3))
    return "\n".join(
        [
            SOAK.format(clients=clients, minutes=minutes, window=WINDOW),
            f"- answered: {answered}",
            f"- what the guard did: {actions}",
            f"- until the answer: {half:,.0f} ms for half of them, {most:,.0f} ms for 99 of 100",
            f"- memory of the proxy, medians of the thirds: {thirds} MB; within the last third {soaked.growth:+.1%}",
            "",
        ]
    )


def main(
    clients: Annotated[int, typer.Option(help="Clients at once.")] = 256,
    minutes: Annotated[float, typer.Option(help="For how long.")] = 10.0,
    out: Annotated[Path | None, typer.Option(help="The folder with performance.md.")] = None,
) -> None:
    """Load the proxy, and show the section."""
    environment = {"PYTHONPATH": str(Path(__file__).parents[1])}
    with Upstream(WINDOW) as upstream, Proxy(config(upstream, ["token_guard.callback"], WINDOW), environment=environment) as proxy:
        soaked = asyncio.run(_soak(proxy.wait(), upstream, clients, minutes))
    text = section(soaked, clients, minutes)
    typer.echo(text)
    if out:
        rewritten(out / "performance.md", text)
    raise typer.Exit(int(set(soaked.statuses) != {200}))


if __name__ == "__main__":
    typer.run(main)
