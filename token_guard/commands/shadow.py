"""`token-guard shadow report`: what comparisons of whole with compacted requests have shown so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from token_guard.commands import litellm_config
from token_guard.commands.inputs import InputError
from token_guard.settings import Settings
from token_guard.shadow import LEAST_PAIRS, Agreed, Interval, Overlaps, Tally, read
from token_guard.stores import open_store, trouble_with
from token_guard.stores.files import is_there

__all__ = ["ShadowReport", "shadow_report"]

_ROWS: Final = (
    ("another next action", "next"),
    ("of calls: another tool", "tool"),
    ("of calls: or another target", "target"),
    ("of calls: or other arguments", "arguments"),
)
"""What two replies can disagree in, and where it is counted."""

_TEXTS: Final = "of texts: words in common"


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """The counts of each model."""

    tallies: Mapping[str, Tally]
    days: int

    @property
    def found(self) -> bool:
        """Whether a model does something else over a compaction more often than it does by itself."""
        return any(added is not None and added.low > 0 for added in (tally.next.added for tally in self.tallies.values()))

    def as_json(self) -> Mapping[str, Any]:
        """The counts of each model, and where there are pairs enough the rates with their intervals."""
        models = {model: _as_json(tally) for model, tally in self.tallies.items()}
        return {"days": self.days, "least_pairs": LEAST_PAIRS, "models": models}

    def show(self, out: Console, remarks: Console, /) -> None:
        """A table for each model, and how its comparisons ended."""
        for model, tally in self.tallies.items():
            out.print(_table(model, tally))
            ended = ", ".join(f"{how} {times:,}" for how, times in sorted(tally.ended.items()))
            remarks.print(f"{model}: {ended}; spent {tally.spent:,.4f}", soft_wrap=True)
            if tally.next.pairs < LEAST_PAIRS:
                missing = LEAST_PAIRS - tally.next.pairs
                remarks.print(f"{model}: {missing} more pairs are needed before a rate says anything", style="yellow", soft_wrap=True)
        if not self.tallies:
            remarks.print("nothing has been compared; shadow.models and shadow.budget_per_day switch it on", soft_wrap=True)


def shadow_report(config: str | None, days: int, environ: Mapping[str, str]) -> ShadowReport:
    """What the proxies of a configuration (else those with the options of the environment) have counted in so many days.

    Raises InputError where their store cannot be read from here.
    """
    document = {} if config is None else litellm_config.load(config, environ)
    name = Settings.load(litellm_config.options(document)).store
    if name.startswith(("memory:", "proxy:")):
        raise InputError(f"store: {name} is known to the proxy alone; a file, PostgreSQL or Redis can be read from here")
    if trouble := trouble_with(name):
        raise InputError(trouble)
    if not is_there(name):
        raise InputError(f"store: {name} does not exist; --config names the configuration of the proxy that compares")
    store = open_store(name)
    try:
        return ShadowReport(read(store, datetime.now(UTC).date(), days), days)
    finally:
        store.close()


def _as_json(tally: Tally) -> dict[str, Any]:
    rates = {name: _rates(getattr(tally, name)) for _, name in _ROWS}
    overlap = {"whole": tally.overlap.by_itself, "compacted": tally.overlap.over_compaction, "lost": tally.overlap.lost}
    texts = {"pairs": tally.overlap.pairs, **{name: found and asdict(found) for name, found in overlap.items()}}
    return {**rates, "overlap": texts, "ended": dict(tally.ended), "spent": round(tally.spent, 6)}


def _rates(agreed: Agreed) -> dict[str, Any]:
    found = {"by_itself": agreed.by_itself, "over_compaction": agreed.over_compaction, "added": agreed.added}
    return {**asdict(agreed), **{name: interval and asdict(interval) for name, interval in found.items()}}


def _table(model: str, tally: Tally) -> Table:
    table = Table("two replies differ in", title=model, title_justify="left")
    for title in ("pairs", "whole and whole", "whole and compacted", "by compaction"):
        table.add_column(title, justify="right")
    for row in _shown(tally):
        table.add_row(*row)
    return table


def _shown(tally: Tally) -> Iterator[tuple[str, ...]]:
    for title, name in _ROWS:
        agreed: Agreed = getattr(tally, name)
        yield title, f"{agreed.pairs:,}", _rate(agreed.by_itself), _rate(agreed.over_compaction), _rate(agreed.added, signed=True)
    texts: Overlaps = tally.overlap
    yield _TEXTS, f"{texts.pairs:,}", _rate(texts.by_itself), _rate(texts.over_compaction), _rate(_negative(texts.lost), signed=True)


def _negative(interval: Interval | None) -> Interval | None:
    return interval and Interval(-interval.estimate, -interval.high, -interval.low)


def _rate(interval: Interval | None, *, signed: bool = False) -> str:
    """A rate with its interval, in percent or percentage points.

    >>> _rate(Interval(0.1, 0.0552, 0.1744)), _rate(Interval(0.02, -0.01, 0.05), signed=True), _rate(None)
    ('10 % (6 to 17)', '+2 (-1 to +5)', '-')
    """
    if interval is None:
        return "-"
    if signed:
        return f"{interval.estimate:+.0%} ({interval.low:+.0%} to {interval.high:+.0%})".replace("%", "")
    return f"{100 * interval.estimate:.0f} % ({100 * interval.low:.0f} to {100 * interval.high:.0f})"
