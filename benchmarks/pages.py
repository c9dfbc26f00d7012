"""Sections as Markdown for the page and as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from engines import ENGINES, Engine
from rich.table import Table

__all__ = ["Section", "page", "terminal"]

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

Of the requests over their budget, in long sessions of every n-th (the table says which), other rules ask what a reader finds:

- **names whole**: of the names that the next calls use and that only older messages hold, those that stand whole somewhere.
- **bound**: of the same, those that stand, outside bare lists, near words that stood near them in the history.
- **changes told, outcomes**: of the older calls that changed something, those of which the target is named near the tool or a verb of
  change; and of the same, those whose result is told there too.
- **edit lines**: of the lines that the next edit replaces and that only older messages hold, those that are there to the letter.
- **bare, invented**: the share of the text put in that is bare lists of names, and names in it that nowhere stand whole in the history.

The sliding window keeps instructions, first and last user message, and drops the oldest exchanges until it fits. `litellm.compress` gets
`""` for `null` contents, on which it raises; langchain-core gets the exact counter; headroom-ai runs without its model.

What a column can be won with, and no reader be served: a list of names wins "facts lost" and "names whole"; "edited a.py" and nothing
more wins "changes told", and a copied status word much of "outcomes"; text kept only because it is newest wins "bound" and "edit lines"
where a session works on one thing; to put in nothing wins "bare" and "invented", as every window does; and what never removes anything
wins every column but the sizes. So no column stands alone.
"""

PLOTS = """![Cost and bound facts, by engine](quality-engines.svg)

![Tokens of every request of one session, before and after](quality-session.svg)
"""


@dataclass(frozen=True, slots=True)
class Section:
    """A titled table with a remark above it."""

    title: str
    remark: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    below: str = ""
    """What the figures say, in sentences."""


def page(sections: Sequence[Section], missing: Sequence[Engine], plots: bool) -> str:
    """The whole page in Markdown."""
    return "\n".join((INTRODUCTION, *((PLOTS,) if plots else ()), *map(_markdown, sections), *_about(missing))).rstrip() + "\n"


def _markdown(section: Section) -> str:
    rule = " | ".join(("---", *("---:" for _ in section.columns[1:])))
    rows = (" | ".join(row) for row in section.rows)
    table = "\n".join(f"| {line} |" for line in (" | ".join(section.columns), rule, *rows))
    return "\n\n".join(filter(None, (f"## {section.title}", section.remark, table, section.below))) + "\n"


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
    table = Table(
        title=section.title, caption=" ".join(filter(None, (section.remark, section.below))), title_justify="left", caption_justify="left"
    )
    for place, column in enumerate(section.columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=not place)
    for row in section.rows:
        table.add_row(*row)
    return table
