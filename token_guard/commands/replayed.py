"""What `token-guard replay` shows: a line of each model's figures, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from token_guard.simulation.totals import Side, Total

__all__ = ["Replayed"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """The totals of all logs by model, and a line on each line that could not be read."""

    logs: tuple[str, ...]
    totals: tuple[Total, ...]
    errors: tuple[str, ...] = ()
    against: str = ""
    version: Mapping[str, Any] | None = None
    """What another version says of the same logs, where one was asked."""

    @property
    def found(self) -> bool:
        """Whether a line could not be read; what the guard would do is an answer, and no finding."""
        return bool(self.errors)

    def as_json(self) -> Mapping[str, Any]:
        """All figures, by model."""
        models = [total.as_json() for total in self.totals]
        other = {"against": self.against, "version": self.version} if self.against else {}
        return {"logs": list(self.logs), "models": models, "remarks": list(self.remarks()), "errors": list(self.errors), **other}

    def show(self, out: Console, remarks: Console, /) -> None:
        """A table of what would happen, one of the bill, and remarks."""
        out.print(self._deeds())
        out.print(self._bills())
        for line in self.remarks():
            remarks.print(line, soft_wrap=True)

    def remarks(self) -> Iterator[str]:
        """What to know of the figures, a line each."""
        for total in self.totals:
            yield from _remarks(total)
        yield "bills are of prompts alone, replies cost the same; before is as if requests that do not fit had been answered in full"

    def _deeds(self) -> Table:
        table = Table("model")
        for title in ("window", "requests", "overflow", "compacted", "clamped", "refused", "facts kept", "changes told", "rules kept"):
            table.add_column(title, justify="right")
        for total in self.totals:
            table.add_row(total.model, f"{total.window:,}", f"{total.requests:,}", f"{total.overflowing:,}", *_deeds(total.after))
            if total.other:
                table.add_row(f"  against {self.against}", "", "", "", *_deeds(total.other), style="dim")
        return table

    def _bills(self) -> Table:
        table = Table("model", "")
        for title in ("tokens", "megabytes", "uncached", "cache read", "cache written", "cost"):
            table.add_column(title, justify="right")
        for total in self.totals:
            table.add_row(total.model, "before", *_bill(total.before, total))
            table.add_row("", "after", *_bill(total.after, total))
            if total.other:
                table.add_row("", f"against {self.against}", *_bill(total.other, total), style="dim")
        return table


def _deeds(side: Side) -> list[str]:
    quality = side.quality
    shares = [value / quality.compacted for value in (quality.retention, quality.changes)] if quality.compacted else []
    rules = f"{quality.rules_kept}/{quality.rules_found}" if quality.rules_found else "-"
    return [
        *(f"{side.actions[name]:,}" for name in ("compacted", "clamped", "refused")),
        *([f"{share:.0%}" for share in shares] or ["-", "-"]),
        rules,
    ]


def _bill(side: Side, total: Total) -> list[str]:
    bill = side.bill
    cost = f"${bill.cost:,.4f}" if total.priced_as else "no price"
    return [f"{side.tokens:,}", f"{side.bytes / 1e6:,.1f}", f"{bill.plain:,}", f"{bill.read:,}", f"{bill.write:,}", cost]


def _remarks(total: Total) -> Iterator[str]:
    before, after = total.before.bill.cost, total.after.bill.cost
    if total.priced_as and after > before:
        yield f"{total.model}: with the guard the prompts would cost {after / before - 1:.1%} more: compaction breaks the provider's cache"
    elif total.priced_as and before:
        yield f"{total.model}: with the guard the prompts would cost {1 - after / before:.1%} less"
    if not total.priced_as:
        yield f"{total.model}: LiteLLM's map has no price for it"
    if total.other is not None and total.priced_as and after:
        yield f"{total.model}: the other settings would cost {total.other.bill.cost / after - 1:+.1%}, in bytes {_change(total)}"
    if total.provider.requests:
        off = total.provider.as_json()["off"]
        yield (
            f"{total.model}: {total.provider.requests:,} requests with the provider's own counts; the simulated bill is "
            f"{'-' if off is None else f'{off:+.1%}'} off"
        )
    if total.provider.pauses:
        yield f"{total.model}: {total.provider.pauses:,} times its cache had lost what was in it, read from those counts for want of times"
    if refused := total.after.actions["refused"]:
        yield f"{total.model}: {refused:,} requests would be refused, and cost nothing after"
    if unreadable := total.before.actions["unreadable"]:
        yield f"{total.model}: {unreadable:,} requests cannot be read, and would be forwarded as they are"


def _change(total: Total) -> str:
    return f"{total.other.bytes / total.after.bytes - 1:+.1%}" if total.other and total.after.bytes else "-"
