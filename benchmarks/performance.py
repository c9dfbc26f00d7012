"""What benchmarks/proxy.py measured, as the page docs/performance.md and its plot."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from load import Round
from plots import STYLE

__all__ = ["SOAK", "STORES", "Figures", "page", "ratio", "rewritten"]

Figures: TypeAlias = Mapping[tuple[str, int], Mapping[str, Sequence[Round]]]

PLOT: Final = "performance-proxy.svg"
OURS, BARE, IDLE = "token_guard", "bare", "idle callback"

HEAD: Final = """# What the guard costs

Written by `python benchmarks/proxy.py --out docs`; not edited by hand. One LiteLLM proxy with the guard, one without it, and one with a
callback that does nothing stand before the same stand-in provider, which refuses what is longer than its window of 128,000 tokens. Each has
one worker. They take turns in rounds of the same requests, clients and upstream share the machine with them, and every figure is the median
of {rounds} rounds. Ratios are of a round and the bare proxy's round beside it.

- **Short chats**: up to five messages of up to sixty words, every fourth as a stream. Nothing is done to them.
- **Mixed sessions**: the same, with every tenth request a next turn of an agent of about 100,000 tokens.
- **refused**: requests that were not answered, in all rounds.
- **processor**: milliseconds of the proxy's processor time for a request, in all threads. Where a worker is busy all the time, this decides
  how many requests it answers; and it depends least on what else the machine does.
- **lag**: how long the liveliness route takes at the same time: how long the event loop lets others wait, the other clients among them.
- **memory**: of the process, at the end of its last round; with the extra `fast`, two engines of tokens and their tables are most of it.

The machine has two cores, which the proxies, the clients and the upstream share: throughput and latencies of a round differ by a third from
those of the next, also between the two proxies without the guard. Of these figures the processor time says most. What the hooks alone take
of a short request, without that noise: `python benchmarks/hooks.py`.

![Throughput and latency with the guard, as a share of the proxy without it](performance-proxy.svg)
"""

STORES: Final = """## What a store adds

Written by `python benchmarks/store_overhead.py --out docs`, which leaves the rest of this page as it is. What a request spends in all hooks
of the guard, without the network, in one process: medians of {rounds} rounds in turn, ratios of a round and memory's round beside it. The
servers run on the same machine. A request writes and reads memory whatever the store; another thread writes what waits in batches, and that
time is in the processor's. Other work was done on the machine: ratios of one run differ from those of the next by up to a tenth.
"""
"""The head of the section of benchmarks/store_overhead.py."""

SOAK: Final = """## Many agents for minutes

