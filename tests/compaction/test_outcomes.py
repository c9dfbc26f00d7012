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


RUNS = {
    "test result: ok. 81 passed; 0 failed": "\n\n   Doc-tests gateway\n\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed; finished in 0.00s",
    "Finished `dev` profile [unoptimized + debuginfo] target(s) in 3.41s": "",
    "[INFO] Tests run: 214, Failures: 0, Errors: 0, Skipped: 3": "\n[INFO] ------\n[INFO] Total time:  41.2 s\n[INFO] ------",
    "Passed! - Failed: 0, Passed: 120, Skipped: 0, Total: 120": "",
    "Build succeeded.": "\n    0 Warning(s)\n    0 Error(s)\n\nTime Elapsed 00:00:03.41",
    "Apply complete! Resources: 2 added, 1 changed, 0 destroyed.": '\n\nOutputs:\n\nbucket = "b-1"',
    "Plan: 2 to add, 1 to change, 0 to destroy.": "",
    "No changes. Your infrastructure matches the configuration.": "",
    "#12 DONE 0.1s": "",
    "Successfully installed acme-1.2 lib-3.4": "",
    'deployment "relay" successfully rolled out': "",
    "100% tests passed, 0 tests failed out of 214": "\n\nTotal Test time (real) =   0.12 sec",
    "(30 rows)": "",
    "Rows matched: 12 Changed: 12 Warnings: 0": "",
    "Applying billing.0042_round... OK": "",
    "make: Nothing to be done for 'all'.": "",
    "webpack 5.90.0 compiled successfully in 3121 ms": "",
    "✓ built in 3.21s": "",
    "# pass 214": "\n# fail 0",
    "Executed 12 out of 12 tests: 12 tests pass.": "",
    "0 issues.": "",
    "web1 : ok=12 changed=3 unreachable=0 failed=0 skipped=1": "",
    "Tests: 214 passed, 214 total": "\nSnapshots:   0 total\nTime:        3.2 s\nRan all test suites.",
}


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("line", RUNS)
def test_a_long_run_is_told_by_its_sum_alone(line: str, whole: bool) -> None:
    run = "\n".join(f"   step {place} of the run, nothing to see" for place in range(30))
    assert outcome(f"{run}\n{line}{RUNS[line]}\n", whole=whole).startswith(f"{line[:80]}")
    assert "step" not in outcome(f"{run}\n{line}{RUNS[line]}\n", whole=whole)


def test_a_commit_is_told_before_its_counts_whatever_its_hooks_wrote() -> None:
    hooks = "\n".join(f"checking part {place}" for place in range(30))
    told = outcome(f"{hooks}\n[main 6fde3f4] Round half up\n 2 files changed, 4 insertions(+)\n create mode 100644 a.ts\n", whole=True)
    assert told.startswith("[main 6fde3f4] Round half up, 2 files changed, 4 insertions(+)")


@pytest.mark.parametrize(
    "last", ["done: boolean;", "// not yet done", "-done", "... [355 lines truncated] ...", "=== Compiled SQL ===", "# 1 if negated"]
)
def test_what_is_written_in_a_file_is_no_sum(last: str) -> None:
    assert outcome(f"const a = 1;\nconst b = 2;\nconst c = 3;\n{last}\n") == "(4 lines)"
