"""Which figures of README and docs no longer hold: `python benchmarks/figures.py`, or `--only NAME` for some of them; `--list` names them.

Pages that a script writes are written anew elsewhere and compared cell by cell, sentences with figures are measured anew. What is counted
has to be the same; what is timed may be up to twice as much or half: machines differ, and so do runs. Exit status 1 when a figure no longer
holds. All of them together take more than an hour on two cores. The numbers of docs/quickstart.md are checked by the tests.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

__all__ = ["FIGURES", "Difference", "Figure", "Made", "Measured", "changed"]

ROOT: Final = Path(__file__).parents[1]
SCRIPTS: Final = Path(__file__).parent
CORPUS: Final = ROOT.parent / "shared/corpus"
NUMBER: Final = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")
ROW: Final = re.compile(r"^\|(.+)\|$", re.MULTILINE)
SLACK: Final = 2.0
"""What is timed may be so many times as much, or as little."""
TIMED: Final = re.compile(r"\bms\b|requests/s|p50|p9\d|first token|processor|throughput|memory|overhead", re.IGNORECASE)
"""Columns that a clock fills, or the machine."""

ALL_COUNTED: Final = ("200 messages, cold, exact", "50 chats of 2 messages, exact", "one fresh text of 400 KB")
"""The cases of count.py in which both count every token."""
REPLAYED: Final = (("coding agents", "coding_agents", 16_000), ("coding agents", "coding_agents", 32_000))
"""The sessions of docs/operating.md: their name, their file, the window."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of a document, and what it is now; an empty text is none."""

    place: str
    told: str
    found: str


@dataclass(frozen=True, slots=True)
class Made:
    """A page, or a part of one, that is made anew."""

    document: str
    remake: Callable[[], str]
    part: Callable[[str], str] = str

    def differences(self) -> Iterator[Difference]:
        yield from changed(self.part(_read(ROOT / self.document)), self.remake())


@dataclass(frozen=True, slots=True)
class Measured:
    """A statement with one timed figure, or with the two between which it lies; the pattern has a group for each."""

    document: str
    pattern: str
    measure: Callable[[], float]

    @property
    def told(self) -> tuple[float, ...]:
        found = re.search(self.pattern, " ".join(_read(ROOT / self.document).split()))
        if not found:
            raise SystemExit(f"{self.document} no longer says {self.pattern}")
        return tuple(map(float, found.groups()))

    def differences(self) -> Iterator[Difference]:
        now = self.measure()
        if not min(self.told) / SLACK <= now <= max(self.told) * SLACK:
            yield Difference(self.pattern, " to ".join(f"{number:g}" for number in self.told), f"{now:.2g}")


Figure = Made | Measured


def changed(told: str, found: str) -> Iterator[Difference]:
    """Where two texts of one form differ by more than they may."""
    before, now = _figures(told), _figures(found)
    for place in {**before, **now}:
        old, new = before.get(place, ""), now.get(place, "")
        if old != new and not (TIMED.search(place) and _is_near(old, new)):
            yield Difference(place, old, new)


def _is_near(told: str, found: str) -> bool:
    before, now = ([float(number.replace(",", "")) for number in NUMBER.findall(text)] for text in (told, found))
    return len(before) == len(now) and all(a / SLACK <= b <= a * SLACK for a, b in zip(before, now, strict=True))


def _figures(text: str) -> dict[str, str]:
    """All figures of a text by their place: heading, row and column, or heading and sentence."""
    found: dict[str, str] = {}
    heading, columns = "", list[str]()
    for line in text.splitlines():
        row = ROW.match(line)
        cells = [cell.strip() for cell in row[1].split("|")] if row else []
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif not row and NUMBER.search(line):
            found[_free(found, f"{heading}, {NUMBER.sub('#', line)}")] = " ".join(NUMBER.findall(line))
        elif row and columns:
            found.update({_free(found, f"{heading}, {cells[0]}, {name}"): cell for name, cell in _numbers(columns, cells)})
        columns = (columns or cells) if row else []
    return found


