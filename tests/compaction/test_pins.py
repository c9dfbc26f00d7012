"""What every compaction leaves where it is, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from build import agent, answer, call, parsed, result, say, watched

from token_guard.compaction import plans
from token_guard.compaction.pins import pins
from token_guard.compaction.plans import loaded_rules, newest_plan

TASK = "Build the nightly export: one file a tenant, semicolons, UTF-8 with BOM, skip suspended tenants, and page #fin-oncall."
PLAN = [{"content": "collect the requests", "status": "completed"}, {"content": "write the notes", "status": "pending"}]
RULES = "# Skill: notes\n1. Group entries by area.\n2. Run the check before you commit."


def tool(ident: str, function: str, **arguments: Any) -> dict[str, Any]:
    made = call(ident)
    made["tool_calls"][0]["function"] = {"name": function, "arguments": json.dumps(arguments)}
    return made


def test_the_running_task_stays_when_the_newest_words_only_say_to_go_on() -> None:
    history = parsed([*agent(3), answer("Done."), say("user", TASK), answer("Shall I start?"), say("user", "Yes, go on."), *agent(5)[2:]])
    assert [history[place].text for place in sorted(pins(history).task)] == [TASK]


def test_an_example_in_front_is_no_task() -> None:
    history = parsed(
        [
            say("system", "Act as an expert."),
            say("user", "Change get_factorial() to use math.factorial"),
            answer("It is in app.py."),
            say(
                "user",
                "I switched to a new code base. Please don't consider the above files or try to edit them any longer, they are gone.",
            ),
            answer("Ok."),
            say("user", TASK),
        ]
    )
    assert pins(history).opening == frozenset()
    assert pins(history).task == {5}


def test_a_question_whose_answer_was_work_opens_the_session() -> None:
    assert 1 in pins(parsed(agent(4))).opening


@pytest.mark.parametrize("name", ["TodoWrite", "todo_write", "update_plan", "write_todos", "task_tracker", "mcp__planner__todo_write"])
def test_the_newest_plan_stays_with_its_result(name: str) -> None:
    history = parsed(
        [
            say("user", TASK),
            tool("p1", name, todos=PLAN[:1]),
            result("p1", "ok"),
            tool("p2", name, todos=PLAN),
            result("p2", "ok"),
            *agent(5)[2:],
        ]
    )
    assert newest_plan(history) == (3, 4)


def test_a_plan_is_known_by_its_shape_whatever_its_tool_is_called() -> None:
    steps = [{"step": "read", "state": "done"}, {"step": "write", "state": "open"}]
    assert newest_plan(parsed([say("user", TASK), tool("p", "scribble", items=steps), result("p", "ok")])) == (1, 2)
    nested = tool("p", "scribble", plan={"steps": [{"label": "read", "checked": True}, {"label": "write", "checked": False}]})
    assert newest_plan(parsed([say("user", TASK), nested, result("p", "ok")])) == (1, 2)
    assert newest_plan(parsed([say("user", TASK), tool("p", "rows", items=[{"id": 1}, {"id": 2}]), result("p", "ok")])) == ()


@pytest.mark.parametrize(
    "loading",
    [tool("s", "Skill", skill="notes"), tool("s", "mcp__house__load_skill", name="notes"), tool("s", "Read", file_path="/repo/AGENTS.md")],
)
def test_rules_that_the_client_loaded_stay(loading: dict[str, Any]) -> None:
    history = parsed([say("user", TASK), loading, result("s", RULES), *agent(6)[2:]])
    assert loaded_rules(history) == (1, 2)


def test_only_so_many_loaded_rules_stay_and_none_that_would_fill_the_window() -> None:
    loads = [message for number in range(6) for message in (tool(f"s{number}", "skill", name=f"n{number}"), result(f"s{number}", RULES))]
    assert loaded_rules(parsed([say("user", TASK), *loads])) == (7, 8, 9, 10, 11, 12)
    assert loaded_rules(parsed([say("user", TASK), tool("s", "skill", name="n"), result("s", RULES * 1_000)])) == ()


def test_a_file_of_rules_that_is_written_is_not_loaded() -> None:
    assert loaded_rules(parsed([say("user", TASK), tool("s", "Write", file_path="CLAUDE.md"), result("s", "written")])) == ()


def test_arguments_longer_than_a_file_name_or_a_plan_are_not_looked_through() -> None:
    listed = json.dumps({"items": [{"title": f"step {place}", "status": "open"} for place in range(4)], "text": "x" * 100_000})
    read = json.dumps({"text": "x" * 100_000 + " CLAUDE.md"})
    messages = parsed([say("user", "Go."), call("p", "manage"), result("p", "ok"), call("r", "read"), result("r", "Rules.")])
    long = {1: listed, 3: read}
    turns = [
        message if place not in long else replace(message, parts=tuple(replace(one, arguments=long[place]) for one in message.calls))
        for place, message in enumerate(messages)
    ]
    assert newest_plan(turns) == ()
    assert loaded_rules(turns) == ()


def test_results_are_looked_for_only_where_a_plan_or_rules_are(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = watched(monkeypatch, plans, "_answers")
    assert newest_plan(parsed(agent(20))) == loaded_rules(parsed(agent(20))) == ()
    assert looked == []
    assert newest_plan(parsed([say("user", TASK), tool("p", "todo_write", todos=PLAN), result("p", "ok"), *agent(3)[2:]])) == (1, 2)
    assert len(looked) == 1


def test_a_plan_that_is_read_stays_where_it_was_read() -> None:
    read = [tool("p", "todo_read"), result("p", "1. read the module - done\n2. write the test - open")]
    empty = [tool("q", "todo_read"), result("q", "ok")]
    assert newest_plan(parsed([say("user", TASK), *read, *empty])) == (1, 2)
