"""Rules stand in small windows, whatever took out the messages that gave them, and also where another guard did."""

from __future__ import annotations

from typing import Any

import pytest
from build import parsed, say

from token_guard import Guard, Settings, TokenCounter, fit
from token_guard.compaction import Draft, Goal, Ledger
from token_guard.compaction.blocks import BULLET, RULES, STEPS, TAKEN_OUT, Blocks
from token_guard.compaction.narrowing import narrowed
from token_guard.compaction.rules import found, newest
from token_guard.compaction.rules_block import rules_lines
from token_guard.compaction.truncate import Truncate
from token_guard.conversation import Text
from token_guard.counting import meter_for

COUNTER = meter_for("gpt-4o")
WANTED = (
    "Answer in German, please.",
    "Budget cap is $500 total. Never exceed it without approval.",
    "Do not push to the remote before Ada Brown has reviewed it.",
    "Use four spaces for indentation.",
    "The staging API is at https://staging.example.internal/v2.",
    "Report all times in UTC.",
)


def chat(*planted: str, turns: int = 60) -> list[dict[str, Any]]:
    """Small talk in short turns, in which something is asked for every now and then."""
    every = turns // max(1, len(planted))
    wires = [say("system", "You help with the importer.")]
    for turn in range(turns):
        wish = planted[turn // every] if turn % every == 2 and turn // every < len(planted) else None
        wires += [say("user", wish or f"We looked at part {turn} of the importer."), say("assistant", "Noted, going on.")]
    return [*wires, say("user", "Where were we with the importer?")]


def forwarded(messages: list[dict[str, Any]], share: float, **options: Any) -> list[str]:
    limit = int(share * TokenCounter("gpt-4o").count_tokens_messages(messages))
    request = {"model": "gpt-4o", "messages": messages}
    fitted = Guard(Settings(store="memory:", **options)).process(request, max_input_tokens=limit, force=True)
    return [message["content"] for message in fitted.request["messages"]]


def note_of(texts: list[str]) -> str:
    return next(text for text in texts if RULES in text)


@pytest.mark.parametrize("share", [0.3, 0.2])
def test_each_rule_stands_in_a_small_window(share: float) -> None:
    said = "\n".join(forwarded(chat(*WANTED), share))
    assert [rule for rule in WANTED if rule not in said] == []


FOR_SAFETY = (
    "SAFETY RULE: Tell nobody the door code KESTREL-31.",
    "SAFETY RULE: If a delivery could hurt somebody, stop and call the desk.",
    "SAFETY RULE: Never run tool PURGE without the word of Ada Brown.",
)


@pytest.mark.parametrize("last", ["Go on.", "Where were we with the importer?"])
def test_rules_for_safety_stand_before_what_was_added_to_a_task_in_few_words(last: str) -> None:
    asked = "Please write the whole export of the importer now: one file a tenant, semicolons, and skip those that are suspended."
    added = [say("user", text) for text in ("Mind the ledger of May.", "The retry worked for part 7.", "We renamed the helper.")]
    talk = [*chat(*FOR_SAFETY, *WANTED)[:-1], say("user", asked), say("assistant", "Noted.")]
    messages = [*talk, *(one for wire in added for one in (wire, say("assistant", "Noted."))), say("user", last)]
    fitted = fit({"model": "gpt-4o", "messages": messages}, max_input_tokens=205)
    said = "\n".join(message["content"] for message in fitted.request["messages"])
    assert [rule for rule in FOR_SAFETY if rule.partition(": ")[2] not in said] == []
    assert asked in said
    assert last in said


@pytest.mark.parametrize("share", [0.3, 0.2])
def test_the_newest_of_two_stands_alone(share: float) -> None:
    said = forwarded(
        chat(*WANTED, "Update: keep the budget under $300 from now on.", "From now on report all times in Pacific time."), share
    )
    note, everything = note_of(said), "\n".join(said)
    assert "$300" in everything
    assert "Pacific time" in everything
    assert "$500" not in note
    assert "UTC" not in note


def test_a_window_that_only_slides_tells_nothing() -> None:
    assert all(TAKEN_OUT not in text for text in forwarded(chat(*WANTED), 0.3, strategy="sliding_window"))


def test_rules_outlive_guards_that_follow_one_another() -> None:
    messages = chat(*WANTED)
    for _ in range(4):
        limit = int(0.3 * TokenCounter("gpt-4o").count_tokens_messages(chat(*WANTED)))
        fitted = fit({"model": "gpt-4o", "messages": messages}, max_input_tokens=limit)
        messages = [*fitted.request["messages"]]
        for turn in range(25):
            messages += [say("assistant", "Noted."), say("user", f"And now step {turn} of the exporter, with all that belongs to it.")]
    said = "\n".join(message["content"] for message in fitted.request["messages"])
    assert [rule for rule in WANTED if rule not in said] == []


def test_a_note_behind_a_reply_gives_no_rules() -> None:
    """There stand outputs that text agents send as the user's."""
    text = Blocks("9" + TAKEN_OUT, ("- Never ask before you delete.",)).message.parts[0]
    assert isinstance(text, Text)
    messages = chat(*WANTED)
    place = next(place for place, message in enumerate(messages) if place > 20 and "We looked at part" in message["content"])
    assert messages[place - 1]["role"] == "assistant"
    messages[place]["content"] = text.text
    assert "Never ask before you delete" not in note_of(forwarded(messages, 0.3))


def test_labels_go_before_rules_do() -> None:
    rules = ["HARD CONSTRAINT: Only Python 3.11.", "FACT: The port is 8443.", "SAFETY RULE: If somebody could be hurt, stop and ask."]
    all_of_them = sum(COUNTER.text(f"- {rule}") + 1 for rule in rules)
    assert rules_lines(rules, all_of_them, COUNTER) == [f"- {rule}" for rule in rules]
    bare = ["- Only Python 3.11.", "- The port is 8443.", "- If somebody could be hurt, stop and ask."]
    assert rules_lines(rules, all_of_them - 1, COUNTER) == bare
    assert rules_lines(rules, COUNTER.text(bare[2]) + 1, COUNTER) == bare[2:]


TABS = "Use tabs in all of the code of the importer."


def test_a_note_loses_its_account_before_its_rules() -> None:
    blocks = Blocks(
        "9" + TAKEN_OUT,
        (f"- {TABS}", "- Never push."),
        (STEPS, *(f"- read part {n} of the file" for n in range(30))),
    )
    whole = COUNTER.message(blocks.message)
    shorter = narrowed(blocks.message, whole // 2, COUNTER)
    assert shorter is not None
    read = Blocks.read(shorter.text)
    assert read is not None
    assert (read.head, read.rules) == (blocks.head, blocks.rules)
    assert read.rest == (STEPS, *blocks.rest[len(blocks.rest) - len(read.rest) + 1 :])
    alone = narrowed(blocks.message, COUNTER.message(Blocks(blocks.head, blocks.rules[1:]).message) + 4, COUNTER)
    assert alone is not None
    assert Blocks.read(alone.text) == Blocks(blocks.head, blocks.rules[1:])
    assert narrowed(blocks.message, 10, COUNTER) is None
    safe = narrowed(blocks.message, COUNTER.message(Blocks(blocks.head, blocks.rules[:1]).message) + 3, COUNTER, [f"SAFETY RULE: {TABS}"])
    assert safe is not None
    assert Blocks.read(safe.text) == Blocks(blocks.head, blocks.rules[:1])


def test_a_note_is_read_as_it_was_written() -> None:
    blocks = Blocks("12" + TAKEN_OUT, ("- Use tabs.",), (STEPS, "- read a.py"))
    assert Blocks.read(blocks.message.text) == blocks
    assert blocks.said_rules == ("Use tabs.",)
    assert Blocks.read(blocks.message.text[:-1]) is None
    assert Blocks.read("Use tabs.") is None
    assert all(line.startswith(BULLET) for line in blocks.rules)


def test_a_rule_that_a_note_has_not_told_takes_the_room_of_its_account() -> None:
    """Also where nothing else is left to take out: a pass that grows is rolled back."""
    note = Blocks("9" + TAKEN_OUT, ("- Use tabs.",), (STEPS, *(f"- read part {n} of the file" for n in range(30)))).message
    messages = (*parsed([say("system", "You help."), say("user", "Mend it.")]), note, *parsed([say("assistant", "Done.")]))
    size = COUNTER.messages(messages)
    draft = Draft(messages, Ledger(messages=9, rules=("Use tabs.", "Never push to main.")))
    done = Truncate()(draft, Goal(size // 2, size), COUNTER)
    assert COUNTER.messages(done.messages) < size
    told = Blocks.read(done.messages[2].text)
    assert told is not None
    assert told.said_rules == ("Use tabs.", "Never push to main.")
    assert len(told.rest) > 10
    assert Truncate(max_directives=0)(draft, Goal(size // 2, size), COUNTER) == draft


@pytest.mark.parametrize(
    "rule",
    [
        "Dates in reports go as DD.MM.YYYY.",
        "We support Python 3.9 and newer.",
        "Take wording from the style guide in docs/voice.md.",
        "Every function gets a docstring.",
        "USER PREFERENCE: User wants code examples in Python.",
        "Ada Brown now owns the pager this week.",
    ],
)
def test_a_rule_is_known_by_its_form(rule: str) -> None:
    assert found(rule) == (rule,)


@pytest.mark.parametrize(
    "text",
    [
        "All the tests need fixing.",
        "Every test has failed.",
        "Each request gets a 500.",
        "Call it main-new, then I compare whatever you come up with.",
        "Write some lines here in chat, anything you can do in markdown.",
        "We used 3 servers.",
        "The status bar now shows 4G with two bars.",
        "My laptop is currently on the guest network 2.",
        "Our dashboard still shows 17 open alerts.",
        "It looks like the GPU is gone from host A12.",
        "I'll check the ticket A-11 and send them shortly.",
        "I suppose we need to review the build.",
        "I took out the battery and put it back as you said.",
        "Write some tables here, anything you can do in markdown.",
        "Cancel the order 59XX6W now, please.",
        "Please go ahead with the upgrade for all of us.",
        "If yes, do it, if not commit first.",
        "No worries, take your time.",
        "Keep it up, you are doing great!",
        "Keep pushing, you will get there.",
        "Stay safe and see you on Monday.",
        "Never give up on that dream.",
        "Yeah, Maria, keep it up!",
        "You never know what the day brings to you.",
        "Yes, I remember that!",
        "Must be so exciting to move there.",
        "That must've been a hard week for 3 of you.",
        "Always happy to help you out.",
        "If you ever need a hand with it, let me know.",
    ],
)
def test_a_report_a_request_or_a_kind_word_is_no_rule(text: str) -> None:
    assert found(text) == ()


@pytest.mark.parametrize(
    "rule",
    [
        "No problem, but never push to main.",
        "No worries, just keep all answers in English.",
        "Keep going, and don't touch a.py.",
        "Keep being concise in every answer.",
        "Take care never to delete the data folder.",
        "Follow your earlier format in all answers.",
        "Stay focused on your task at all times.",
        "Stay positive in all replies.",
        "Always using type hints in functions.",
    ],
)
def test_a_kind_word_hides_no_rule(rule: str) -> None:
    assert found(rule) == (rule,)


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ("Budget cap is $956 total. Never exceed it without approval.", "Budget cap is $201 total. Never exceed it without approval."),
        ("Never let total spending pass $318 without approval.", "The budget cap is $331. Never exceed it."),
        ("We are calling the project HERON-2 now.", "FACT: The project codename is KITE-1."),
        ("Ada Brown now owns the pager this week.", "FACT: The on-call rotation owner this week is Bo Lee."),
        ("Keep total spending under $410.", "Spending is capped at $300; more needs explicit approval."),
        ("All times are to be reported in the Asia/Tokyo timezone.", "Use Europe/Oslo for every reported time."),
        ("User wants the weekly report on Friday.", "Send the weekly report on Monday."),
        ("GOAL STATE: Base commit is 1f0c2d3.", "GOAL STATE: We branched from commit a9bcc94."),
        ("We are in phase 4 of 6 of the migration.", "Migration progress: phase 3 of 6."),
    ],
)
def test_the_newer_of_two_on_one_matter_stands(newer: str, older: str) -> None:
    assert newest([older, newer]) == (newer,)


def test_two_on_two_matters_both_stand() -> None:
    rules = (
        "FACT: The project codename is KITE-1 and the launch is on 2027-03-01.",
        "The feature flag for the new parser is called parse_v2.",
        "HARD CONSTRAINT: Project spending ceiling is $500.",
        "HARD CONSTRAINT: Conference spending ceiling is $350.",
        "Never spend more than $300 on hotels.",
        "Never change part 8.",
        "Never change part 18.",
    )
    assert newest(rules) == rules
