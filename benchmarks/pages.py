"""Sections of figures, as Markdown for the page and as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from engines import ENGINES, Engine
from facts import Kept, Speed
from replays import FRACTION, Evidence, Score, SessionSet
from rich.table import Table

__all__ = ["Section", "evidence_section", "facts_section", "impossible_section", "page", "scores_section", "speed_section", "terminal"]

INTRODUCTION = """# Compaction compared

Written by `python benchmarks/quality.py`; not edited by hand. Recorded sessions are replayed request by request: every request that the
client really sent goes through each engine, all in one process, and an independent counter (o200k) and independent rules look at what
it forwards. Budgets are small on purpose, so that whole sessions go through many compactions.

- **too big, invalid, errors**: requests that would be refused by size, by a provider's rule, or on which the engine raised (the request
  counts as forwarded unchanged). An engine with any of these is not a choice, however much it keeps: what is not removed is not lost.
- **lost**: identifiers that the next assistant turn uses in its tool calls and that the forwarded request no longer holds, as a share of
  what the sliding window loses.
- **cache hit**: the share of forwarded tokens that repeat the head of the request before, byte for byte.
- **cost**: tokens, cached ones at a tenth, as a share of the sliding window's.
- **ms**: median milliseconds of a request that is over its budget.

The sliding window keeps instructions, first and last user message, and drops the oldest exchanges until it fits. `litellm.compress` gets
`""` for `null` contents, on which it raises; langchain-core gets the exact counter; headroom-ai runs without its model.
"""

PLOTS = """![Cost and facts kept, by engine](quality-engines.svg)

![Tokens of every request of one session, before and after](quality-session.svg)
"""


@dataclass(frozen=True, slots=True)
class Section:
    """A titled table with a remark above it."""

    title: str
    remark: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


SCORE_COLUMNS = (
    "engine",
    "sessions",
    "too big",
    "invalid",
    "errors",
    "facts lost",
    "lost / window's",
    "cache hit",
    "cost / window's",
    "ms",
)


def scores_section(kind: SessionSet, title: str, scores: Sequence[Score], remark: str = "") -> Section:
    """How the engines did on one set."""
    most = max((score.sessions for score in scores), default=0)
    about = f"{most} sessions of {kind.min_tokens:,} tokens and more, forwarded within {kind.budget:,}."
    capped = ", ".join(score.engine.label for score in scores if score.sessions < most)
    notes = (about, remark, capped and f"Slow, so only on the shortest sessions, with the window on the same: {capped}.")
    return Section(title, " ".join(filter(None, notes)), SCORE_COLUMNS, tuple(map(_score_row, scores)))


def _score_row(score: Score) -> tuple[str, ...]:
    counts = (score.sessions, score.too_big, score.invalid, score.errors)
    lost = f"{score.lost:,} of {score.at_risk:,}"
    shares = (f"{score.lost_share:.2f}", f"{score.cache_hit:.3f}", f"{score.cost_share:.2f}")
    return (score.engine.label, *map("{:,}".format, counts), lost, *shares, f"{score.milliseconds:.1f}")


def impossible_section(kind: SessionSet, title: str, scores: Sequence[Score]) -> Section:
    """Sessions that nobody can fit: what counts is that a request is refused with a reason rather than sent in vain."""
    remark = (
        f"The instructions alone of these {max((score.sessions for score in scores), default=0)} sessions are larger than {kind.budget:,}"
        " tokens, so no engine that keeps them can fit them. To refuse says at once which part is too large."
    )
    rows = tuple(
        (score.engine.label, *map("{:,}".format, (score.over, score.errors, score.sent_too_big, score.invalid))) for score in scores
    )
    return Section(title, remark, ("engine", "requests over", "refused", "sent too big", "sent invalid"), rows)


def evidence_section(found: Sequence[Evidence]) -> Section:
    """Questions over long dialogues."""
    remark = (
        f"Meetings with a question as the last message, within {FRACTION:.0%} of the history: the share of evidence messages forwarded."
    )
    rows = tuple((one.engine.label, str(one.dialogues), f"{one.recall:.2f}", str(one.too_big), str(one.invalid)) for one in found)
    return Section("Evidence for a question", remark, ("engine", "dialogues", "evidence kept", "too big", "invalid"), rows)


def facts_section(kept: Sequence[Kept]) -> Section:
    """Planted facts, a column group for each window."""
    remark = (
        "A generated session of 300 messages and about 290,000 tokens, with facts that are said once: in instructions, by the user, by the"
        " assistant, in JSON rows, logs, code and grep output. Kept: their keys, and in brackets their whole statements."
    )
    limits = sorted({one.limit for one in kept}, reverse=True)
    columns = tuple(name for limit in limits for name in (f"{limit // 1000}k: tokens", "kept", "first ms", "next ms"))
    by_engine = {one.engine.name: one.engine for one in kept}
    rows = tuple(
        (engine.label, *(cell for one in kept if one.engine is engine for cell in _kept_cells(one))) for engine in by_engine.values()
    )
    return Section(f"Planted facts ({kept[0].facts})", remark, ("engine", *columns), rows)


def _kept_cells(one: Kept) -> tuple[str, ...]:
    size = f"{one.tokens:,}" + ("" if one.tokens <= one.limit else " over")
    return size, f"{one.keys} ({one.statements})", f"{one.first_ms:,.0f}", f"{one.next_ms:,.0f}"


def speed_section(speeds: Sequence[Speed]) -> Section:
    """Our own time by length."""
    columns = ("messages", "tokens", "counting alone, ms", "first call with counts known, ms", "same request again, ms")
    rows = tuple(
        (f"{one.messages:,}", f"{one.tokens:,}", f"{one.counting_ms:,.0f}", f"{one.first_ms:,.0f}", f"{one.next_ms:,.0f}") for one in speeds
    )
    return Section("Speed by length", "The same kind of session through token_guard, adaptive, to 128,000 tokens; medians.", columns, rows)


def page(sections: Sequence[Section], missing: Sequence[Engine], plots: bool) -> str:
    """The whole page in Markdown."""
    return "\n".join((INTRODUCTION, *((PLOTS,) if plots else ()), *map(_markdown, sections), *_about(missing))).rstrip() + "\n"


def _markdown(section: Section) -> str:
    rule = " | ".join(("---", *("---:" for _ in section.columns[1:])))
    rows = (" | ".join(row) for row in section.rows)
    table = "\n".join(f"| {line} |" for line in (" | ".join(section.columns), rule, *rows))
    return f"## {section.title}\n\n{section.remark}\n\n{table}\n"


def _about(missing: Sequence[Engine]) -> Iterator[str]:
    packages = sorted({"litellm", *(engine.package.replace("_", "-") for engine in ENGINES if engine.package)})
    gone = {engine.package.replace("_", "-") for engine in missing}
    names = {"headroom": "headroom-ai"}
    versions = ", ".join(f"{names.get(one, one)} {version(names.get(one, one))}" for one in packages if one not in gone)
    yield f"Versions: {versions}."
    if gone:
        yield f"Left out, as not installed: {', '.join(sorted(names.get(one, one) for one in gone))}."


def terminal(section: Section) -> Table:
    """The same for people at a terminal."""
    table = Table(title=section.title, caption=section.remark, title_justify="left", caption_justify="left")
    for place, column in enumerate(section.columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=not place)
    for row in section.rows:
        table.add_row(*row)
    return table