Written by `python benchmarks/soak.py --out docs`, which leaves the rest of this page as it is. {clients} clients for {minutes:g} minutes,
each an agent whose session grows by a call a request from 8,000 tokens to 60,000 before a window of {window:,}, and then begins another.
One proxy has one worker; clients and upstream are beside it on the machine.
"""
"""The head of the section of benchmarks/soak.py."""

OTHERS: Final = re.compile("|".join(rf"^(?={re.escape(head.splitlines()[0])}$)" for head in (SOAK, STORES)), re.MULTILINE)
"""Before each section that another script writes; they stand behind all others."""

COLUMNS: Final[Mapping[str, Callable[[Round], float]]] = {
    "requests/s": lambda one: one.rate,
    "p50 ms": lambda one: one.latency(0.50),
    "p95 ms": lambda one: one.latency(0.95),
    "p99 ms": lambda one: one.latency(0.99),
    "first token p50": lambda one: one.first_token(0.50),
    "first token p95": lambda one: one.first_token(0.95),
    "processor ms": lambda one: one.processor_ms,
    "lag p50": lambda one: one.lag(0.50),
    "lag p99": lambda one: one.lag(0.99),
}
RATIOS: Final[Mapping[str, Callable[[Round], float]]] = {
    "throughput": COLUMNS["requests/s"],
    "p50": COLUMNS["p50 ms"],
    "p99": COLUMNS["p99 ms"],
    "first token": COLUMNS["first token p50"],
    "processor": COLUMNS["processor ms"],
}


def ratio(rows: Mapping[str, Sequence[Round]], arm: str, figure: Callable[[Round], float]) -> float:
    """The median of what a proxy's rounds have, as a share of the bare proxy's rounds beside them."""
    pairs = [(figure(ours), figure(bare)) for ours, bare in zip(rows[arm], rows[BARE], strict=True)]
    return statistics.median([ours / bare for ours, bare in pairs if bare])


def page(figures: Figures, rounds: int, out: Path | None) -> str:
    """The page, without what other scripts write of it; written beside its plot, before their sections, where a folder is given."""
    text = "\n".join([HEAD.format(rounds=rounds), *_shares(figures), *_tables(figures), ""])
    if out:
        _draw(figures, out / PLOT)
        rewritten(out / "performance.md", text)
    return text


def rewritten(place: Path, part: str) -> None:
    """Put a part of the page, which its first line names, in the place of what the page has of it; the rest stays."""
    parts = OTHERS.split(place.read_text(encoding="utf-8")) if place.exists() else []
    named = {each.partition("\n")[0]: each.rstrip("\n") + "\n" for each in parts if each}
    named[part.partition("\n")[0]] = part.rstrip("\n") + "\n"
    ordered = sorted(named, key=lambda title: bool(OTHERS.match(named[title])))
    place.write_text("\n".join(named[title] for title in ordered), encoding="utf-8")


def _shares(figures: Figures) -> Iterator[str]:
    yield "## As a share of the proxy without the guard\n"
    yield f"| load | clients | proxy | {' | '.join(RATIOS)} |\n|---|---:|---|{'---:|' * len(RATIOS)}"
    for (load, clients), rows in figures.items():
        for arm in (IDLE, OURS):
            told = " | ".join(f"{ratio(rows, arm, figure):.3f}" for figure in RATIOS.values())
            yield f"| {load} | {clients} | {arm} | {told} |"


def _tables(figures: Figures) -> Iterator[str]:
    for load in dict.fromkeys(load for load, _ in figures):
        yield f"\n## {load.capitalize()}\n\n| clients | proxy | {' | '.join(COLUMNS)} | memory MB | refused |"
        yield f"|---:|---|{'---:|' * (len(COLUMNS) + 2)}"
        for (of, clients), rows in figures.items():
            yield from (_row(clients, arm, each) for arm, each in rows.items() if of == load)


def _row(clients: int, arm: str, rounds: Sequence[Round]) -> str:
    told = " | ".join(f"{statistics.median(map(figure, rounds)):,.1f}" for figure in COLUMNS.values())
    return f"| {clients} | {arm} | {told} | {rounds[-1].megabytes:,.0f} | {sum(one.refused for one in rounds)} |"


def _draw(figures: Figures, path: Path) -> None:
    from matplotlib import pyplot, rc_context

    with rc_context(STYLE):
        wanted = ("throughput", "p50", "p99", "processor")
        figure, axes = pyplot.subplots(1, len(wanted), figsize=(9.6, 2.6), layout="constrained")
        for axis, name in zip(axes, wanted, strict=True):
            for load, colour in zip(dict.fromkeys(load for load, _ in figures), ("#0072B2", "#D55E00"), strict=False):
                points = {clients: ratio(rows, OURS, RATIOS[name]) for (of, clients), rows in figures.items() if of == load}
                axis.plot(list(map(str, points)), list(points.values()), marker="o", color=colour, label=load)
            axis.axhline(1.0, color="#888888", linewidth=0.8)
            axis.set_title(name)
            axis.set_xlabel("clients")
        axes[0].set_ylabel("share of the bare proxy")
        axes[-1].legend(frameon=False, fontsize=8)
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)
