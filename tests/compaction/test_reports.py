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


ERRORS = """\
ledger.c:41:7: error: too few arguments to function 'post_row'
src/ledger.py:41: error: Argument 1 to "post" has incompatible type "None"
./main.go:41:2: undefined: postRow
src/Main.hs:12:5: error: Variable not in scope: foo
/srv/x/Ledger.cs(41,7): error CS1061: 'Row' has no 'Iban' [/srv/x/x.csproj]
12:5   error    'token' is assigned a value but never used
app.rb:3:in `fetch': key not found: :iban (KeyError)
npm ERR! code ERESOLVE
CONFLICT (content): Merge conflict in src/ledger.py
! [rejected]        HEAD -> main (non-fast-forward)
Segmentation fault (core dumped)
Killed
E   assert 12.34 == 12.35
Assertion failed: (a == b), function main, file x.c, line 3.
FEHLER:  Relation »rechnung« existiert nicht
Ошибка: файл не найден
错误：找不到文件 ledger.py
エラー: ファイルが見つかりません
Erreur : le fichier n'existe pas
ls: Zugriff auf 'x' nicht möglich: Datei oder Verzeichnis nicht gefunden
2024-11-21 09:12 upstream: connection refused
HTTP/1.1 500 Internal Server Error
relay-77-abcde   0/1   CrashLoopBackOff   14 (2m ago)   41m
relay-77-abcde   0/1   OOMKilled   0   41m
ORA-00942: table or view does not exist
Access to the project is not allowed.
Could not find gem 'rails'
<tool_use_error>File has not been read yet.</tool_use_error>
<tool_use_error>String to replace not found in file.
✖ 1 problem (1 error, 0 warnings)
Tests: 214, Assertions: 500, Failures: 1.
{"level": "error", "msg": "Seat 14C is taken"}
the build was not successful: 2 errors in src""".splitlines()

HARMLESS = """\
[info] Passed: Total 214, Failed 0, Errors 0, Passed 214
error: null, rows: 3
failed: 0, passed: 214
failed to load: 0 rows
error rate: 0.0% over the last hour
Validation errors: none
fail_on_error: true, timeout: 30
HTTP 200 in 0.3s, timeout 5s
Test timeout of 5000ms is configured
Switched to branch 'fix/login-failed'
Deleted branch fix/error-log (was 1a2b3c4).
[fix/timeout 1a2b3c4] Handle invalid tokens
error.log  2.1K  Nov 21 09:12
-rw-r--r-- 1 root root 2140 Nov 21 09:12 error.log
added anyhow-error@1.2
Downloaded error-chain v0.12
Checking error handling... done
Undefined behaviour sanitizer: clean
2024-11-21 INFO retry succeeded after timeout
- Fixed the error of an empty list
The invalid rows were removed.
The door was refused by the customer as too small.
Ticket 4711: "Login failed" closed as solved
Subject: Payment failed for your order
+\tt.Fatalf("no session: error = %v", err)
WriteSession(session *AgentSession) error
src/types.ts:12:  error: string
docs/errors.md:3:12: error handling of the ledger is told below {""".splitlines()


@pytest.mark.parametrize("line", ERRORS)
def test_an_error_is_told_by_the_place_of_its_severity_a_count_or_a_clause(line: str) -> None:
    assert error_lines(f"one row\n{line}\nanother row\n") == (line.strip(),)


@pytest.mark.parametrize("line", HARMLESS)
def test_a_count_of_zero_a_name_and_words_about_errors_report_none(line: str) -> None:
    assert error_lines(f"one row\n{line}\nanother row\n") == ()


@pytest.mark.parametrize(
    "record",
    [
        {"success": False, "message": "seat taken"},
        {"ok": False, "reason": "seat_taken"},
        {"isError": True, "content": [{"type": "text", "text": "seat taken"}]},
        {"errors": [{"message": "seat taken"}], "data": None},
        {"jsonrpc": "2.0", "error": {"code": -32602, "message": "seat taken"}, "id": 3},
        {"exit_code": 1, "stdout": "0 of 3 seats", "stderr": ""},
        {"statusCode": 500, "body": "upstream gone"},
        {"fehler": "Sitz 14C ist belegt"},
        {"错误": "座位已被占用"},
    ],
)
def test_a_field_says_that_a_call_failed(record: dict[str, object]) -> None:
    assert error_lines(json.dumps(record))


@pytest.mark.parametrize(
    "record",
    [
        {"error": None, "rows": 3},
        {"error": "", "rows": 3},
        {"errors": [], "rows": 3},
        {"success": True, "errors": 0},
        {"isError": False, "content": "3 seats"},
        {"fail_on_error": True, "timeout": 30},
        {"hasErrors": False, "errorMessage": None},
        {"flight": "NL1", "status": "not found in delay list"},
        [{"id": 7, "status": "failed"}, {"id": 8, "status": "ok"}],
    ],
)
def test_a_field_without_an_error_and_the_state_of_a_thing_in_a_list_are_none(record: object) -> None:
    assert error_lines(json.dumps(record)) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[ERROR] LedgerTest.rounds:31 expected: <12.35>\n[ERROR] -> [Help 1]\n", "[ERROR] LedgerTest.rounds:31 expected: <12.35>"),
        ("expected 1, got 2: comparison failed\nFailed examples:\n\nrspec ./a.rb:3\n", "expected 1, got 2: comparison failed"),
        (
            "test result: FAILED. 80 passed; 1 failed\nerror: test failed, to rerun pass `--lib`\n",
            "test result: FAILED. 80 passed; 1 failed",
        ),
        ("npm ERR! code ERESOLVE\nnpm ERR! no such tree\nnpm ERR! A complete log is in x.log\n", "npm ERR! no such tree"),
        ("a.c:4:7: error: no b\nmake: *** [Makefile:12: a.o] Error 1\n", "a.c:4:7: error: no b"),
    ],
)
def test_a_report_that_points_elsewhere_is_no_verdict(text: str, said: str) -> None:
    assert verdict(text) == said


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
