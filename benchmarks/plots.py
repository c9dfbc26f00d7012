"""The two plots, as SVG files that are the same bytes for the same figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines import MODEL, Judge, Wire
from replays import Score

from token_guard import Guard, Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Turn", "draw_engines", "draw_session", "turns_of"]

LOOKS = {"coding_agents": ("#0072B2", "o"), "agent_sessions": ("#D55E00", "s"), "tool_dialogues": ("#009E73", "^")}
"""Colour (of Okabe and Ito's palette, told apart with any colour vision) and shape of each set."""

STYLE = {
    "svg.hashsalt": "token_guard",
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
}
"""A fixed salt, and text as text: the file is small and does not change from one drawing to the next."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of a session: tokens before and after, and whether a new compaction was made for it."""

    before: int
    after: int
    epoch: bool


def turns_of(judge: Judge, session: Sequence[Wire], budget: int) -> list[Turn]:
    """Every request that the client sent, through one guard."""
    guard, turns, epochs = Guard(Settings()), list[Turn](), 0
    for place, message in enumerate(session):
        if message["role"] == "assistant" and place:
            sent = list(session[:place])
            fitted = guard.process({"model": MODEL, "messages": sent}, max_input_tokens=budget)
            counts = (judge.total(sent), judge.total(fitted.request["messages"]))
            turns.append(Turn(*counts, epoch=fitted.report.epochs > epochs))
            epochs = fitted.report.epochs
    return turns


def draw_engines(scores: Mapping[str, Sequence[Score]], path: Path) -> None:
    """Cost and bound facts of every engine, a mark for each set; hollow where requests would have been refused."""
    from matplotlib import pyplot, rc_context

    with rc_context(STYLE):
        engines = list(dict.fromkeys(score.engine.label for rows in scores.values() for score in rows))
        figure, axes = pyplot.subplots(1, 2, figsize=(9.6, 1.8 + 0.42 * len(engines)), sharey=True, layout="constrained")
        for name, rows in scores.items():
            _mark(axes[0], name, rows, engines, [100 * score.cost_share for score in rows])
            _mark(axes[1], name, rows, engines, [_percent(score.context.share("bound")) for score in rows])
        axes[0].set(xlabel="cost, % of the sliding window's (cached tokens at a tenth)", xscale="log")
        axes[0].set_xticks([10, 20, 50, 100, 200], ["10", "20", "50", "100", "200"], minor=False)
        axes[0].xaxis.minorticks_off()
        axes[0].axvline(100, color="#888888", linewidth=1, linestyle="--", zorder=1)
        axes[1].set(xlabel="names at risk that are bound to what they meant, %")
        axes[0].set_yticks(range(len(engines)), engines)
        axes[0].invert_yaxis()
        _legend(figure, list(scores))
        _save(figure, path)


def _percent(share: float | None) -> float:
    """Not a number, and so no mark, where there was nothing to keep."""
    return math.nan if share is None else 100 * share


def _mark(axes: Axes, name: str, rows: Sequence[Score], engines: Sequence[str], values: Sequence[float]) -> None:
    colour, shape = LOOKS[name]
    shift = 0.22 * (list(LOOKS).index(name) - 1)
    for score, value in zip(rows, values, strict=True):
        face = colour if score.usable else "white"
        axes.plot(value, engines.index(score.engine.label) + shift, shape, color=colour, markerfacecolor=face, markersize=7, zorder=3)


def _legend(figure: Figure, names: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    def mark(shape: str, colour: str, face: str, label: str) -> Line2D:
        return Line2D([], [], marker=shape, color=colour, markerfacecolor=face, linestyle="", markersize=7, label=label)

    sets = [mark(LOOKS[name][1], LOOKS[name][0], LOOKS[name][0], name.replace("_", " ")) for name in names]
    hollow = mark("o", "#555555", "white", "hollow: some requests too big, invalid or failed")
    figure.legend(handles=[*sets, hollow], loc="outside upper center", ncols=len(sets) + 1, frameon=False, handletextpad=0.3)


def draw_session(turns: Sequence[Turn], budget: int, path: Path) -> None:
    """Tokens of each request before and after, and the requests for which a compaction was made."""
    from matplotlib import pyplot, rc_context

    with rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(9.6, 3.8), layout="constrained")
        places = range(1, len(turns) + 1)
        axes.plot(places, [turn.before / 1000 for turn in turns], color="#555555", linewidth=1.6, linestyle=":", label="sent by the client")
        axes.plot(places, [turn.after / 1000 for turn in turns], color="#0072B2", linewidth=1.8, label="forwarded")
        axes.axhline(budget / 1000, color="#D55E00", linewidth=1.2, linestyle="--", label=f"budget, {budget:,} tokens")
        epochs = [(place, turn.after / 1000) for place, turn in zip(places, turns, strict=True) if turn.epoch]
        if epochs:
            axes.plot(*zip(*epochs, strict=True), "v", color="#000000", markersize=6, label=f"new compaction ({len(epochs)})")
        axes.set(xlabel="request of the session", ylabel="prompt, thousands of tokens", xlim=(0, len(turns) + 1), ylim=(0, None))
        axes.legend(loc="upper left", frameon=False)
        _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    from matplotlib import pyplot

    more: dict[str, Any] = {"metadata": {"Date": None, "Creator": None}} if path.suffix == ".svg" else {"dpi": 110}
    figure.savefig(path, **more)
    pyplot.close(figure)
