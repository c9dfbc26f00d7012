"""The word that requests for JSON replies must have."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from build import agent, answer, call, parsed, result, say

from token_guard import Guard
from token_guard.conversation import Message, Text
from token_guard.errors import ContextOverflowError
from token_guard.marks import mark, reference
from token_guard.settings import Settings
from token_guard.validity.json_word import with_json_word

JSON = {"type": "json_object"}
BEFORE = parsed([say("system", "Be careful."), say("user", "All replies in Json."), *agent(2)[2:], say("user", "And now?")])
NOTE = Message("user", (Text(reference("4 earlier messages were taken out", ["- see a.py"])),))


def test_the_newest_note_takes_the_word() -> None:
    old = Message("user", (Text(mark("older")),))
    done = with_json_word(JSON, BEFORE, (BEFORE[0], old, NOTE, BEFORE[-1]))
    assert [message.text for message in done] == [
        "Be careful.",
        mark("older"),
        NOTE.text[:-1] + "\nthe reply is to be JSON" + NOTE.text[-1],
        "And now?",
    ]


def test_without_a_note_the_word_stands_behind_the_instructions() -> None:
    done = with_json_word(JSON, BEFORE, (BEFORE[0], BEFORE[-1]))
    assert [(message.role, message.text) for message in done[:2]] == [("system", "Be careful."), ("user", mark("the reply is to be JSON"))]


@pytest.mark.parametrize("response_format", [None, {"type": "text"}, {"type": "json_schema", "json_schema": {}}, "json_object"])
def test_other_formats_need_no_word(response_format: Any) -> None:
    after = (BEFORE[0], NOTE, BEFORE[-1])
    assert with_json_word(response_format, BEFORE, after) is after


@pytest.mark.parametrize("before", [BEFORE[2:], BEFORE])
def test_a_word_that_was_never_there_or_still_is_needs_nothing(before: tuple[Message, ...]) -> None:
    assert with_json_word(JSON, before, before) is before


@pytest.mark.parametrize("limit", [1_200, 2_400])
def test_a_request_whose_word_was_dropped_fits_with_it(limit: int) -> None:
    history = [
        *agent(4),
        say("user", "json"),
        answer("Yes."),
        *agent(9)[10:],
        say("user", "Now write down what every one of the modules is there for, in one sentence each, for the people in support."),
        *agent(50)[20:],
        say("user", "And now?"),
    ]
    guard = Guard(Settings.model_validate({"strategy": "sliding_window", "recall": {"enabled": False}}))
    done = guard.process({"model": "gpt-4o", "messages": history, "response_format": JSON}, max_input_tokens=limit)
    assert sum("the reply is to be JSON" in str(message["content"]) for message in done.request["messages"]) == 1
    assert done.report.tokens_after <= limit


@pytest.mark.parametrize("limit", range(108, 144, 6))
def test_no_request_is_forwarded_that_has_lost_its_word(limit: int) -> None:
    asked = say("user", "All of it as json. " + "x y z " * 300)
    request = {"model": "gpt-4o", "messages": [asked, call("1"), result("1", "ok done " * 400)], "response_format": JSON}
    with suppress(ContextOverflowError):
        done = Guard(Settings()).process(request, max_input_tokens=limit)
        assert "json" in str(done.request["messages"]).lower()
        assert done.report.tokens_after <= limit
