"""What `token-guard count` shows: a row for each input, the split of requests below it, the total last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rich.console import Console
from rich.table import Table

from token_guard.budget import ContextLimit
from token_guard.commands.printable import printable

__all__ = ["Count", "Row"]

MOST_FRAMED = 200
"""Rows up to which a terminal gets a framed table; a longer one takes longer to lay out than to count."""

SHOWN_NAMES = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One input: its tokens as its model counts, and for requests where they are (empty for text)."""

    name: str
    model: str
    tokens: int
    split: Mapping[str, int] = field(default_factory=dict)
    margin: float = 0.0
    """By which share the provider may count more; 0.0 where texts are counted by the model's own vocabulary."""
    raw: int | None = None
    """The tokens before variables were put in; None where none were."""
    cached: bool = False
    note: str = ""
    largest: int = 0
    """The tokens that have to fit a window: all of them, or in a log those of its largest request."""

    def as_json(self, limit: ContextLimit) -> dict[str, Any]:
        """Name, model and window, tokens, their share and split; what more there is to say, where there is."""
        more = {"raw": self.raw, "cached": self.cached or None, "note": self.note or None}
        return {
            "name": self.name,
            "model": self.model,
            "tokens": self.tokens,
            "counted": "estimate" if self.margin else "exact",
            "margin": self.margin,
            "share": round(self.largest / limit.max_input_tokens, 4),
            "split": dict(self.split),
            "window": _window(limit),
            **{key: value for key, value in more.items() if value is not None},
        }


@dataclass(frozen=True, slots=True)
class Count:
    """All inputs, each counted for its own model, and a line on each that could not be counted."""

    rows: tuple[Row, ...]
    limits: Mapping[str, ContextLimit]
    errors: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    """Files that were only found, and are no text."""
    only_total: bool = False

    @property
    def total(self) -> int:
        """Tokens of all inputs together."""
        return sum(row.tokens for row in self.rows)

    @property
    def found(self) -> bool:
        """Whether an input is larger than its model's window, or something could not be counted."""
        return bool(self.errors) or any(map(self._is_large, self.rows))

    @property
    def model(self) -> str | None:
        """The model of all inputs; None where they differ, so that a total says nothing about a window."""
        models = {row.model for row in self.rows}
        return models.pop() if len(models) == 1 else None

    def shown_as(self, *, total: bool, largest_first: bool) -> Count:
        """The same, as it was asked for."""
        rows = tuple(sorted(self.rows, key=lambda row: -row.tokens)) if largest_first else self.rows
        return replace(self, rows=rows, only_total=total)

    def as_json(self) -> Mapping[str, Any]:
        """Each input, what could not be read, and the total; model, window and share of the total where all have the same model."""
        limit = self.limits[self.model] if self.model else None
        of_all = {
            "model": self.model,
            "share": limit and round(self.total / limit.max_input_tokens, 4),
            "window": limit and _window(limit),
        }
        inputs = [] if self.only_total else [row.as_json(self.limits[row.model]) for row in self.rows]
        return {**of_all, "inputs": inputs, "total": self.total, "errors": list(self.errors), "skipped": list(self.skipped)}

    def show(self, out: Console, remarks: Console, /) -> None:
        """The rows; beside them the windows, and what to know of the numbers."""
        if self.only_total:
            out.print(f"{self.total:,}")
        elif out.is_terminal and 0 < len(self.rows) <= MOST_FRAMED:
            out.print(self._framed())
        elif self.rows:
            out.file.write("".join(f"{line}\n" for line in _aligned(list(self._lines()))))
        for line in self._remarks():
            remarks.print(line, soft_wrap=True)

    def _remarks(self) -> Iterator[str]:
        for model, limit in self.limits.items():
            yield f"{model}: a window of {limit.max_input_tokens:,} tokens, says {limit.source}"
        for model, margin in {row.model: row.margin for row in self.rows if row.margin}.items():
            yield f"{model}: estimated; the provider may count up to {margin:.0%} more"
        yield from (f"{self._name(row)}: {row.note}" for row in self.rows if row.note)
        if self.skipped:
            more = len(self.skipped) - SHOWN_NAMES
            names = ", ".join(map(printable, self.skipped[:SHOWN_NAMES])) + (f" and {more:,} more" if more > 0 else "")
            yield f"skipped, not text: {names}"

    def _is_large(self, row: Row) -> bool:
        return row.largest > self.limits[row.model].max_input_tokens

    def _share(self, row: Row, tokens: int) -> str:
        return f"{tokens / self.limits[row.model].max_input_tokens:.1%}"

    def _name(self, row: Row) -> str:
        """What a row is called: its input, and its model where that is not the same for all."""
        return printable(row.name if self.model else f"{row.name} ({row.model})")

    def _lines(self) -> Iterator[tuple[str, str, str]]:
        """Every line of the table: input, tokens, share of the window."""
        yield "input", "tokens", "of the window"
        for row in self.rows:
            yield from self._lines_of(row)
        if len(self.rows) > 1:
            yield self._total()

    def _lines_of(self, row: Row) -> Iterator[tuple[str, str, str]]:
        before = "" if row.raw is None else f" ({row.raw:,} before its variables)"
        yield self._name(row) + before, f"{row.tokens:,}", self._share(row, row.largest)
        for part, tokens in row.split.items():
            yield f"  {part}", f"{tokens:,}", self._share(row, tokens)

    def _total(self) -> tuple[str, str, str]:
        share = f"{self.total / self.limits[self.model].max_input_tokens:.1%}" if self.model else "-"
        return "total", f"{self.total:,}", share

    def _framed(self) -> Table:
        table = Table("input", show_footer=len(self.rows) > 1)
        total = self._total()
        table.columns[0].footer, table.columns[0].overflow = "total", "fold"
        table.add_column("tokens", justify="right", footer=total[1])
        table.add_column("of the window", justify="right", footer=total[2])
        for row in self.rows:
            first, *rest = self._lines_of(row)
            table.add_row(*first, style="red" if self._is_large(row) else None)
            for line in rest:
                table.add_row(*line, style="dim")
        return table


def _window(limit: ContextLimit) -> dict[str, Any]:
    return {"max_input_tokens": limit.max_input_tokens, "source": limit.source}


def _aligned(lines: list[tuple[str, str, str]]) -> Iterator[str]:
    """Columns without a frame, names whole: for pipes, and for what is long.

    >>> list(_aligned([("input", "tokens", "of the window"), ("a.txt", "7", "0.0%")]))
    ['input  tokens  of the window', 'a.txt       7           0.0%']
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for name, tokens, share in lines:
        yield f"{name:{widths[0]}}  {tokens:>{widths[1]}}  {share:>{widths[2]}}"
