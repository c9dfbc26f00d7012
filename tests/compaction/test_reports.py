"""An error is what reports one: no source, no passing check, no document that speaks of errors."""

from __future__ import annotations

import json

import pytest

from token_guard.compaction.reports import error_lines, verdict


@pytest.mark.parametrize(
    "line",
    [
        '    raise ServiceError("ERROR E-77: lock timed out")',
        "src/pay.py:14:    # ERROR E-77: lock timed out",
        "17: ValueError: E-77 is no order",
        "2026-03-01 12:00:00 FATAL E-77",
    ],
)
def test_a_report_is_found_wherever_it_stands(line: str) -> None:
    assert error_lines(f"fine\n{line}\nfine") == (line.strip(),)


@pytest.mark.parametrize(
    "line",
    [
        "412→ // Non-fatal: memory restoration failed",
        "clean_test.go-445- fails because:",
        "    except ValueError as error:",
        "a81c0de mend the error of an empty list",
        "=== RUN TestStore/missing_key_gives_error",
        "2. **Error handling:** retries are counted",
        "| `errorColor` | frame of a failed step | red |",
        "The loader skips entries that would be invalid.",
        "If the check fails, the page says which field.",
        "hasError: false",
        '"errors": [],',
    ],
)
def test_what_only_speaks_of_errors_reports_none(line: str) -> None:
    assert error_lines(line) == ()


def test_fields_of_source_are_no_errors_of_it() -> None:
    source = "import { Run } from './run'\nconst a = {\n  error: message,\n  isError: boolean;\n}\nexport const b = 1;\n"
    assert error_lines(source) == ()


def test_what_people_wrote_into_a_record_is_no_error_of_the_call_that_shows_it() -> None:
    assert error_lines(json.dumps({"id": 7, "body": "we log a warning for each failed part"})) == ()
    assert error_lines(json.dumps({"id": 7, "message": "the order was not found"})) == ("id: 7, message: the order was not found",)


def test_an_exception_is_told_by_its_own_line_whatever_its_class_is_called() -> None:
    text = "start\nTraceback (most recent call last):\n  File 'a.py', line 3, in go\n    run()\nstore.Conflict: two writers\n"
    assert verdict(text) == "store.Conflict: two writers"


def test_of_a_chain_of_exceptions_the_last_says_what_ended_the_call() -> None:
    one = "Traceback (most recent call last):\n  File 'a.py', line 3\nKeyError: 'b'\n"
    between = "\nThe above exception was the direct cause of the following exception:\n\n"
    assert verdict(one + between + one.replace("KeyError: 'b'", "app.NoSuchUser: b")) == "app.NoSuchUser: b"


def test_of_a_compilers_messages_the_first_is_told() -> None:
    text = "src/a.ts(3,5): error TS2345: no string\nsrc/a.ts(9,1): error TS2304: no name\nnpm error code 2\nnpm error command sh -c tsc\n"
    assert verdict(text) == "src/a.ts(3,5): error TS2345: no string"
