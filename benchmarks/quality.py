"""Compaction quality: token_guard against other engines, on recorded sessions and on planted facts.

Run by hand: `python benchmarks/quality.py [--sets coding_agents] [--engines adaptive --engines window] [--sessions 2] [--out docs]`.
Writes quality.md and two plots. The recorded sessions are not part of this repository; without them it says so and writes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import typer
from contexts import FactsJudge, reading
from engines import ENGINES, Engine, Judge, available
from facts import LIMITS, Kept, kept, speeds
from pages import Section, page, terminal
from plots import draw_engines, draw_session, turns_of
from replays import SETS, Score, evidence, facts_judge_of, judge_of, replayed, sessions_of, split
from rich.console import Console
from sections import (
    context_section,
    evidence_section,
    facts_section,
    impossible_section,
    scores_section,
    speed_section,
    summaries_section,
)
from summaries import compactions_of, held_by

__all__ = ["ALL_SETS", "main"]

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
ALL_SETS = (*SETS, "summaries", "evidence", "planted")
DRAWN = "coding_agents"
"""The set whose longest session is drawn."""

console = Console()
progress = Console(stderr=True)


def _names(allowed: Sequence[str]) -> typer.models.OptionInfo:
    def check(names: list[str]) -> list[str]:
        unknown = set(names) - set(allowed)
        if unknown:
            raise typer.BadParameter(f"{', '.join(sorted(unknown))}: not one of {', '.join(allowed)}")
        return names

    option: typer.models.OptionInfo = typer.Option(help=f"May be repeated: {', '.join(allowed)}. All when left out.", callback=check)
    return option


@dataclass(frozen=True, slots=True)
class _Run:
    """What every set of one run is measured with."""

    judge: Judge
    facts: FactsJudge
    corpus: Path
    engines: Sequence[Engine]
    most: int | None


def main(
    sets: Annotated[list[str], _names(ALL_SETS)] = [],  # noqa: B006 (typer copies it)
    engines: Annotated[list[str], _names([engine.name for engine in ENGINES])] = [],  # noqa: B006
    sessions: Annotated[int | None, typer.Option(help="Only so many sessions of each set, the shortest.", min=1)] = None,
    out: Annotated[Path, typer.Option(help="Folder of the page and the plots.")] = Path("docs"),
    corpus: Annotated[Path, typer.Option(help="Folder of the recorded sessions and their judge.")] = CORPUS,
) -> None:
    """Compare engines, print tables, and write quality.md and its plots."""
    chosen = available(engines)
    missing = [engine for engine in ENGINES if engine not in available()]
    wanted = [name for name in ALL_SETS if not sets or name in sets]
    if not (corpus / "evaluate.py").exists():
        console.print(f"Skipped: the recorded sessions are not here ({corpus}).")
        return
    out.mkdir(parents=True, exist_ok=True)
    judge, scores, sections = judge_of(corpus), dict[str, list[Score]](), list[Section]()
    run = _Run(judge, facts_judge_of(corpus), corpus, chosen, sessions)
    for name in wanted:
        for section in _measured(run, name, scores):
            console.print(terminal(section), "")
            sections.append(section)
    if scores:
        draw_engines(scores, out / "quality-engines.svg")
    (out / "quality.md").write_text(page(sections, missing, plots=True), encoding="utf-8")
    _draw_longest(judge, corpus, sessions, out)


def _measured(run: _Run, name: str, scores: dict[str, list[Score]]) -> Iterator[Section]:
    """The sections of one set; the scores of recorded sessions are kept for the plot."""
    if name == "evidence":
        yield evidence_section(list(evidence(run.judge, run.engines, run.corpus, run.most, _tell)))
    elif name == "planted":
        yield facts_section(list(_planted(run.judge, run.engines)))
        yield speed_section(list(speeds()))
    elif name == "summaries":
        compactions, recorded = compactions_of(run.judge, run.corpus, run.most)
        if compactions:
            held = list(held_by(run.judge, run.facts, run.engines, compactions, _tell))
            yield summaries_section(held, compactions, recorded)
    else:
        yield from _recorded(run, name, scores)


def _recorded(run: _Run, name: str, scores: dict[str, list[Score]]) -> Iterator[Section]:
    kind, title = SETS[name], name.replace("_", " ").capitalize()
    possible, impossible = split(run.judge, sessions_of(run.judge, run.corpus, kind, None), kind.budget)
    read = reading(run.facts, kind.every)
    scores[name] = replayed(run.judge, run.engines, name, possible[: run.most], kind.budget, _tell, read)
    yield scores_section(kind, title, scores[name])
    yield context_section(kind, title, scores[name])
    if impossible:
        hopeless = replayed(run.judge, run.engines, name, impossible[: run.most], kind.budget, _tell)
        yield impossible_section(kind, f"{title} that cannot fit", hopeless)


def _planted(judge: Judge, engines: Sequence[Engine]) -> Iterator[Kept]:
    for place, engine in enumerate(engines):
        fit = engine.build(judge)
        for number, limit in enumerate(LIMITS):
            _tell(f"planted {limit:,} {engine.label}")
            yield kept(engine, fit, limit, 100 + len(LIMITS) * place + number, judge.total)


def _draw_longest(judge: Judge, corpus: Path, most: int | None, out: Path) -> None:
    recorded = sessions_of(judge, corpus, SETS[DRAWN], most)
    if recorded:
        budget = SETS[DRAWN].budget
        draw_session(turns_of(judge, recorded[-1], budget), budget, out / "quality-session.svg")


def _tell(what: str) -> None:
    progress.print(f"[dim]{what}[/dim]")


if __name__ == "__main__":
    typer.run(main)
