"""What a store adds to the time that a request spends in the guard: the hooks of a proxy with each kind of store, against memory.

    python benchmarks/store_overhead.py [--rounds 15] [--scale 1.0] [--stores memory --stores sqlite ...] [--profile sqlite] [--out docs]

All callbacks stand in this process, beside one Redis and one PostgreSQL that the script starts on free ports; what is not installed is left
out. Rounds of the same requests take turns, each store first as often as the others. What waits in a store is written between two rounds,
and counts as processor time of the round that left it. With `--out` that section of performance.md is written, and nothing else of it.
"""

from __future__ import annotations

import asyncio
import cProfile
import gc
import logging
import os
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import _pytest.outcomes
import litellm
import typer
from hooks import DEPLOYMENT, HOOKS, Request
from litellm.proxy import proxy_server
from performance import STORES, rewritten
from store_servers import SERVERS

from token_guard.demo.conversation import conversation
from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.settings import Settings

__all__ = ["Round", "main"]

SESSIONS, WINDOW, TURNS = 100, 16_000, 20

Load = Callable[[str, float], Iterator[Request]]


def _short(name: str, scale: float) -> Iterator[Request]:
    """Chats of a few words in a hundred sessions that have names."""
    yield from (Request(session=f"{name}-{number % SESSIONS}") for number in range(int(300 * scale)))


def _alone(name: str, scale: float) -> Iterator[Request]:
    """The same, each a session of its own that nobody names."""
    del name
    yield from (Request() for _ in range(int(300 * scale)))


def _agent(name: str, scale: float) -> Iterator[Request]:
    """The turns of agents whose history is longer than the window: most repeat a compaction, some begin a new one."""
    for number in range(max(1, int(4 * scale))):
        history = conversation()
        history[1] = {**history[1], "content": f"{history[1]['content']} ({name}, {number})"}
        ends = range(len(history) - 2 * TURNS, len(history), 2)
        yield from (Request(messages=history[:end], session=f"{name}-agent-{number}", window=WINDOW) for end in ends)


LOADS: Final[Mapping[str, Load]] = {
    "short chats in 100 sessions": _short,
    "short chats, a session each": _alone,
    "turns of agents over their window": _agent,
}


@dataclass(frozen=True, slots=True)
class Round:
    """One round with one store: seconds that its requests spent in the hooks, and of the processor in all threads for one."""

    seconds: Sequence[float]
    processor: float

    @property
    def p50(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.seconds, n=100)[98]


FIGURES: Final[Mapping[str, Callable[[Round], float]]] = {
    "p50": lambda one: one.p50,
    "p99": lambda one: one.p99,
    "processor": lambda one: one.processor,
}

Found = Mapping[str, Mapping[str, Sequence[Round]]]
"""By load and by store."""


async def _spent(callback: TokenGuardCallback, requests: Iterator[Request]) -> list[float]:
    """The seconds that each request spends in all hooks together."""
    spent = []
    for request in requests:
        began = time.perf_counter()
        for hook in HOOKS.values():
            await hook(callback, request)
        spent.append(time.perf_counter() - began)
    return spent


def one_round(callback: TokenGuardCallback, load: str, name: str, scale: float) -> Round:
    """One round, with the writing of what it left."""
    gc.collect()
    began = time.process_time()
    seconds = asyncio.run(_spent(callback, LOADS[load](name, scale)))
    callback.store.flush()
    return Round(seconds, (time.process_time() - began) / len(seconds))


def measured(callbacks: Mapping[str, TokenGuardCallback], rounds: int, scale: float) -> Found:
    """All rounds; the first of each load warms up and does not count."""
    found: dict[str, dict[str, list[Round]]] = {load: {name: [] for name in callbacks} for load in LOADS}
    for load, rows in found.items():
        for number in range(rounds + 1):
            turn = number % len(callbacks)
            for name in (*list(callbacks)[turn:], *list(callbacks)[:turn]):
                each = one_round(callbacks[name], load, f"round-{number}", scale)
                rows[name] += [each] if number else []
        told = [f"{name} {ratio(rows, name, FIGURES['p50']):.3f}" for name in rows]
        typer.echo(f"{load}: {', '.join(told)} of memory's p50", err=True)
    return found


