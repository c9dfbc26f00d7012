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
from contexts import Context
from engines import ENGINES, available
from facts import Kept, kept, speeds, talked
from findings import against_summaries, fewer_lost, findings
from plots import Turn, draw_session
from replays import SETS, Score, replayed, split
from summaries import Held, compactions_of
from typer.testing import CliRunner

RUNNABLE = [engine.name for engine in available()]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as that of the recorded conversations, with sessions of its own and a judge."""
    folder = tmp_path_factory.mktemp("corpus")
    for name, file in (("evaluate", "judge"), ("context_facts", "context_judge")):
        (folder / f"{name}.py").write_text(Path(__file__).with_name(f"{file}.py").read_text(encoding="utf-8"), encoding="utf-8")
    too_long = [say("system", "Be careful. " * 3_000), *agent(1)[1:]]
    meeting = [say("user", f"Speaker {place}: the budget of project {place} is {place * 17} euro.") for place in range(60)]
    _write(folder, "coding_agents", [agent(4), agent(30)])
    _write(folder, "tool_dialogues", [agent(12), agent(14), too_long])
    _write(folder, "long_dialogues_qa", [meeting], qa=[{"question": "What is the budget of project 7?", "evidence_messages": [7]}])
    compactions = [{"before_message": place, "summary": f"Read src/module_{place // 4}."} for place in (20, 40, 63)]
    usage = [[2, 1_000, 0, 5], [20, 1_500, 0, 5], [40, 4_000, 0, 5]]
    _write(folder, "agent_sessions", [agent(30)], compactions=compactions, usage_prompt_cacheread_output=usage)
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
    done = run(
        "--sets",
        "tool_dialogues",
        "--sets",
        "summaries",
        "--sets",
        "evidence",
        "--corpus",
        str(recorded),
        "--out",
        str(out),
    )
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


def test_each_set_says_what_a_reader_finds_and_how_many_requests_were_read(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = text.partition("## Tool dialogues: what a reader finds")[2].partition("\n## ")[0]
    assert "Every request of a session that is over the budget was read." in found
    assert "| engine | requests read | names whole | bound | changes told | outcomes | edit lines | bare | invented |" in found
    assert re.search(r"\| sliding window \| [1-9]\d* \| 0\.\d+ of", found), found
    assert "**sliding window** keeps more than token_guard, adaptive" in found
    assert "What a column can be won with" in text


def test_clients_summaries_stand_beside_ours_in_both_rooms(page: Path) -> None:
    _, _, found = page.read_text(encoding="utf-8").partition("## Against the clients' own summaries")
    assert "2 of 3 compactions" in found
    for label in ("client's summary", "token_guard, adaptive", "sliding window"):
        assert f"| {label} | of the summary | 2 |" in found
    assert all(
        f"| {label} | left by the client | 2 |" in found for label in ("client's summary and newest messages", "token_guard, adaptive")
    )
    assert "In 1 of the 2 the" in found


def test_a_compaction_leaves_what_the_provider_counted_but_never_less_than_its_summary(recorded: Path) -> None:
    (small, large), recorded_in_all = compactions_of(judge, recorded, None)
    assert recorded_in_all == 3
    assert small.left == int(500 / 1.34 + judge.total(small.history[:2]))
    assert large.left == int(3_000 / 1.34 + judge.total(large.history[:2]))
    assert all(one.left >= judge.total(one.summary) for one in (small, large))


def score(name: str, *contexts: Context, too_big: int = 0, losses: tuple[int, ...] = ()) -> Score:
    engine = next(engine for engine in ENGINES if engine.name == name)
    return Score(engine, len(contexts), 9, 9, too_big, 0, 0, 0, sum(losses), 1.0, 0.5, 1.0, 1.0, losses, contexts)


OURS = Context(judged=1, at_risk=10, whole=9, bound=8, changes=4, told=4, outcomes=4)


def test_sentences_say_where_the_window_keeps_more_and_by_how_much() -> None:
    theirs = Context(at_risk=10, whole=9, bound=9, changes=4, told=1, outcomes=1)
    said = findings([score("adaptive", OURS), score("window", theirs)])
    assert said == "**sliding window** keeps more than token_guard, adaptive: bound 0.900 against 0.800 (10)."


def test_sentences_say_that_the_window_keeps_nothing_more() -> None:
    theirs = Context(at_risk=10, whole=9, bound=8, changes=4, told=1, outcomes=1)
    said = findings([score("adaptive", OURS), score("window", theirs), score("masking", theirs)])
    assert said == "**sliding window** keeps more than token_guard, adaptive nowhere."


def test_where_nothing_was_read_no_sentence_says_who_keeps_more() -> None:
    assert findings([score("adaptive", Context()), score("window", Context())]) == ""


def test_a_peer_that_keeps_more_is_compared_on_its_own_sessions_and_its_refusals_are_told() -> None:
    ours = score("adaptive", OURS, Context(at_risk=90, whole=90, bound=90))
    peer = score("masking", Context(at_risk=10, whole=10, bound=8), too_big=3)
    said = findings([ours, peer])
    assert said == (
        "**masking only** (of its 9 requests: 3 too big) keeps more than token_guard, adaptive: names whole 1.000 against 0.900 (10)."
    )


def test_sentences_say_who_loses_fewer_facts_on_the_same_sessions() -> None:
    ours = score("adaptive", losses=(5, 70))
    said = fewer_lost([ours, score("window", losses=(9, 80)), score("masking", losses=(4,), too_big=3)])
    assert said == (
        "**sliding window** loses no fewer facts than token_guard, adaptive: 89 against 75. "
        "**masking only** (of its 9 requests: 3 too big) loses fewer facts than token_guard, adaptive: 4 against 5."
    )
    assert fewer_lost([ours, score("window", losses=(4, 70))]).startswith("**sliding window** loses fewer facts")


def test_sentences_under_the_summaries_compare_rows_of_one_room_only() -> None:
    summary = Held("client's summary", "small", 10, 0, 0, Context(at_risk=10, whole=3, bound=2))
    ours = [
        Held("token_guard, adaptive", room, 10, 0, 0, Context(at_risk=10, whole=2, bound=bound))
        for room, bound in (("small", 1), ("large", 9))
    ]
    assert against_summaries([summary, *ours]) == (
        "In the room small token_guard, adaptive keeps 1 names bound, the client's summary alone 2 (0.5 times as many). "
        "**client's summary** keeps more than token_guard, adaptive: names whole 0.300 against 0.200 (10), bound 0.200 against 0.100 (10). "
        "In the room large token_guard, adaptive keeps 9 names bound, the client's summary alone 2 (4.5 times as many)."
    )


def test_plots_are_small_and_name_their_axes(page: Path) -> None:
    engines, session = (page.with_name(f"quality-{name}.svg").read_text(encoding="utf-8") for name in ("engines", "session"))
    assert "cost, % of the sliding window" in engines
    assert "bound to what they meant" in engines
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


def test_a_talk_has_a_row_with_its_first_call_and_its_turns() -> None:
    (row,) = talked([(60, 1_000)], turns=2)
    assert (row.messages, row.limit) == (60, 1_000)
    assert min(row.first_ms, row.turn_ms) > 0
