"""docs/metrics.md names every header, metric, span attribute, log field and alarm, and nothing else: its tables are those of the code.

`python tests/test_metrics_document.py` writes them anew, between their marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from token_guard.proxy.alarms import ALARMS
from token_guard.proxy.fields import FIELDS, GEN_AI
from token_guard.proxy.headers import HEADERS, PREFIX
from token_guard.proxy.instruments import INSTRUMENTS

DOCUMENT = Path(__file__).parents[1] / "docs/metrics.md"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


TABLES: Mapping[str, str] = {
    "headers": _table(("header", "what it says"), ((f"`{PREFIX}{name}`", meaning) for name, meaning in HEADERS.items())),
    "metrics": _table(
        ("metric", "kind", "labels", "what it counts"),
        ((f"`{one.name}`", one.kind, ", ".join(f"`{label}`" for label in one.labels), one.meaning) for one in INSTRUMENTS.values()),
    ),
    "fields": _table(("field", "what it says"), ((f"`{name}`", field.meaning) for name, field in FIELDS.items())),
    "attributes": _table(("attribute", "what it says"), ((f"`{name}`", meaning) for name, meaning in GEN_AI.items())),
    "alarms": _table(
        ("alarm", "cause", "what it says"),
        ((f"`{alarm}`", f"`{cause}`", meaning) for alarm, causes in ALARMS.items() for cause, meaning in causes.items()),
    ),
}


def _marked(name: str, text: str) -> str:
    return f"<!-- {name} -->\n{text}\n<!-- end of {name} -->"


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_are_those_of_the_code(name: str) -> None:
    assert _marked(name, TABLES[name]) in DOCUMENT.read_text(encoding="utf-8")


def test_what_the_text_names_exists() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    metrics = {instrument.name for instrument in INSTRUMENTS.values()}
    assert set(re.findall(r"`(token_guard_\w+)`", text)) <= metrics
    assert {name.removeprefix(PREFIX) for name in re.findall(r"`(x-token-guard-[\w-]+)`", text)} <= {*HEADERS, "mode"}


if __name__ == "__main__":
    written = DOCUMENT.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        found = re.search(rf"<!-- {name} -->\n.*?<!-- end of {name} -->", written, re.DOTALL)
        assert found, f"{DOCUMENT.name} has no place for {name}"
        written = written.replace(found[0], _marked(name, table))
    DOCUMENT.write_text(written, encoding="utf-8")
