"""What became of that which should stay."""

from __future__ import annotations

from dataclasses import replace

from build import agent, parsed, say

from token_guard import Guard
from token_guard.conversation import Text
from token_guard.history.kept import kept_of
from token_guard.report import Kept

HISTORY = parsed(agent(4))


def test_what_is_untouched_is_whole_and_what_there_was_not_is_none() -> None:
    assert kept_of(HISTORY, HISTORY) == Kept(task="whole", newest="whole")


def test_words_that_recall_added_take_nothing_away() -> None:
    task = replace(HISTORY[1], parts=(*HISTORY[1].parts, Text("more")))
    assert kept_of(HISTORY, (HISTORY[0], task, *HISTORY[2:])).task == "whole"


def test_a_shorter_message_is_cut_and_a_missing_one_gone() -> None:
    task = HISTORY[1].with_part(0, Text("Find out"))
    assert kept_of(HISTORY, (HISTORY[0], task, *HISTORY[2:])).task == "cut"
    assert kept_of(HISTORY, (HISTORY[0], *HISTORY[2:])).task == "gone"


def test_a_report_says_it_and_names_only_what_there_was() -> None:
    fitted = Guard().process({"model": "gpt-4o", "messages": agent(120)}, max_input_tokens=8_000)
    assert fitted.report.kept.told == {"task": "whole", "newest": "whole"}
    untouched = Guard().process({"model": "gpt-4o", "messages": [say("user", "hi")]}, max_input_tokens=8_000)
    assert untouched.report.kept.told == {}
