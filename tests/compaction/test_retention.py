"""What is reported of a compaction's quality is what can be seen in the messages."""

from __future__ import annotations

from dataclasses import fields

import pytest
from build import agent, answer, call, parsed, result, say

from token_guard import Guard, fit
from token_guard.compaction import facts
from token_guard.compaction.retention import quality
from token_guard.conversation import Message, Text
from token_guard.report import Quality, Retained, Rules

TALK = parsed(
    [
        say("system", "You must never push to the main branch."),
        say("user", "Mend src/parser.py so that parse_line takes order 90210."),
        answer("The fix is to read the header of the file before its rows."),
        call("1", path="src/reader.py"),
        result("1", "def read_header(): ...\nrow 77431\nValueError: header_row is missing\nsee docs/format.md"),
        say("user", "Always answer in JSON, please, whatever happens."),
        answer("Yes."),
        say("user", "And what about parse_line?"),
    ]
)
CLASSES = {
    "paths": "src/reader.py docs/format.md",
    "identifiers": "read_header",
    "numbers": "77431",
    "error_lines": "ValueError: header_row is missing",
    "decisions": "The fix is to read the header of the file before its rows.",
    "directives": "Always answer in JSON, please, whatever happens.",
}
"""A class, and what of TALK's third to sixth message belongs to it."""


def with_note(words: str) -> tuple[Message, ...]:
    return (*TALK[:2], Message("user", (Text(words),)), *TALK[6:])


def test_nothing_is_lost_where_nothing_was_taken_out() -> None:
    assert quality(TALK, TALK) == Quality(rules=Rules(1, 1))


def test_sentences_of_a_message_are_read_once_however_often_a_history_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(facts, "sentences", lambda text: read.append(text) or iter([text]))  # type: ignore[func-returns-value]
    messages = parsed([say("system", "Once."), say("user", "You must do this once."), answer("I found it at once.")])
    assert quality(messages, messages) == quality(messages, messages)
    assert len(read) == len(messages)


def test_every_class_that_a_report_names_is_tried_here() -> None:
    assert set(CLASSES) == {field.name for field in fields(Retained)}


@pytest.mark.parametrize("kind", CLASSES)
def test_what_a_note_quotes_is_retained(kind: str) -> None:
    lost, kept = (getattr(quality(TALK, with_note(words)).by_class, kind) for words in ("gone", f"gone, but\n- {CLASSES[kind]}"))
    assert lost < kept <= 1.0


def test_a_class_that_is_lost_whole_counts_none() -> None:
    assert quality(TALK, with_note("gone")).by_class.error_lines == 0.0
    assert quality(TALK, with_note("gone")).by_class.directives == 0.5


def test_all_names_count_wherever_they_stand() -> None:
    assert quality(TALK, with_note("gone")).names < quality(TALK, with_note("src/reader.py")).names < 1.0


AGAIN = parsed(
    [
        say("user", "Mend the queue.\nNever touch the file lock.toml."),
        call("1", "edit_file", path="src/queue.py", old="a", new="b"),
        result("1", "The worker pulls jobs from src/queue.py in order."),
        call("2", path="src/queue.py"),
        result("2", "class Queue"),
        answer("Done."),
        say("user", "Thanks."),
    ]
)
"""src/queue.py is what it comes back to; only the first call changes something."""


def told(words: str) -> Quality:
    return quality(AGAIN, (Message("user", (Text(words),)), *AGAIN[5:]))


def test_what_a_history_comes_back_to_counts_with_the_words_that_it_stood_with() -> None:
    assert told("gone").retention == 0.0
    assert told("Also named: src/queue.py").retention == 0.0
    assert told("nothing known of src/queue.py anywhere").retention == 0.0
    assert told("- the worker pulls jobs from src/queue.py").retention == 1.0


def test_a_change_is_told_where_its_target_is() -> None:
    assert told("gone").changes == told("Also named: src/queue.py").changes == 0.0
    assert told("- [edit_file] src/queue.py was: a now: b").changes == 1.0
    assert quality(AGAIN, AGAIN[:3]).changes == 1.0


def test_a_rule_is_kept_to_the_letter_or_not() -> None:
    assert told("gone").rules == Rules(found=1, kept=0)
    assert told("- Never touch the file lock.toml.").rules == Rules(found=1, kept=1)
    report = fit({"model": "gpt-4o", "messages": agent(120)}, max_input_tokens=8_000).report
    assert report.rules == report.quality.rules


def test_what_tools_say_is_no_directive_and_no_decision() -> None:
    told = parsed([say("user", "go on"), call("1"), result("1", "You must never do this. I will say it again because it matters.")])
    assert quality(told, told[:1]).by_class == Retained()


SEARCH = parsed(
    [
        say("user", "Why does parse_line fail?"),
        call("1", path="a.py"),
        result("1", "parse_line is defined in src/parser.py"),
        call("2", path="b.py"),
        result("2", "nothing but other_name and more_names"),
        *[wire for number in range(3, 7) for wire in (call(str(number)), result(str(number), "looks fine"))],
    ]
)


def test_relevance_is_of_messages_that_share_names_with_the_present() -> None:
    assert quality(SEARCH, (*SEARCH[:1], *SEARCH[3:])).relevance == 0.0
    assert quality(SEARCH, (*SEARCH[:3], *SEARCH[5:])).relevance == 1.0


def test_a_note_that_mentions_a_name_does_not_make_the_message_relevant_again() -> None:
    note = Message("user", (Text("parse_line src/parser.py"),))
    assert quality(SEARCH, (SEARCH[0], note, *SEARCH[3:])).relevance == 0.0


def test_the_report_has_the_figures_of_the_last_compaction() -> None:
    report = fit({"model": "gpt-4o", "messages": agent(120)}, max_input_tokens=8_000).report
    assert 0 < report.retention == report.quality.retention <= 1
    assert report.compression_ratio == pytest.approx(report.tokens_after / report.tokens_before, abs=1e-4)
    assert report.utilisation == pytest.approx(report.tokens_after / 8_000, abs=1e-4)
    assert report.removed == {step.name: step.tokens_before - step.tokens_after for step in report.steps if step.outcome == "applied"}
    assert {"retention", "compression_ratio", "utilisation", "removed", "quality"} <= report.as_json().keys()


def test_what_passes_untouched_has_lost_nothing() -> None:
    report = Guard().process({"model": "gpt-4o", "messages": agent(2)}).report
    assert (report.quality, report.compression_ratio, report.removed) == (Quality(), 1.0, {})
