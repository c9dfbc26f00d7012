"""Whose words a user message holds."""

from __future__ import annotations

import time

import pytest

from token_guard.conversation import Message, Origin, Part, Text, ToolResult
from token_guard.speech import is_observation, own_words, running_task, speaks

TASK = "Build the nightly export: one file a tenant, semicolons, UTF-8 with BOM, skip suspended tenants, and page #fin-oncall."


def user(*texts: str) -> list[Message]:
    return [message("user", Text(text), place=place) for place, text in enumerate(texts)]


def message(role: str, *parts: Part, place: int = 0) -> Message:
    return Message(role, parts, origin=Origin(place, {}, parts, ()))


@pytest.mark.parametrize(
    "text",
    [
        "Observation: 3 rows",
        "Observation:\n['a', 'b']",
        "<returncode>0</returncode>\n<output>\nok\n</output>",
        "[read_file for 'src/a.py'] Result:\n1 | import os",
        "EXECUTION RESULT of [execute_bash]:\nok",
        "exitcode: 1 (execution failed)\nCode output: Traceback",
        "Output of the command:\nok",
        "Exit code: 0\nOutput:\nok",
        "New Terminal Output:\n$ ls\na.py",
        "[File: /srv/app/a.py (120 lines total)]\n1:import os",
        '{"returncode": 0, "output": "ok"}',
        "Tool output:\nok",
        "I ran this command:\n\npytest\n\nAnd got this output:\n\n1 failed",
    ],
)
def test_outputs_in_user_messages_are_observations(text: str) -> None:
    assert is_observation(user(text)[0])
    assert own_words(text) == ""


@pytest.mark.parametrize("text", ["Observe the rule below.", "The output of pytest is red, mend it.", "Results must be JSON.", TASK])
def test_what_a_person_writes_is_no_observation(text: str) -> None:
    assert not is_observation(user(text)[0])
    assert own_words(text) == text


def test_results_of_tools_are_no_observations() -> None:
    assert not is_observation(message("user", ToolResult("1", (Text("Observation: x"),))))


def test_tags_fences_and_quotes_are_not_the_users_own() -> None:
    text = "Look:\n<file path='a.py'>\nnever do this\n</file>\n```\nalways that\n```\n> from now on\nand mend it."
    assert own_words(text).split() == ["Look:", "and", "mend", "it."]


def test_tags_that_clients_put_around_the_users_words_are_taken_off() -> None:
    assert own_words("<task>\nRename it.\n</task>\n<environment_details>\ncode\n</environment_details>").strip() == "Rename it."


def test_what_was_typed_behind_a_command_of_the_client_is_a_task() -> None:
    command = "<command-message>plan is running</command-message>\n<command-name>/plan</command-name>\n<command-args>{}</command-args>"
    assert own_words(command.format(TASK)) == TASK
    assert running_task(user(command.format(TASK), "Yes, go on.")) == (0,)


def test_a_tag_in_a_sentence_is_part_of_it() -> None:
    assert own_words("Put a <button>Save</button> below the <form>.") == "Put a <button>Save</button> below the <form>."


@pytest.mark.parametrize(
    "later",
    [
        ["Yes, go on."],
        ["Ja, bitte weiter!"],
        ["好的，继续。"],
        ["はい、続けてください。"],
        ["Sí, adelante"],
        ["Please continue working on the task on whatever approach you think is suitable.\nIMPORTANT: never ask for human help."],
        ["<system-reminder>\nThe todo list is empty.\n</system-reminder>"],
        ["Stop hook feedback:\n- run the linter before you stop"],
        ["[SYSTEM] ok\n"] * 4,
        ["Observation: 3 rows"] * 2,
        ["Here is the current screenshot"],
        [
            "# 1 SEARCH/REPLACE block failed to match!\n\n## SearchReplaceNoExactMatch: This SEARCH block failed to exactly match lines in a.py"
        ],
        ["UnifiedDiffNoMatch: hunk failed to apply!\n\na.py does not contain lines that match the diff you provided!"],
        ["# Fix any errors below, if possible.\n\n## Running: flake8 a.py\n\na.py:3: undefined name 'queue' where the worker is started"],
        ["I added these files to the chat: a.py, b.py\nLet me know if there are others we should add, or go on with what was asked."],
        ["The patch to src/a.py could not be applied: line 3 reads otherwise by now, so give the whole of the block once more."],
        ["Current page: https://shop.example/cart\nElements: [1] button"],
        ["[ERROR] You did not use a tool in your previous response! Please retry with a tool use."],
        [f"Step {n} of the run is over, the state of the browser follows below" for n in range(5)],
    ],
)
def test_what_clients_send_and_assent_is_no_new_task(later: list[str]) -> None:
    assert (
        running_task(user("Fix the flaky test in the queue module, and say in one sentence what was wrong with it.", TASK, *later))[0] == 1
    )


def test_a_picture_alone_is_no_new_task() -> None:
    history = [*user(TASK), message("user", place=1)]
    assert running_task(history) == (0,)


def test_short_words_go_on_from_what_was_said_before() -> None:
    said = user(TASK, "Which?", "Postgres, please.", "Fine.", "And in French.")
    answered = [message("assistant", *one.parts, place=place) if place % 2 else one for place, one in enumerate(said)]
    assert running_task(answered) == (0, 2, 4)
    assert running_task(user(TASK, "Postgres, please.")) == (1,)


def test_tasks_that_begin_alike_are_tasks_where_the_session_began_so() -> None:
    tasks = [f"Please solve this issue: HRB-{number} the queue loses messages on restart, and {number} tests fail." for number in range(4)]
    assert running_task(user(*tasks)) == (3,)


def test_a_task_stays_with_the_answer_to_a_plan_that_was_taken_out() -> None:
    planned = [message("user", Text(TASK)), message("assistant", Text("A by cron, or B by a worker?"), place=1)]
    session = [*planned, message("user", Text("B, but on the replica."), place=2)]
    assert running_task(session) == (0, 2)
    assert running_task([session[0], session[2]]) == (0, 1)


def test_a_new_task_takes_the_place_of_the_one_before() -> None:
    second = "Now write the release notes of version 4.3, grouped by area, with a migration line for each breaking change."
    assert running_task(user(TASK, second)) == (1,)


def test_a_question_is_more_than_assent() -> None:
    assert speaks(user("Which of the modules raises ValueError?")[0])
    assert not speaks(user("ok, thanks")[0])


def test_long_and_odd_texts_take_linear_time() -> None:
    """Seconds for what takes milliseconds; what is quadratic would take hours."""
    started = time.process_time()
    for text in ("<a1>" * 200_000, "\n<abc>" * 100_000, "```\n" * 100_000, "\n".join(f"<t{n}>" for n in range(50_000)), "> " * 300_000):
        own_words(text)
    assert time.process_time() - started < 20
