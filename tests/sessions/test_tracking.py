"""Records of sessions add up what reports say, once for each request, and hold nothing that was said."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from build import agent

from token_guard import ContextLimit, Guard, Settings
from token_guard.budget import Budget
from token_guard.report import AskedAgain, Report, Step
from token_guard.sessions import Counted, Sender, Tracking
from token_guard.stores import MemoryStore, SessionRecord

SENDER = Sender("chat", "hash", "alias", "team")
NOW = [1e9]


def report(before: int = 900, after: int = 300, action: Any = "compacted", epochs: int = 1, **more: Any) -> Report:
    limit, budget = ContextLimit(1_000), Budget(990, 800, 300, 10)
    return Report(action, "gpt-4o", limit, budget, before, after, steps=(Step("truncate", before, after),), epochs=epochs, **more)


def tracking() -> tuple[Tracking, MemoryStore]:
    store = MemoryStore(clock=lambda: NOW[0])
    return Tracking(store, 60.0, clock=lambda: NOW[0]), store


def record(store: MemoryStore) -> SessionRecord:
    found = store.session(SENDER.id)
    assert found is not None
    return found


def test_requests_add_up() -> None:
    track, store = tracking()
    track.observe(SENDER, "d1", report(is_new_epoch=True), None)
    track.observe(SENDER, "d1", report(before=1_000), None)
    track.observe(SENDER, "d2", report(before=100, after=100, action="none", epochs=0), None)
    found = record(store)
    assert found.counts == {
        "requests": 3, "tokens_in": 2_000, "tokens_forwarded": 700, "tokens_saved": 1_300, "compactions": 1, "errors": 0
    }  # fmt: skip
    assert found.labels == {
        "session": "chat", "owner": "hash", "key_alias": "alias", "team": "team", "model": "gpt-4o", "deployment": "d2"
    }  # fmt: skip
    assert (found.usage_ratio, found.epochs) == (0.1, 0)


def test_another_attempt_takes_the_place_of_the_one_before_it() -> None:
    track, store = tracking()
    first = track.observe(SENDER, "d1", report(asked_again=(AskedAgain("code", "read"),)), None)
    track.observe(SENDER, "d2", report(after=200, asked_again=(AskedAgain("code", "read"),)), first)
    found = record(store)
    assert (found.counts["requests"], found.counts["tokens_in"], found.counts["tokens_forwarded"]) == (1, 900, 200)
    assert found.asked == {("code", "read"): 1}


def test_what_is_only_observed_is_forwarded_as_it_came() -> None:
    track, store = tracking()
    track.observe(SENDER, "d1", report(action="observed", is_new_epoch=True), None)
    assert (record(store).counts["tokens_saved"], record(store).counts["compactions"]) == (0, 0)


def test_a_request_that_is_sent_twice_is_one_compaction() -> None:
    track, store = tracking()
    for _ in range(2):
        track.observe(SENDER, "d1", report(is_new_epoch=True), None)
    track.observe(SENDER, "d1", report(is_new_epoch=True, epochs=2), None)
    assert record(store).counts["compactions"] == len(record(store).events) == 2


def test_refusals_and_errors_are_counted() -> None:
    track, store = tracking()
    assert track.unseen(SENDER) == Counted()
    track.failed(SENDER)
    assert (record(store).counts["requests"], record(store).counts["errors"]) == (1, 1)


def test_the_same_name_is_another_session_for_another_key() -> None:
    assert SENDER.id != replace(SENDER, owner="other").id
    assert SENDER.id == replace(SENDER, key_alias="renamed", team="moved").id


def test_a_record_goes_when_its_time_is_over() -> None:
    track, store = tracking()
    track.observe(SENDER, "d1", report(), None)
    NOW[0] += 61
    assert store.session(SENDER.id) is None


def test_records_hold_numbers_and_names_and_no_content() -> None:
    track, store = tracking()
    guard, messages = Guard(Settings()), agent(60)
    for end in range(4, len(messages), 2):
        track.observe(SENDER, "d1", guard.process({"model": "gpt-4o", "messages": messages[:end]}, max_input_tokens=8_000).report, None)
    text = json.dumps([record(store).labels, record(store).events, [*record(store).asked]])
    assert record(store).events
    assert "handler_" not in text
    assert "careful" not in text
