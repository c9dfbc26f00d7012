"""How a call ended is told by the line of its output that says it."""

from __future__ import annotations

import json

import pytest

from token_guard.compaction.outcomes import outcome


def test_a_file_that_speaks_of_errors_was_read_all_the_same() -> None:
    page = "# Retries\nThe client gives up after three failures.\nCannot be switched off.\n" + "More text.\n" * 20
    assert outcome(page, shown=True) == "(23 lines)"


def test_a_file_that_could_not_be_read_says_why() -> None:
    assert outcome("cat: notes.md: No such file or directory\n", shown=True) == "cat: notes.md: No such file or directory"
    failed = "returncode: 2\n" + "grep: a: Permission denied: cannot open it\n" * 8
    assert "Permission denied" in outcome(failed, shown=True)


def test_a_record_that_a_change_returns_tells_its_state() -> None:
    record = json.dumps({"order_id": "W-77", "items": list(range(300)), "status": "cancelled", "note": "n"})
    assert outcome(record, whole=True).startswith("order_id: W-77, status: cancelled (")


@pytest.mark.parametrize(
    "last",
    ["65 passed in 2.28s", "Ran 17 tests in 0.012s", "All checks passed!", "50 batches exported in 4.1s", "      Tests  8 passed (8)"],
)
def test_a_run_that_went_well_tells_its_sum(last: str) -> None:
    assert outcome(f"collected items\ntests/a.py ...\ntests/b.py ...\n{last}\n").startswith(" ".join(last.split()))


@pytest.mark.parametrize(
    "last", ["drwxr-xr-x 2 root root 4096 Oct 24  2024 tests", " create mode 100644 packages/a.ts", "      84 tests/a.py"]
)
def test_a_listing_has_no_sum(last: str) -> None:
    assert outcome(f"total 12\na.py\nb.py\n{last}\n") == "(4 lines)"


def test_advice_is_no_outcome() -> None:
    assert outcome("<returncode>0</returncode>\nWARNING: run it in an environment of its own\n", whole=True) == "returncode 0"


def test_a_search_tells_the_first_files_that_it_found_and_how_many_there_were() -> None:
    found = "<returncode>0</returncode>\n<output>\n./src/a.py\n./src/b.py\nlib/c/d.go\ntests/test_e.py\n</output>\n"
    assert outcome(found, shown=True) == "./src/a.py, ./src/b.py, lib/c/d.go (4 lines)"
    assert outcome("src/a.py:3: x = 1\nsrc/b.py:4: y = 2\nsrc/c.py:5: z = 3\n", shown=True) == "(3 lines)"


def test_packages_that_passed_are_told_by_the_last_of_them() -> None:
    run = "?   example.org/app [no test files]\nok  example.org/app/store 2.042s\nok  example.org/app/web (cached)\n"
    assert outcome(run) == "ok example.org/app/web (cached) (3 lines)"