def _numbers(columns: list[str], cells: list[str]) -> Iterator[tuple[str, str]]:
    yield from ((name, cell) for name, cell in zip(columns, cells, strict=False) if NUMBER.search(cell))


def _free(found: Mapping[str, str], place: str) -> str:
    """The place, or where it is taken the next one: rows of one label are told apart by their order."""
    number = 1
    while (name := place if number == 1 else f"{place} ({number})") in found:
        number += 1
    return name


def _script(name: str, page: str) -> Made:
    """A page that a script of this folder writes."""

    def remake() -> str:
        with tempfile.TemporaryDirectory() as folder:
            _run(str(SCRIPTS / name), "--out", folder)
            return _read(Path(folder) / page)

    return Made(f"docs/{page}", remake)


def _retention() -> str:
    """The table of docs/operating.md."""
    lines = ["| sessions | window | requests over it | retention | changes told |", "| --- | ---: | ---: | ---: | ---: |"]
    for label, name, window in REPLAYED:
        log, cap = str(CORPUS / f"{name}.jsonl.gz"), str(window)
        (model,) = json.loads(_run("-m", "token_guard", "replay", log, "--max-input-tokens", cap, "--json"))["models"]
        kept, over = model["after"]["quality"], f"{model['overflowing']:,} of {model['requests']:,}"
        lines.append(f"| {label} | {window:,} | {over} | {kept['retention']:.2f} | {kept['changes_told']:.2f} |")
    return "\n".join(lines) + "\n"


def _fast() -> float:
    """How many times as fast as tiktoken the extra counts."""
    cases = json.loads(_run(str(SCRIPTS / "count.py"), "--json"))
    return statistics.median(cases[name][1] / cases[name][2] for name in ALL_COUNTED)


def _ctok() -> float:
    """Megabytes that Claude's vocabulary counts in a second of a core."""
    from token_guard.counting.vocabularies import counter_of

    count = counter_of("claude-3")
    if count is None:
        raise SystemExit("needs the extra claude")
    text = _read(ROOT / "docs/configuration.md")
    seconds = []
    for _ in range(5):
        begun = time.thread_time()
        count(text)
        seconds.append(time.thread_time() - begun)
    return len(text.encode()) / 1e6 / statistics.median(seconds)


def _run(*command: str) -> str:
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPATH": path}
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _marked(name: str) -> Callable[[str], str]:
    """What stands between two marks of a page."""
    return lambda text: text.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- end of {name} -->")[0]


FIGURES: Final[Mapping[str, Figure]] = {
    "fast": Measured("README.md", r"counts about (\d+) times as fast", _fast),
    "ctok": Measured("docs/configuration.md", r"ctok counts ([\d.]+) to ([\d.]+) MB a second", _ctok),
    "reading": _script("reading.py", "reading.md"),
    "retention": Made("docs/operating.md", _retention, _marked("retention")),
    "quality": _script("quality.py", "quality.md"),
    "performance": _script("proxy.py", "performance.md"),
}


def main(
    only: Annotated[list[str], typer.Option(help="One of the names; may be repeated.")] = [],  # noqa: B006 (typer copies it)
    list_: Annotated[bool, typer.Option("--list", help="Show the names and where the figures stand.")] = False,
) -> None:
    """Say which figures no longer hold."""
    if unknown := [name for name in only if name not in FIGURES]:
        raise typer.BadParameter(f"{unknown[0]} is none of {', '.join(FIGURES)}", param_hint="--only")
    wrong = 0
    for name, figure in FIGURES.items():
        if list_:
            print(f"{name}: {figure.document}")
        elif not only or name in only:
            wrong += _told(name, figure)
    raise typer.Exit(1 if wrong else 0)


def _told(name: str, figure: Figure) -> int:
    found = list(figure.differences())
    print(f"{name}: {figure.document}: {f'{len(found)} no longer hold' if found else 'all hold'}", flush=True)
    for one in found:
        print(f"  {one.place}: {one.told or 'nothing'} -> {one.found or 'nothing'}")
    return len(found)


if __name__ == "__main__":
    typer.run(main)