def ratio(rows: Mapping[str, Sequence[Round]], name: str, figure: Callable[[Round], float]) -> float:
    """The median of what the rounds of a store have, as a share of memory's beside them."""
    return statistics.median([figure(one) / figure(memory) for one, memory in zip(rows[name], rows["memory"], strict=True)])


def opened(stack: ExitStack, wanted: Sequence[str]) -> dict[str, TokenGuardCallback]:
    """A callback for each kind of store that is wanted and can be had; memory always."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="token-guard-")))
    urls = {"memory": "memory:", "sqlite": f"sqlite:///{folder}/store.db"}
    for name, server in SERVERS.items():
        if name in wanted:
            try:
                urls[name] = stack.enter_context(server()).url
            except _pytest.outcomes.Skipped as reason:
                typer.echo(f"without {name}: {reason}", err=True)
    callbacks = {name: TokenGuardCallback(Settings(store=url)) for name, url in urls.items() if name in ("memory", *wanted)}
    for callback in callbacks.values():
        callback.guard.warm_up()
        stack.callback(callback.store.close)
    return callbacks


def section(found: Found, rounds: int) -> str:
    """What is written into the page."""
    heads = " | ".join((*(f"{name} us" for name in FIGURES), *(f"{name} / memory's" for name in FIGURES)))
    lines = [STORES.format(rounds=rounds), f"| load | store | {heads} |", f"|---|---|{'---:|' * 2 * len(FIGURES)}"]
    for load, rows in found.items():
        for name, each in rows.items():
            told = [f"{1e6 * statistics.median(map(figure, each)):,.0f}" for figure in FIGURES.values()]
            shares = [f"{ratio(rows, name, figure):.3f}" for figure in FIGURES.values()]
            lines.append(f"| {load} | {name} | {' | '.join((*told, *shares))} |")
    most = max(ratio(rows, name, FIGURES["p50"]) for rows in found.values() for name in rows)
    return "\n".join((*lines, f"\nAgainst memory, half of all requests take at most {max(0.0, most - 1):.1%} longer with a store.", ""))


def profiled(callback: TokenGuardCallback, scale: float) -> None:
    """Where the time of a request's own thread goes, by function."""
    one_round(callback, next(iter(LOADS)), "warm", scale)
    profiler = cProfile.Profile()
    profiler.runcall(one_round, callback, next(iter(LOADS)), "profiled", scale)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


def main(
    rounds: Annotated[int, typer.Option(help="Rounds of each store.")] = 15,
    scale: Annotated[float, typer.Option(help="Longer or shorter rounds.")] = 1.0,
    stores: Annotated[list[str], typer.Option(help="Kinds of stores; may be repeated.")] = ["sqlite", "redis", "postgresql"],  # noqa: B006
    profile: Annotated[str, typer.Option(help="Show where the time goes with this store instead.")] = "",
    out: Annotated[Path | None, typer.Option(help="The folder of performance.md.")] = None,
) -> None:
    """Measure, and show the section."""
    logging.getLogger("token_guard").setLevel(logging.WARNING)
    router: Any = litellm.Router(model_list=[DEPLOYMENT])
    proxy_server.llm_router = router
    with ExitStack() as stack:
        callbacks = opened(stack, [profile] if profile else stores)
        if profile:
            profiled(callbacks[profile], scale)
            return
        text = section(measured(callbacks, rounds, scale), rounds)
    typer.echo(text)
    if out:
        rewritten(out / "performance.md", text)


if __name__ == "__main__":
    typer.run(main)
