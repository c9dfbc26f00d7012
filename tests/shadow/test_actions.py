"""What two replies agree in: tool, target, arguments; for texts, words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from token_guard.conversation import Message, Text, ToolCall
from token_guard.shadow import Action, Agreement, agreement


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall("", name, json.dumps(arguments))


READ = call("read", path="a.py", lines=10)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (ToolCall("7", "read", '{"lines":10,  "path":"a.py"}'), (True, True, True)),
        (call("read", path="a.py", lines=20), (True, True, False)),
        (call("read", path="b.py", lines=10), (True, False, False)),
        (call("edit", path="a.py", lines=10), (False, False, False)),
    ],
)
def test_calls_agree_in_tool_target_and_arguments_each_on_top_of_the_one_before(other: ToolCall, expected: tuple[bool, ...]) -> None:
    found = agreement(Action((READ,)), Action((other,)))
    assert (found.tool, found.target, found.arguments) == expected
    assert found.next == found.target
    assert found.overlap is None


def test_calls_made_at_once_agree_in_any_order_and_only_all_together() -> None:
    edit = call("edit", path="b.py")
    assert agreement(Action((READ, edit)), Action((edit, READ))).arguments
    assert not agreement(Action((READ, edit)), Action((READ,))).tool
    assert not agreement(Action((READ,)), Action((READ, READ))).tool


def test_arguments_that_name_no_target_are_the_target() -> None:
    assert not agreement(Action((call("add", a=1),)), Action((call("add", a=2),))).target
    assert agreement(Action((ToolCall("", "run", "not JSON "),)), Action((ToolCall("", "run", "not JSON"),))).arguments


def test_a_text_and_a_call_are_never_the_same_action() -> None:
    said = Action(said="I read a.py now.")
    assert agreement(said, Action((READ,), "I read a.py now.")) == Agreement(next=False, overlap=0.0)
    assert agreement(Action((READ,)), said) == Agreement(next=False, tool=False, target=False, arguments=False)


def test_texts_agree_by_the_words_that_they_share() -> None:
    text = Action(said="The tests pass, all of them.")
    assert agreement(text, text).overlap == 1.0
    assert agreement(text, Action(said="Nothing works here")) == Agreement(next=False, overlap=0.0)


def test_a_reply_without_a_call_or_a_word_is_no_action() -> None:
    assert Action.of([]) is None
    assert Action.of([Message("assistant", (Text("  "),))]) is None
    assert Action.of([Message("assistant", (Text("Yes."), READ))]) == Action((READ,), "Yes.")
