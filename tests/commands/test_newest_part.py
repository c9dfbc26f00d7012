"""Of a request with more messages than anybody waits for, the newest are read, and that is said."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from build import agent, say

from token_guard.commands import compact
from token_guard.commands.recent import newest
from token_guard.conversation import Conversation
from token_guard.formats.openai_chat import OpenAIChat


def conversation(messages: list[dict[str, object]]) -> Conversation:
    found = OpenAIChat().parse({"model": "gpt-4o", "messages": messages})
    assert isinstance(found, Conversation)
    return found


def test_a_short_one_stays_itself() -> None:
    whole = conversation(agent(3))
    found = newest(whole, most=8)
    assert found.conversation is whole
    assert (found.left_out, found.remark) == (0, "")


@pytest.mark.parametrize("most", [2, 5, 6, 7])
def test_instructions_and_the_task_stay_and_no_result_loses_its_call(most: int) -> None:
    messages = agent(30)
    found = newest(conversation(messages), most)
    wires = OpenAIChat().render(found.conversation)["messages"]
    assert wires[:2] == messages[:2]
    assert wires[2:] == messages[len(messages) - len(wires) + 2 :]
    assert wires[2]["role"] == "assistant"
    assert found.left_out == len(messages) - len(wires)
    assert most - 1 <= len(wires) - 2 <= most


def test_the_command_says_how_many_it_left_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "newest", partial(newest, most=6))
    file = tmp_path / "request.json"
    file.write_text(json.dumps({"model": "gpt-4o", "messages": [*agent(30), say("user", "What now?")]}), encoding="utf-8")
    found = compact.compact(str(file), None, None, diff=True)
    assert isinstance(found, compact.Compacted)
    assert found.remarks[0].startswith("56 messages before the newest")
    assert [change.state for change in found.changes or ()] == ["kept"] * 7
