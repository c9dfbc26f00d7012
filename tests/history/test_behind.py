"""What moves along behind a history is told from it, stays whole, and has nothing compacted anew."""

from __future__ import annotations

from typing import Any

import pytest

from token_guard import Guard, Settings
from token_guard.conversation import Media, Message, Text
from token_guard.history.behind import Behind, behind

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


def aside(found: Behind | None) -> list[Message]:
    assert found is not None
    return [message for _, message in found.beside]


def told(*turns: str) -> list[Message]:
    return [said(role, text) for role, text in zip(("user", "assistant") * len(turns), turns, strict=False)]


GIVEN = [said("user", FILES), said("assistant", OK)]
HEAD = [said("system", "a"), *told("b", "c")]


def test_files_before_the_newest_question_are_told_from_the_history() -> None:
    found = behind([*HEAD, *GIVEN, said("user", "d")])
    assert found is not None
    assert found.history == (*HEAD, said("user", "d"))
    assert found.beside == ((3, GIVEN[0]), (3, GIVEN[1]))


@pytest.mark.parametrize("later", [1, 3, 41])
def test_what_followed_the_question_that_files_stand_before_is_history(later: int) -> None:
    talk = told(*map(str, range(later)))
    found = behind([*HEAD, *GIVEN, *talk])
    assert found is not None
    assert found.history == (*HEAD, *talk)
    assert aside(found) == GIVEN


def test_a_reminder_that_is_the_last_message_is_no_history() -> None:
    reminder = said("system", "Keep the format.")
    found = behind([*HEAD, *GIVEN, said("user", "d"), reminder])
    assert aside(found) == [*GIVEN, reminder]


def test_a_reminder_at_the_end_of_the_newest_question_is_no_history() -> None:
    rules = "# Rules:\n" + "".join(f"{number}. Every block begins with the path of its file.\n" for number in range(9))
    asked = said("user", f"Mend part 3.\n\n{rules}")
    found = behind([said("system", f"You edit.\n{rules}"), *told("b", "c"), *GIVEN, asked])
    assert found is not None
    assert found.history[-1].text == "Mend part 3."
    assert found.asked == asked


@pytest.mark.parametrize(
    "words",
    [
        "I am not sharing any files that you can edit yet.",
        "I am not sharing the full contents of any files with you yet.",
        "Here are summaries of some files present in my git repository.\nDo not propose changes to these files.",
        "Here are some READ ONLY files, provided for your reference.\nDo not edit these files!",
    ],
)
def test_a_map_and_words_that_say_that_there_are_no_files_are_no_history(words: str) -> None:
    given = told(words, "Ok.")
    assert aside(behind([*HEAD, *given, *GIVEN, said("user", "d")])) == [*given, *GIVEN]


def test_pictures_stand_with_the_files_before_them_and_not_alone() -> None:
    pictures = [Message("user", (Text("a.png"), Media("image", "https://e.org/a.png"))), said("assistant", "Ok.")]
    assert behind([*HEAD, *pictures, said("user", "d")]) is None
    assert aside(behind([*HEAD, *GIVEN, *pictures, said("user", "d")])) == [*GIVEN, *pictures]


def test_files_and_reminder_of_a_talk_without_edits_stay_and_nothing_is_compacted_anew() -> None:
    """As long as aider edits nothing, all that is said stands behind the files, and a reminder at the end of the newest question."""
    rules = "# Rules:\n" + "".join(f"{number}. Every block begins with the path of its file.\n" for number in range(40))
    guard = Guard(Settings(store="memory:", limits={"models": {"openai/aid": {"max_input_tokens": 8_000}}}))
    before, anew = None, 0
    for turn in range(1, 41):
        head, *talk, given, seen, asked = request(turn, FILES)
        messages = [{**head, "content": f"You edit.\n{rules}"}, given, seen, *talk, {**asked, "content": f"{asked['content']}\n\n{rules}"}]
        fitted = guard.process({"model": "openai/aid", "messages": messages}, api="openai.chat")
        sent = fitted.request["messages"]
        assert [message["content"] for message in sent].count(FILES) == 1
        assert rules in sent[-1]["content"]
        anew += before is not None and sent[: len(before)] != before
        before = sent[:-1]
    assert fitted.report.action == "compacted"
    assert anew <= fitted.report.epochs


def test_a_conversation_without_such_files_is_a_history_as_a_whole() -> None:
    assert behind([said("user", "a"), said("assistant", OK), said("user", "b")]) is None
    assert behind(GIVEN) is None


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
