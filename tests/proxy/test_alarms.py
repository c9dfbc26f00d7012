"""Alarms: each once, with its cause, without content."""

from __future__ import annotations

import logging

import pytest
from build import agent, say

from token_guard import Guard
from token_guard.errors import ContextOverflowError
from token_guard.proxy.alarms import ALARMS, Alarm, Alarms, alarms_of, refused_alarm
from token_guard.report import AskedAgain, Kept, Quality, Report, Rules

TASK = "Mend what is named here: " + "the handler of requests, the lookup and the queue, " * 400
REQUEST = {"model": "gpt-4o", "messages": [say("user", TASK), *agent(20)[2:]]}


def report(limit: int = 2_000) -> Report:
    return Guard().process(REQUEST, max_input_tokens=limit).report


def test_a_task_that_is_cut_raises_an_alarm_and_one_that_is_whole_does_not() -> None:
    assert [(alarm.name, alarm.cause) for alarm in alarms_of(report())] == [("task_cut", "cut")]
    assert list(alarms_of(report(9_000))) == []


def test_rules_that_are_lost_raise_an_alarm() -> None:
    told = {"model": "m", "session": "s"}
    lost = Report("compacted", limit=report().limit, budget=report().budget, tokens_before=9, tokens_after=1, **told)
    user = Report(**{**_fields(lost), "quality": Quality(rules=Rules(found=4, kept=3))})
    loaded = Report(**{**_fields(lost), "kept": Kept(rules="cut")})
    assert [(alarm.name, alarm.cause, alarm.figures) for alarm in alarms_of(user)] == [("rules_lost", "user", "3 of 4 kept")]
    assert [(alarm.name, alarm.cause) for alarm in alarms_of(loaded)] == [("rules_lost", "loaded")]


def test_what_is_asked_again_raises_an_alarm_with_its_kind_once_a_compaction() -> None:
    asked = (AskedAgain("code", "read"), AskedAgain("code", "view"), AskedAgain("log", "run"))
    missed = Report(**{**_fields(report(9_000)), "asked_again": asked, "session": "s", "epochs": 1})
    told = [(alarm.name, alarm.cause, alarm.figures) for alarm in alarms_of(missed)]
    assert told == [("asked_again", "code", "2 calls"), ("asked_again", "log", "1 call")]
    raised: list[Alarm] = []
    alarms = Alarms(raised.append)
    for each in (missed, missed, Report(**{**_fields(missed), "epochs": 2})):
        for alarm in alarms_of(each):
            alarms(alarm)
    assert [alarm.cause for alarm in raised] == ["code", "log"] * 2
    assert all(alarm.cause in ALARMS[alarm.name] for alarm in raised)


def _fields(report: Report) -> dict[str, object]:
    return {name: getattr(report, name) for name in report.__slots__}


def test_what_a_compaction_lost_is_raised_once_though_every_turn_says_so_again(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Alarm] = []
    alarms = Alarms(told.append)
    with caplog.at_level(logging.WARNING, "token_guard"):
        for _ in range(3):
            for alarm in alarms_of(report()):
                alarms(alarm)
        alarms(Alarm("task_cut", "cut", "gpt-4o", about="another session 1"))
    assert len(told) == 2
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ["alarm task_cut, cause cut, model gpt-4o: " + ALARMS["task_cut"]["cut"]] * 2
    assert "handler" not in caplog.text


@pytest.mark.parametrize("part", ["system", "tools", "last user", "rest", ""])
def test_a_refusal_names_the_part_that_is_largest(part: str) -> None:
    error = ContextOverflowError(model="m", tokens=900, allowed=100, parts={part: 900} if part else {})
    alarm = refused_alarm("m", error)
    assert (alarm.name, alarm.cause) == ("overflow_refused", part or "input")
    assert alarm.cause in ALARMS[alarm.name]
