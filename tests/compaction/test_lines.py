"""Of a text those lines are told that say something of how it went."""

from __future__ import annotations

import pytest

from token_guard.compaction.lines import read, telling

BUILD = """\
   Compiling dep_{place} v0.{place}.2
"""
FAILED = """\
error[E0502]: cannot borrow `self.map` as mutable
   --> src/proxy/session.rs:118:17
    |
"""


def test_the_rows_of_a_runs_progress_stand_behind_its_error_and_the_place_of_it() -> None:
    rows = "".join(BUILD.format(place=place) for place in range(40))
    weights = {f"dep_{place}": 1.0 for place in range(40)} | {"src/proxy/session.rs": 0.1}
    best = {line.text for line in telling(rows + FAILED, weights)[:2]}
    assert best == {"error[E0502]: cannot borrow `self.map` as mutable", "--> src/proxy/session.rs:118:17"}


def test_a_row_of_progress_that_reports_an_error_keeps_its_names() -> None:
    text = "Setting the clock\nFailing over to db-7: connection refused\nsome more\nand more\nand yet more\n"
    assert telling(text, {"db-7": 1.0})[0].text == "Failing over to db-7: connection refused"


CODE = """\
def settle_invoice(charged_twice, row):
{line}
    charged_twice = charged_twice or row.attempts > 1
    ledger.post(row, charged_twice)
    log.info("posted %s %s", row, charged_twice)
    audit.note(row.id, charged_twice)
"""


@pytest.mark.parametrize(
    "line",
    [
        "if charged_twice:",
        "} else if charged_twice {",
        "return charged_twice",
        "return charged_twice;",
        "charged_twice()",
        "charged_twice = []",
    ],
)
def test_a_line_of_code_that_only_steers_stands_behind_those_that_say_what_its_name_is(line: str) -> None:
    told = telling(CODE.format(line=line), {"charged_twice": 1.0})
    assert told[-1].text == line


@pytest.mark.parametrize(
    "line", ["app/models.py", "raise LedgerLocked", "charged_twice = row.attempts", "ledger.post(row)", "retry_limit = 3"]
)
def test_a_line_that_says_something_keeps_its_names(line: str) -> None:
    assert next(iter(read(line))).names
