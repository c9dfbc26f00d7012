"""The report of `token-guard replay` as one page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, select_autoescape

__all__ = ["page"]

TEMPLATE = Path(__file__).with_name("replay_page.html")

WIDTH = 640
BAR = 18

KINDS = ("uncached", "cache_written", "cache_read")


@dataclass(frozen=True, slots=True)
class _Segment:
    """A part of a bar: where it begins and how long it is, in pixels, and what it stands for."""

    kind: str
    x: float
    width: float
    tokens: int


def page(replayed: Mapping[str, Any]) -> str:
    """The page, as HTML; whatever stands in the logs' names is text in it."""
    environment = Environment(autoescape=select_autoescape(default=True), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update({"thousands": lambda number: f"{number:,}", "percent": _percent, "dollars": lambda cost: f"${cost:,.4f}"})
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    models = [{**model, "bars": _bars(model), "columns": _columns(model["sizes"])} for model in replayed["models"]]
    return template.render({**replayed, "models": models, "width": WIDTH, "bar": BAR})


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _bars(model: Mapping[str, Any]) -> list[tuple[str, list[_Segment]]]:
    """The tokens sent before and after, by what they cost."""
    sides = [(name, model[name]["bill"]) for name in ("before", "after", "against") if name in model]
    most = max((sum(bill[kind] for kind in KINDS) for _, bill in sides), default=0) or 1
    return [(name, _segments(bill, (WIDTH - 80) / most)) for name, bill in sides]


def _segments(bill: Mapping[str, int], scale: float) -> list[_Segment]:
    segments, x = [], 80.0
    for kind in KINDS:
        segments.append(_Segment(kind, round(x, 1), round(bill[kind] * scale, 1), bill[kind]))
        x += bill[kind] * scale
    return segments


def _columns(sizes: Sequence[int]) -> list[tuple[str, float, int]]:
    """What a histogram of sizes shows: the label, the height of the column in pixels, and the requests."""
    most = max(sizes, default=0) or 1
    labels = [*(f"{10 * tenth}–{10 * tenth + 10} %" for tenth in range(10)), "1–2 ×", "> 2 ×"]
    return [(label, round(90 * size / most, 1), size) for label, size in zip(labels, sizes, strict=True)]
