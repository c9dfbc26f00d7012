"""Comparisons behind a real proxy, on every wire, of a model that is known to disagree with itself so often: the report says how often."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from anthropic_chat import translated
from build import agent, say
from responses_rules import as_items
from scripted_upstream import BY_ITSELF, OVER_COMPACTION, Scripted

from token_guard.commands.shadow import shadow_report
from token_guard.demo.proxy import Proxy
from token_guard.shadow import Agreed, Tally

WINDOW, CLAUDES, PRICE, BUDGET = 2_600, 4_400, 0.001, 1_600.0
"""Windows of a model whose tokens are known, and of one whose are estimated: by a half too many, here."""
DEAR = "dear"
"""The model by which the budget is used up."""
CALLS, TEXTS = 52, 6
SESSIONS = 1 + CALLS + TEXTS
"""Of each wire; the first one fits compacted only."""
TURNS, LINES = 8, 9
"""Of a session that is compacted and fits whole."""
HELD, AT_A_TIME, QUEUE = 8, 2, 20
"""Sessions of each wire that are answered before any comparison is, comparisons at a time, and how many may be behind."""
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Wire:
    """One kind of call: the model behind the proxy, where a client asks, and what it sends."""

    model: str
    path: str
    body: Callable[[Sequence[Any]], dict[str, Any]]
    window: int = WINDOW
    price: float = PRICE

    @property
    def name(self) -> str:
        """The model as its provider knows it."""
        return self.model.partition("/")[2]


def of_chat(messages: Sequence[Any]) -> dict[str, Any]:
    function = {"name": "read", "parameters": {"type": "object", "properties": {"path": {"type": "string"}}}}
    return {"messages": messages, "max_tokens": 50, "tools": [{"type": "function", "function": function}]}


def of_messages(messages: Sequence[Any]) -> dict[str, Any]:
    system, turns = translated(list(messages))
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    return {"system": system, "messages": turns, "max_tokens": 50, "tools": [{"name": "read", "description": "", "input_schema": schema}]}


def of_responses(messages: Sequence[Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    tool = {"type": "function", "name": "read", "parameters": schema}
    return {"input": as_items(messages), "max_output_tokens": 50, "tools": [tool]}


WIRES: Mapping[str, Wire] = {
    "chat": Wire("openai/house-chat", "/chat/completions", of_chat),
    "messages": Wire("anthropic/claude-house", "/messages", of_messages, CLAUDES),
    "responses": Wire("openai/house-responses", "/responses", of_responses),
    "translated": Wire("openai/house-translated", "/messages", of_messages),
}
"""The last one is a client of Messages before a model of OpenAI's."""

MODELS = {**WIRES, DEAR: Wire("anthropic/claude-dear", "/messages", of_messages, CLAUDES, 60 * PRICE)}

wires = pytest.mark.parametrize("wire", WIRES)


@dataclass
class World:
    model: Scripted
    proxy: Proxy
    config: Path
    answered: int = 0

    def tally(self, wire: str) -> Tally:
        return shadow_report(str(self.config), 1, {}).tallies.get(MODELS[wire].model, Tally())

    @property
    def ended(self) -> int:
        """How many comparisons have ended, by the report."""
        return sum(sum(self.tally(wire).ended.values()) for wire in WIRES)

    def ask(self, group: str, number: int, turns: int = TURNS) -> None:
        """One request of a session, every second one in a stream, which is read to its end."""
        wire = MODELS[group]
        messages = [say("system", "You are careful."), say("user", f"Mend part {number}."), *agent(turns, LINES)[2:]]
        body = {"model": group, "stream": bool(number % 2), **wire.body(messages)}
        answer = httpx.post(self.proxy.url + wire.path, json=body, headers={"Authorization": f"Bearer {self.proxy.key}"}, timeout=60)
        assert answer.status_code == 200, answer.text
        assert ("alpha beta" if talks(number) else "next.py") in answer.text
        self.answered += 1


def is_whole(told: str) -> bool:
    return told.count("def handler_") == TURNS * LINES


def talks(number: int) -> bool:
    return number > CALLS


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("shadow")
    url = f"sqlite:///{folder}/store.db"
    with ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("TOKEN_GUARD_STORE", url)
        model = stack.enter_context(Scripted(WINDOW, {wire.name: wire.price for wire in MODELS.values()}, is_whole, talks))
        file = folder / "config.yaml"
        file.write_text(yaml.safe_dump(config(model, url)), encoding="utf-8")
        proxy = stack.enter_context(Proxy(config(model, url), environment={"TOKEN_GUARD_STORE": url}))
        world = World(model, proxy.wait(), file)
        try:
            ask_all(world)
            yield world
        finally:
            model.open.set()


