"""What is asked again after a compaction is told once, by the tool and the kind of what was taken out."""

from __future__ import annotations

from typing import Any

import pytest
from build import call, result, say

from token_guard import Guard, Settings
from token_guard.report import AskedAgain, Report

CODE = "\n".join(f"def function_{number}(value):\n    return value + {number}\n" for number in range(60))


def code(part: int) -> str:
    return CODE.replace("function_", f"part_{part}_function_")


LOG = "\n".join(f"2026-01-01 10:00:{number % 60:02d} INFO step {number} done" for number in range(120))


def exchange(number: int, tool: str, output: str, **arguments: Any) -> list[dict[str, Any]]:
    return [call(f"c{number}", tool, **arguments), result(f"c{number}", output)]


def reports(messages: list[dict[str, Any]], cap: int = 6_000, guard: Guard | None = None) -> list[Report]:
    """The reports on all turns of a session."""
    guard = guard or Guard(Settings(recall={"enabled": False}))
    ends = [place for place, message in enumerate(messages) if message["role"] == "assistant"][1:]
    return [guard.process({"model": "gpt-4o", "messages": messages[:end]}, max_input_tokens=cap).report for end in (*ends, len(messages))]


def session(*last: dict[str, Any]) -> list[dict[str, Any]]:
    """Twenty files are read, and then something else happens."""
    opening = [say("system", "You are a careful agent."), say("user", "Mend the module.")]
    reads = [message for number in range(20) for message in exchange(number, "read_file", code(number), path=f"src/part_{number}.py")]
    return [*opening, *reads, *last]


def test_a_call_for_what_was_taken_out_is_told() -> None:
    again = reports(session(*exchange(90, "read_file", CODE, path="src/part_0.py")))
    assert again[-1].asked_again == (AskedAgain("code", "read_file"),)
    assert all(report.asked_again == () for report in again[:-1])


def test_the_same_target_counts_whatever_else_the_call_says() -> None:
    again = reports(session(*exchange(90, "read_file", "one line", path="src/part_0.py", offset=10)))
    assert again[-1].asked_again == (AskedAgain("code", "read_file"),)


@pytest.mark.parametrize(
    ("tool", "path"),
    [("read_file", "src/part_99.py"), ("grep", "src/part_0.py"), ("read_file", "src/part_19.py")],
    ids=["never read", "another tool", "still there"],
)
def test_another_call_is_not_told(tool: str, path: str) -> None:
    assert reports(session(*exchange(90, tool, CODE, path=path)))[-1].asked_again == ()


def test_a_call_that_changes_something_asks_for_nothing() -> None:
    edits = [message for number in range(20) for message in exchange(number, "edit_file", LOG, path="src/part.py")]
    found = reports([say("user", "Mend it."), *edits, *exchange(90, "edit_file", "done", path="src/part.py")])
    assert found[-1].epochs
    assert all(report.asked_again == () for report in found)


def test_it_is_told_at_its_own_turn_alone() -> None:
    later = [message for number in range(91, 95) for message in exchange(number, "read_file", code(number), path=f"src/more_{number}.py")]
    found = reports(session(*exchange(90, "read_file", CODE, path="src/part_0.py"), *later))
    assert sum(len(report.asked_again) for report in found) == 1


def test_a_replica_that_never_saw_the_session_tells_the_same() -> None:
    messages = session(*exchange(90, "read_file", CODE, path="src/part_0.py"))
    elsewhere = Guard(Settings(recall={"enabled": False})).process({"model": "gpt-4o", "messages": messages}, max_input_tokens=6_000).report
    assert elsewhere.asked_again == (AskedAgain("code", "read_file"),)
    assert elsewhere.is_new_epoch is reports(messages)[-1].is_new_epoch


def test_each_epoch_is_new_once() -> None:
    found = reports(session())
    assert [report.is_new_epoch for report in found] == [
        now.epochs > before.epochs for before, now in zip([found[0], *found], found, strict=False)
    ]
    assert sum(report.is_new_epoch for report in found) == found[-1].epochs > 1
