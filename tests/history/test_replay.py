"""The laws of replay, on made-up and on recorded sessions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from build import Characters, agent, answer, call, parsed, result, say

from token_guard.compaction import Draft, Goal, run
from token_guard.compaction.strategies import passes
from token_guard.conversation import Message
from token_guard.counting import meter_for
from token_guard.guard import Guard
from token_guard.history.replay import Replay, Replayed
from token_guard.history.states import Memo
from token_guard.history.thresholds import Levels, thresholds
from token_guard.settings import Settings
from token_guard.validity.rules import complaint

ALLOWED = 16_000
SETTINGS = Settings()


def replay(counter: Any, allowed: int = ALLOWED, memo: Memo | None = None, **options: Any) -> Replay:
    def compact(draft: Draft, goal: Goal) -> Any:
        return run(passes(SETTINGS), draft, goal, counter, complaint)

    return Replay(allowed, partial(thresholds, settings=SETTINGS, **options), compact, counter, Memo(10**8) if memo is None else memo)


def requests(messages: tuple[Message, ...]) -> list[tuple[Message, ...]]:
    """The histories that the client sent one after the other."""
    return [messages[:end] for end in range(1, len(messages) + 1) if end == len(messages) or messages[end].role == "assistant"]


def ran(replayed: Replayed, name: str) -> int:
    """What the pass of this name was given to read, over all epochs: it grows whenever the pass runs."""
    return sum(step.tokens_before for step in replayed.steps if step.name == name)


def forwarded(replayed: Replayed) -> list[Any]:
    return [(message.role, message.parts) for message in replayed.messages]


MADE_UP = parsed(agent(60))


def recorded(corpus: Callable[[str], Any], file: str, number: int) -> tuple[Message, ...]:
    return parsed([record for record in corpus(file) if len(record["messages"]) > 60][number]["messages"])


@pytest.fixture(scope="module", params=["made up", "coding_agents 0", "coding_agents 3", "agent_sessions 2", "with talk"])
def session(request: pytest.FixtureRequest, corpus: Any) -> tuple[Any, tuple[Message, ...], int]:
    """A counter, a session and a budget that it exceeds several times."""
    if request.param == "made up":
        return Characters(), MADE_UP, ALLOWED
    meter = meter_for("gpt-4o")
    if request.param == "with talk":
        return meter, parsed(with_talk(agent(150, lines=12))), 8_000
    file, number = request.param.split()
    return meter, recorded(corpus, file, int(number))[:260], 12_000


def with_talk(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    talk: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        talk.append(message)
        if message["role"] == "tool" and number % 5 == 0:
            talk += [
                answer(f"I will look at part {number} next because it comes before."),
                say("user", f"Fine, but never change part {number}."),
            ]
    return talk


Session = tuple[Any, tuple[Message, ...], int]
Turns = list[tuple[tuple[Message, ...], Replayed]]


@pytest.fixture(scope="module")
def turns(session: Session) -> Turns:
    """What the client sent, one request after the other before one memo, and what was made of each."""
    counter, messages, allowed = session
    guard = replay(counter, allowed)
    return [(history, guard(history)) for history in requests(messages)]


def test_what_was_forwarded_is_the_beginning_of_what_is_forwarded_next_unless_an_epoch_opened(turns: Turns) -> None:
    before, epochs = None, 0
    for _, now in turns:
        if before is not None and now.epochs == before.epochs:
            assert forwarded(now)[: len(before.messages)] == forwarded(before)
        before, epochs = now, now.epochs
    assert epochs > 1


def test_a_fresh_memo_gives_the_same(session: Session) -> None:
    counter, messages, allowed = session
    warm = replay(counter, allowed)
    for history in requests(messages)[::7]:
        assert forwarded(warm(history)) == forwarded(replay(counter, allowed)(history))


def test_every_forwarded_request_fits_and_breaks_no_rule(session: Session, turns: Turns) -> None:
    counter, _, allowed = session
    for history, now in turns:
        assert counter.messages(now.messages) == now.tokens <= allowed
        assert complaint(history, now.messages) is None


def test_the_history_is_counted_as_it_came(session: Session) -> None:
    counter, messages, allowed = session
    assert replay(counter, allowed)(messages).history_tokens == counter.messages(messages)


def test_an_epoch_frees_what_lies_between_trigger_and_target_or_every_pass_has_run(turns: Turns) -> None:
    before = Replayed((), 0, 0, Levels(0, 0))
    for _, now in turns:
        if now.epochs == before.epochs + 1:
            came = now.history_tokens - before.history_tokens
            assert before.tokens + came - now.tokens >= before.levels.trigger - now.levels.target or ran(now, "truncate") > ran(
                before, "truncate"
            )
        before = now


def test_the_target_that_is_reported_is_the_one_that_was_used() -> None:
    """An agent that worked alone until now is compacted deeper than one that is spoken to."""
    guard, reply = replay(Characters()), answer("Seen.")
    alone = parsed(agent(60))
    spoken = parsed([*agent(60), reply, *(wire for number in range(3) for wire in (say("user", f"And {number}?"), reply))])
    before, after = guard(alone), guard(spoken)
    assert before.epochs == after.epochs > 0
    assert after.levels.target == before.levels.target


def test_a_session_below_the_trigger_is_never_touched() -> None:
    messages = parsed(agent(6))
    assert replay(Characters(), 1_000_000)(messages).messages == messages


def test_nothing_of_the_input_changes() -> None:
    wires = agent(60)
    before = json.dumps(wires)
    replay(Characters())(parsed(wires))
    assert json.dumps(wires) == before


def test_the_newest_requests_own_fields_are_forwarded() -> None:
    memo, wires = Memo(10**8), agent(60)
    replay(Characters(), memo=memo)(parsed(wires))
    moved = [{**wire, "cache_control": {"type": "ephemeral"}} for wire in wires]
    kept = [message for message in replay(Characters(), memo=memo)(parsed(moved)).messages if message.origin]
    assert all(message.origin and message.origin.wire["cache_control"] for message in kept)


def test_lenient_thresholds_wait_until_it_does_not_fit() -> None:
    counter, guard = Characters(), replay(Characters(), lenient=True)
    for history in requests(MADE_UP):
        if counter.messages(history) <= ALLOWED:
            assert guard(history).messages == history


def test_one_more_epoch_can_be_forced() -> None:
    messages = parsed(agent(12))
    guard = replay(Characters(), 20_000)
    assert guard(messages).epochs == 0
    assert guard.once_more(messages).tokens < guard(messages).tokens


def test_the_memo_holds_no_more_than_it_may() -> None:
    memo = Memo(20_000)
    guard = replay(Characters(), memo=memo)
    for turns in range(1, 200):
        guard(parsed([say("user", f"task {turns}"), *agent(turns % 60)[2:]]))
    assert 0 < memo.size <= 20_000


def test_a_session_leaves_one_state_behind() -> None:
    memo = Memo(10**8)
    guard = replay(Characters(), memo=memo)
    for history in requests(MADE_UP):
        guard(history)
    assert len(memo) == 1


def test_a_turn_counts_its_new_messages_only() -> None:
    class Counting(Characters):
        counted = 0

        def message(self, message: Message) -> int:
            Counting.counted += 1
            return super().message(message)

    guard = replay(Counting(), 10**9)
    guard(MADE_UP)
    Counting.counted = 0
    guard((*MADE_UP, *parsed([call("x"), result("x", "42")])))
    assert Counting.counted == 2


SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from build import agent
from token_guard import fit
print(json.dumps(fit({"model": "gpt-4o", "messages": agent(120)}, max_input_tokens=8_000).request["messages"]))
"""


def test_processes_with_other_hash_seeds_forward_the_same_bytes() -> None:
    tests = str(Path(__file__).parents[1])
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT, tests], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1


def test_a_cold_replay_takes_the_same_way_as_turn_after_turn() -> None:
    wires = agent(120)
    warm, request = Guard(), {"model": "gpt-4o", "messages": wires}
    for end in range(2, len(wires), 2):
        warm.process({"model": "gpt-4o", "messages": wires[:end]}, max_input_tokens=8_000)
    assert warm.process(request, max_input_tokens=8_000).request == Guard().process(request, max_input_tokens=8_000).request