def config(model: Scripted, store: str) -> dict[str, Any]:
    shadow = {"models": list(MODELS), "share": 1.0, "budget_per_day": BUDGET, "max_output_tokens": 100}
    return {
        "model_list": [deployment(model, group, wire) for group, wire in MODELS.items()],
        "litellm_settings": {"callbacks": ["token_guard.callback"]},
        "callback_settings": {"token_guard": {"store": store, "shadow": shadow, "thresholds": "fixed", "trigger": 0.5, "target": 0.3}},
    }


def deployment(model: Scripted, group: str, wire: Wire) -> dict[str, Any]:
    base = model.root if wire.model.startswith("anthropic") else model.url
    prices = {"input_cost_per_token": wire.price, "output_cost_per_token": wire.price}
    return {
        "model_name": group,
        "litellm_params": {"model": wire.model, "api_base": base, "api_key": "none", **prices},
        "model_info": {"id": group, "max_input_tokens": wire.window},
    }


def ask_all(world: World) -> None:
    """All sessions, the first of them while all that is asked behind them waits."""
    for number in range(SESSIONS):
        for wire in WIRES:
            world.ask(wire, number, turns=TURNS if number else 20)
        if number == HELD // len(WIRES):
            assert len(world.model.bodies) <= world.answered + AT_A_TIME
            world.model.open.set()
        wait_until(partial(has_asked, world.model, 4 * (world.answered - QUEUE)))
    wait_until(lambda: world.ended == len(WIRES) * SESSIONS)


def has_asked(model: Scripted, times: int) -> bool:
    return len(model.bodies) >= times


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_clients_are_answered_while_comparisons_wait(world: World) -> None:
    assert world.answered == len(WIRES) * SESSIONS


@wires
def test_every_session_is_compared_but_one_that_does_not_fit_whole(world: World, wire: str) -> None:
    assert world.tally(wire).ended == {"compared": CALLS + TEXTS, "does not fit": 1}


@wires
@pytest.mark.parametrize("level", ["tool", "target", "arguments"])
def test_the_report_names_the_rates_of_calls_within_their_intervals(world: World, wire: str, level: str) -> None:
    agreed: Agreed = getattr(world.tally(wire), level)
    itself, over = (getattr(rates, level) for rates in (BY_ITSELF, OVER_COMPACTION))
    assert agreed.pairs == CALLS
    assert agreed.by_itself.low <= itself <= agreed.by_itself.high
    assert agreed.over_compaction.low <= over <= agreed.over_compaction.high
    assert agreed.added.low <= over - itself <= agreed.added.high


@wires
def test_texts_are_compared_by_the_words_that_they_share(world: World, wire: str) -> None:
    overlaps = world.tally(wire).overlap
    assert overlaps.pairs == TEXTS
    assert overlaps.whole == pytest.approx(TEXTS * BY_ITSELF.overlap)
    assert overlaps.compacted == pytest.approx(TEXTS * OVER_COMPACTION.overlap)


@wires
def test_as_much_is_spent_as_is_said(world: World, wire: str) -> None:
    assert world.tally(wire).spent == pytest.approx(world.model.cost[WIRES[wire].name])


def test_nothing_of_what_was_asked_or_answered_is_in_the_store(world: World) -> None:
    files = [file.read_bytes() for file in world.config.parent.glob("store.db*")]
    assert files
    assert not any(word in data for data in files for word in (b"next.py", b"handler_", b"You are careful", b"Mend part", b"alpha"))


def test_no_more_is_spent_than_the_budget_of_all_models_together(world: World) -> None:
    for number in range(1, CALLS):
        world.ask(DEAR, number)
        wait_until(lambda: sum(world.tally(DEAR).ended.values()) == number)  # noqa: B023 - it is waited for at once
        if "over budget" in world.tally(DEAR).ended:
            break
    asked = len(world.model.bodies)
    world.ask(DEAR, CALLS)
    wait_until(lambda: world.tally(DEAR).ended["over budget"] == 2)
    assert len(world.model.bodies) == asked + 1, "the client's own"
    assert 0.5 * BUDGET < sum(world.model.cost.values()) <= BUDGET
