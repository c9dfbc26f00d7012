"""What moves along behind a history is told from it, stays whole, and has nothing compacted anew."""

from __future__ import annotations

from typing import Any

import pytest

from token_guard import Guard, Settings
from token_guard.conversation import Media, Message, Text
from token_guard.history.behind import behind

FILES = "I have *added these files to the chat* so you can go ahead and edit them.\n\nmod.py\n```\nx = 1\n```"
OK = "Ok, any changes I propose will be to those files."


def said(role: str, text: str) -> Message:
    return Message(role, (Text(text),))


def request(turn: int, files: str) -> list[dict[str, Any]]:
    """An aider-like request: a history of questions and long answers, the files of the chat, the newest question."""
    history = [
        message
        for step in range(1, turn)
        for message in (
            {"role": "user", "content": f"Step {step}: change part {step}."},
            {"role": "assistant", "content": f"Part {step} is changed. {f'It is used by module {step} and by others. ' * 40}"},
        )
    ]
    moving = [{"role": "user", "content": files}, {"role": "assistant", "content": OK}]
    return [{"role": "system", "content": "You edit."}, *history, *moving, {"role": "user", "content": f"Step {turn}: change part {turn}."}]


def test_files_before_the_newest_question_are_told_from_the_history() -> None:
    messages = [
        said("system", "a"),
        said("user", "b"),
        said("assistant", "c"),
        said("user", FILES),
        said("assistant", OK),
        said("user", "d"),
    ]
    found = behind(messages)
    assert found is not None
    assert found.history == (*messages[:3], messages[5])
    assert found.moving == tuple(messages[3:5])


def test_what_was_answered_to_a_question_and_has_to_be_mended_is_history_behind_the_files() -> None:
    messages = [
        said("system", "a"),
        said("user", "b"),
        said("assistant", "c"),
        said("user", FILES),
        said("assistant", OK),
        *(said(role, text) for role, text in (("user", "d"), ("assistant", "e"), ("user", "The block failed to match."))),
        said("system", "Keep the format."),
    ]
    found = behind(messages)
    assert found is not None
    assert found.history == (*messages[:3], *messages[5:8])
    assert found.moving == tuple(messages[3:5])
    assert found.reminders == tuple(messages[8:])


@pytest.mark.parametrize(
    "no_files",
    ["I am not sharing any files that you can edit yet.", "I am not sharing the full contents of any files with you yet."],
)
def test_where_there_are_no_files_the_words_that_say_so_move(no_files: str) -> None:
    messages = [said("system", "a"), said("user", "b"), said("assistant", "c"), said("user", no_files), said("assistant", "Ok.")]
    found = behind([*messages, said("user", "d")])
    assert found is not None
    assert found.moving == tuple(messages[3:])


def test_pictures_move_with_the_files_before_them_and_not_alone() -> None:
    pictures = [Message("user", (Text("a.png"), Media("image", "https://e.org/a.png"))), said("assistant", "Ok.")]
    before = [said("system", "a"), said("user", "b"), said("assistant", "c")]
    assert behind([*before, *pictures, said("user", "d")]) is None
    found = behind([*before, said("user", FILES), said("assistant", OK), *pictures, said("user", "d")])
    assert found is not None
    assert found.moving[2:] == tuple(pictures)


def test_files_that_an_old_question_stood_behind_do_not_move() -> None:
    later = [said(role, str(number)) for number in range(20) for role in ("user", "assistant")]
    assert behind([said("system", "a"), said("user", FILES), said("assistant", OK), *later, said("user", "d")]) is None


def test_a_conversation_without_such_files_is_a_history_as_a_whole() -> None:
    assert behind([said("user", "a"), said("assistant", OK), said("user", "b")]) is None
    assert behind([said("user", FILES), said("assistant", OK)]) is None


def test_what_moves_stays_whole_and_the_history_before_it_keeps_its_beginning() -> None:
    guard = Guard(Settings(store="memory:", limits={"models": {"openai/aid": {"max_input_tokens": 8_000}}}))
    files = FILES + "\n".join(f"line {number} of the file" for number in range(100))
    before, anew = None, []
    for turn in range(1, 41):
        fitted = guard.process({"model": "openai/aid", "messages": request(turn, files)}, api="openai.chat")
        messages = fitted.request["messages"]
        assert [message["content"] for message in messages[-3:-1]] == [files, OK]
        history = messages[:-3]
        if before is not None and history[: len(before)] != before:
            anew.append(turn)
        before = history
    assert fitted.report.action == "compacted"
    assert len(anew) <= 13
    assert len(anew) == fitted.report.epochs
