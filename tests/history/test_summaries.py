"""The laws of replay where texts come, come late, or never come."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from build import Characters, agent, answer, call, parsed, result, say

from token_guard.compaction import Draft, Goal, run
from token_guard.compaction.strategies import passes
from token_guard.conversation import Message
from token_guard.history.replay import Replay, Replayed
from token_guard.history.states import Memo
from token_guard.history.summaries import OpenNote, Texts
from token_guard.history.thresholds import thresholds
from token_guard.settings import Settings
from token_guard.stores import MemoryStore, Store, open_store
from token_guard.validity.rules import complaint

SETTINGS = Settings()
TEXT = "The user asked for the cause of an empty answer. The assistant read the modules one by one and found no fault so far."


@dataclass
class Writer:
    """Remembers which notes a text was wanted for; texts come when a test says so."""

    texts: Texts
    open: dict[str, OpenNote] = field(default_factory=dict)

    def settled(self, key: str) -> str | None:
        return self.texts.settled(key)

    def wanted(self, note: OpenNote) -> None:
        self.open[note.key] = note


def writer(store: Store | None = None) -> Writer:
    return Writer(Texts(MemoryStore() if store is None else store, "model/1", 3_600))


def replay(summaries: Writer | None, memo: Memo | None = None) -> Replay:
    counter = Characters()

    def compact(draft: Draft, goal: Goal) -> Any:
        return run(passes(SETTINGS), draft, goal, counter, complaint)

    shares = partial(thresholds, settings=SETTINGS, lenient=False)
    return Replay(16_000, shares, compact, counter, memo or Memo(10**8), summaries=summaries)


def session() -> tuple[Message, ...]:
    wires = agent(4)
    for number in range(4, 110):
        wires += [call(f"c{number}", path=f"src/module_{number}.py"), result(f"c{number}", "def handler(): ...\n" * 40)]
        if number % 6 == 0:
            wires += [
                answer(f"I will read module {number} because it comes next."),
                say("user", f"Good. Never touch module {number} again."),
            ]
    return parsed(wires)


SESSION = session()


def requests(messages: tuple[Message, ...]) -> list[tuple[Message, ...]]:
    return [messages[:end] for end in range(1, len(messages) + 1) if end == len(messages) or messages[end].role == "assistant"]


def forwarded(replayed: Replayed) -> list[Any]:
    return [(message.role, message.parts) for message in replayed.messages]


def notes(replayed: Replayed) -> list[str]:
    return [message.text for message in replayed.messages if message.origin is None]


def ask(summaries: Writer, guard: Replay, history: tuple[Message, ...]) -> Replayed:
    done = guard(history)
    if done.open_note:
        summaries.wanted(done.open_note)
    return done


def first_open(summaries: Writer, guard: Replay) -> tuple[int, Replayed]:
    """The place of the first request that leaves a note open, and what is forwarded for it."""
    for place, history in enumerate(requests(SESSION)):
        done = ask(summaries, guard, history)
        if done.open_note:
            return place, done
    raise AssertionError("no note is written")


def next_epoch(guard: Replay, start: int, epochs: int) -> tuple[int, Replayed]:
    for place, history in enumerate(requests(SESSION)[start:], start):
        done = guard(history)
        if done.epochs > epochs:
            return place, done
    raise AssertionError("no other epoch")


def test_without_a_summariser_no_note_is_open() -> None:
    guard = replay(None)
    assert all(guard(history).open_note is None for history in requests(SESSION))


def test_without_a_text_everything_is_as_without_a_summariser() -> None:
    with_one, without = replay(writer()), replay(None)
    assert all(forwarded(with_one(history)) == forwarded(without(history)) for history in requests(SESSION))


def test_a_text_takes_its_place_at_the_next_epoch_and_not_before() -> None:
    summaries = writer()
    guard = replay(summaries)
    place, before = first_open(summaries, guard)
    assert summaries.texts.offer(before.open_note.key, TEXT)  # type: ignore[union-attr]
    after_place, after = next_epoch(guard, place, before.epochs)
    for history in requests(SESSION)[place:after_place]:
        assert TEXT[:40] not in "\n".join(notes(guard(history)))
    assert TEXT[:40] in "\n".join(notes(after))


def test_what_was_forwarded_is_the_beginning_of_what_is_forwarded_next_unless_an_epoch_opened() -> None:
    summaries = writer()
    guard = replay(summaries)
    replies = []
    for history in requests(SESSION):
        done = ask(summaries, guard, history)
        if done.open_note and done.epochs % 2:
            summaries.texts.offer(done.open_note.key, TEXT)
        replies.append(done)
    assert replies[-1].epochs > 4
    for before, now in pairwise(replies):
        if now.epochs == before.epochs:
            assert forwarded(now)[: len(before.messages)] == forwarded(before)


@pytest.mark.parametrize("delay", [0, 1, 3, 10, 1_000])
def test_a_restart_gives_the_same_bytes_whenever_the_texts_came(delay: int, tmp_path: Path) -> None:
    """`delay` requests lie between the wish for a text and its arrival."""
    url = f"sqlite:///{tmp_path}/facts.db"
    store = open_store(url)
    summaries = writer(store)
    guard, arriving, live = replay(summaries), {}, []
    for number, history in enumerate(requests(SESSION)):
        done = ask(summaries, guard, history)
        if done.open_note:
            arriving.setdefault(done.open_note.key, number + delay)
        for key in [key for key, due in arriving.items() if due == number]:
            summaries.texts.offer(key, f"{TEXT} {key}.")
        live.append(forwarded(done))
    store.close()
    restarted = writer(open_store(url))
    for number, history in list(enumerate(requests(SESSION)))[::9]:
        assert forwarded(replay(restarted)(history)) == live[number]


def test_a_text_that_comes_after_its_epoch_is_dropped_for_good() -> None:
    summaries = writer()
    guard = replay(summaries)
    place, before = first_open(summaries, guard)
    later, settled = next_epoch(guard, place, before.epochs)
    assert not summaries.texts.offer(before.open_note.key, TEXT)  # type: ignore[union-attr]
    again = replay(summaries)(requests(SESSION)[later])
    assert forwarded(again) == forwarded(settled)
    assert TEXT[:40] not in "\n".join(notes(again))


def test_a_text_never_makes_a_request_larger_or_break_a_rule() -> None:
    summaries = writer()
    guard, counter = replay(summaries), Characters()
    for history in requests(SESSION):
        done = ask(summaries, guard, history)
        if done.open_note:
            summaries.texts.offer(done.open_note.key, TEXT * 400)
        assert counter.messages(done.messages) == done.tokens <= 16_000
        assert complaint(history, done.messages) is None


def test_the_open_note_comes_with_the_messages_as_the_client_sent_them() -> None:
    summaries = writer()
    _, done = first_open(summaries, replay(summaries))
    (note,) = summaries.open.values()
    assert note.messages == tuple(SESSION[message.index] for message in note.messages)  # type: ignore[index]
    kept = {message.index for message in done.messages}
    assert kept.isdisjoint(message.index for message in note.messages)


def test_equal_messages_have_one_key_and_others_another() -> None:
    first, same, other = writer(), writer(), writer()
    for summaries, history in ((first, SESSION), (same, session()), (other, parsed([say("system", "Hi."), *agent(200)[1:]]))):
        ask(summaries, replay(summaries), history[:120])
    assert first.open.keys() == same.open.keys()
    assert first.open.keys().isdisjoint(other.open)


def test_a_key_is_decided_once_for_all_replicas() -> None:
    store = MemoryStore()
    one, other = writer(store).texts, writer(store).texts
    assert one.settled("k") is None
    assert not other.offer("k", TEXT)
    assert one.offer("l", TEXT)
    assert other.settled("l") == TEXT
    assert not other.offer("l", "something else")


def test_one_replica_writes_at_a_time() -> None:
    now = [0.0]
    store = MemoryStore(clock=lambda: now[0])
    one, other = writer(store).texts, writer(store).texts
    assert one.lease("k", "one", 60)
    assert not other.lease("k", "other", 60)
    now[0] = 61
    assert other.lease("k", "other", 60)


def test_a_text_is_forgotten_when_its_time_is_over() -> None:
    now = [0.0]
    store = MemoryStore(clock=lambda: now[0])
    texts = writer(store).texts
    assert texts.offer("k", TEXT)
    now[0] = 3_601
    assert not texts.is_decided("k")
    assert store.keys("summaries") == ()


def test_another_prompt_or_model_has_texts_of_its_own() -> None:
    store = MemoryStore()
    Texts(store, "model/1", 60).offer("k", TEXT)
    assert not Texts(store, "model/2", 60).is_decided("k")
