"""The benchmarks run from end to end on a few small sessions; what they say of real ones is written in docs/quality.md."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import judge
import pytest
import quality
import typer
from build import agent, answer, say
from engines import ENGINES, available
from facts import Kept, kept, speeds
from plots import Turn, draw_session
from replays import SETS, replayed, split
from typer.testing import CliRunner

RUNNABLE = [engine.name for engine in available()]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as that of the recorded conversations, with sessions of its own and a judge."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "evaluate.py").write_text(Path(judge.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    too_long = [say("system", "Be careful. " * 3_000), *agent(1)[1:]]
    meeting = [say("user", f"Speaker {place}: the budget of project {place} is {place * 17} euro.") for place in range(60)]
    _write(folder, "coding_agents", [agent(4), agent(30)])
    _write(folder, "tool_dialogues", [agent(8), agent(9), too_long])
    _write(folder, "long_dialogues_qa", [meeting], qa=[{"question": "What is the budget of project 7?", "evidence_messages": [7]}])
    return folder


def _write(folder: Path, name: str, sessions: list[list[dict[str, Any]]], **meta: Any) -> None:
    with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps({"messages": [*session, answer()], "meta": meta}) + "\n" for session in sessions)


def run(*arguments: str) -> Any:
    app = typer.Typer()
    app.command()(quality.main)
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.fixture(scope="module")
def page(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("docs")
    done = run("--sets", "tool_dialogues", "--sets", "evidence", "--corpus", str(recorded), "--out", str(out))
    assert done.exit_code == 0, done.output
    return out / "quality.md"


def test_the_page_has_a_row_for_every_engine_that_is_installed(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [engine.label for engine in ENGINES if f"| {engine.label} |" not in text] == [
        engine.label for engine in ENGINES if engine.name not in RUNNABLE
    ]


def test_sessions_that_cannot_fit_are_reported_on_their_own(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "## Tool dialogues that cannot fit" in text
    assert re.search(r"\| token_guard, adaptive \| 2 \| 0 \| 0 \| 0 \|", text), text


def test_tables_have_as_many_cells_as_columns(page: Path) -> None:
    tables = re.findall(r"(?:^\|.*\|\n)+", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert tables
    assert all(len({line.count("|") for line in table.splitlines()}) == 1 for table in tables)


def test_plots_are_small_and_name_their_axes(page: Path) -> None:
    engines, session = (page.with_name(f"quality-{name}.svg").read_text(encoding="utf-8") for name in ("engines", "session"))
    assert "cost, % of the sliding window" in engines
    assert "token_guard, adaptive" in engines
    assert "request of the session" in session
    assert max(len(engines), len(session)) < 100_000


def test_the_same_figures_draw_the_same_bytes(tmp_path: Path) -> None:
    turns = [Turn(1_000 * place, 500 * place, epoch=place == 3) for place in range(6)]
    for name in ("a.svg", "b.svg"):
        draw_session(turns, 4_000, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_without_the_recorded_sessions_it_says_so_and_writes_nothing(tmp_path: Path) -> None:
    done = run("--corpus", str(tmp_path / "absent"), "--out", str(tmp_path / "docs"))
    assert done.exit_code == 0
    assert "recorded sessions are not here" in done.output
    assert not (tmp_path / "docs").exists()


@pytest.mark.parametrize("option", ["--sets", "--engines"])
def test_a_name_that_does_not_exist_is_refused_with_the_list_of_names(option: str) -> None:
    done = run(option, "nonsense")
    assert done.exit_code == 2


def test_an_engine_with_a_cap_is_compared_with_the_window_on_the_same_sessions() -> None:
    sessions = [[*agent(turns), answer()] for turns in (12, 16)]
    capped = [engine for engine in ENGINES if engine.name == "window"]
    (score,) = replayed(judge, capped, "tool_dialogues", sessions, 4_000, lambda _: None)
    assert (score.sessions, score.lost_share, score.cost_share) == (2, 1.0, 1.0)


def test_sessions_are_split_by_whether_their_instructions_fit() -> None:
    small, large = agent(2, system="Be brief."), agent(2, system="Be brief. " * 10_000)
    assert split(judge, [small, large], 4_000) == ([small], [large])


def test_every_set_names_a_budget_that_its_sessions_exceed() -> None:
    assert all(kind.budget < kind.min_tokens for kind in SETS.values())


def test_planted_facts_and_speed_have_a_row_each() -> None:
    (engine,) = available(["window"])
    row = kept(engine, engine.build(judge), 32_000, 7, judge.total)
    assert isinstance(row, Kept)
    assert 0 < row.keys <= row.facts == 34
    (speed,) = speeds(blocks=(1,), rounds=1)
    assert speed.messages == 300
