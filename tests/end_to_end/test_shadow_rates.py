"""Comparisons behind a real proxy, with a scripted model that is known to disagree with itself so often: the report names those rates."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from build import agent, call, say
from shared_proxies import client_of

from token_guard.commands.shadow import shadow_report
from token_guard.demo.openai_rules import ContextWindow, Refusal, count_prompt, openai_refusal
from token_guard.demo.proxy import Proxy
from token_guard.demo.stand_in import Endpoint, StandIn

WINDOW, PRICE, BUDGET = 2_000, 0.001, 600.0
SESSIONS = 52
BY_ITSELF, OVER_COMPACTION = 0.2, 0.5
TURNS, LINES = 8, 9
"""Of a session that is compacted and fits whole."""
TASK = re.compile(r"Mend part \d+")
HELD, AT_A_TIME, QUEUE = 5, 2, 20
"""Sessions that are answered before any comparison is, comparisons at a time, and how many sessions they may be behind."""
PATIENCE_SECONDS = 30.0


class Scripted(StandIn):
    """Reads the same file next, in a session, but for a fifth of its second replies to it and half of those to it compacted.

    What the client itself asks for is held by nothing; what is asked behind that waits for `open`.
    """

    def __init__(self) -> None:
        super().__init__({"/chat/completions": Endpoint(self.refusal, self.answer, lambda request: iter(()))})
        self.window = ContextWindow(WINDOW)
        self.open = threading.Event()
        self.asked: dict[tuple[str, bool], int] = {}
        self.lock = threading.Lock()
        self.cost = 0.0

    def refusal(self, request: Any) -> Refusal | None:
        return openai_refusal(request, self.window)

    def answer(self, request: Any) -> dict[str, Any]:
        told = json.dumps(request["messages"])
        task, is_whole = TASK.findall(told)[0], told.count("def handler_") == TURNS * LINES
        with self.lock:
            times = self.asked[task, is_whole] = self.asked.get((task, is_whole), 0) + 1
            is_clients = not is_whole and times == 1
            tokens = count_prompt(request)
            self.cost += 0 if is_clients else (tokens + 10) * PRICE
        if not is_clients:
            self.open.wait(PATIENCE_SECONDS)
        draw = random.Random(f"{task} {is_whole}").random()
        differs = draw < (BY_ITSELF if is_whole else OVER_COMPACTION) and (times > 1 or not is_whole)
        choice = {"index": 0, "message": call("n", path="other.py" if differs else "next.py"), "finish_reason": "tool_calls"}
        usage = {"prompt_tokens": tokens, "completion_tokens": 10, "total_tokens": tokens + 10}
        return {"id": "s", "object": "chat.completion", "created": 0, "model": "house", "choices": [choice], "usage": usage}


@dataclass
class World:
    model: Scripted
    proxy: Proxy
    config: Path
    answered: int = 0

    def report(self) -> Any:
        return shadow_report(str(self.config), 1, {})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("shadow")
    url = f"sqlite:///{folder}/store.db"
    with ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("TOKEN_GUARD_STORE", url)
        model = stack.enter_context(Scripted())
        params = {"model": "openai/gpt-4o", "api_base": model.url, "api_key": "none"}
        info = {"id": "house", "max_input_tokens": WINDOW}
        shadow = {"models": ["house"], "share": 1.0, "budget_per_day": BUDGET, "max_output_tokens": 100}
        config = {
            "model_list": [
                {
                    "model_name": "house",
                    "litellm_params": {**params, "input_cost_per_token": PRICE, "output_cost_per_token": PRICE},
                    "model_info": info,
                }
            ],
            "litellm_settings": {"callbacks": ["token_guard.callback"]},
            "callback_settings": {"token_guard": {"store": url, "shadow": shadow, "thresholds": "fixed", "trigger": 0.6, "target": 0.3}},
        }
        file = folder / "config.yaml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        proxy = stack.enter_context(Proxy(config, environment={"TOKEN_GUARD_STORE": url}))
        world = World(model, proxy.wait(), file)
        try:
            world.answered = asked_by_clients(world)
            wait_until(lambda: ended(world) == SESSIONS)
            yield world
        finally:
            model.open.set()


def asked_by_clients(world: World) -> int:
    """How many requests were answered, the first of them while all that is asked behind them waits. The first fits compacted only."""
    client = client_of(world.proxy)
    for number in range(SESSIONS):
        history = agent(TURNS if number else 20, LINES)[2:]
        messages = [say("system", "You are careful."), say("user", f"Mend part {number}."), *history]
        client.chat.completions.create(model="house", messages=messages, max_tokens=50)
        if number == HELD:
            assert len(world.model.bodies) <= number + 1 + AT_A_TIME
            world.model.open.set()
        wait_until(partial(has_asked, world.model, 4 * (number - QUEUE)))
    return SESSIONS


def has_asked(model: Scripted, times: int) -> bool:
    return len(model.bodies) >= times


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ended(world: World) -> int:
    """How many comparisons have ended, by the report."""
    return sum(sum(tally.ended.values()) for tally in world.report().tallies.values())


def test_clients_are_answered_while_comparisons_wait(world: World) -> None:
    assert world.answered == SESSIONS


def test_the_report_names_the_rates_within_their_intervals(world: World) -> None:
    agreed = world.report().tallies["openai/gpt-4o"].next
    assert agreed.pairs >= 50
    assert agreed.by_itself.low <= BY_ITSELF <= agreed.by_itself.high
    assert agreed.over_compaction.low <= OVER_COMPACTION <= agreed.over_compaction.high
    assert agreed.added.low <= OVER_COMPACTION - BY_ITSELF <= agreed.added.high
    assert world.report().found


def test_what_does_not_fit_whole_is_said(world: World) -> None:
    assert world.report().tallies["openai/gpt-4o"].ended["does not fit"] == 1


def test_no_more_is_spent_than_the_budget_and_as_much_as_is_said(world: World) -> None:
    spent = world.report().tallies["openai/gpt-4o"].spent
    assert 0 < spent <= BUDGET
    assert spent == pytest.approx(world.model.cost)


def test_nothing_of_what_was_asked_or_answered_is_in_the_store(world: World) -> None:
    files = [file.read_bytes() for file in world.config.parent.glob("store.db*")]
    assert files
    assert not any(word in data for data in files for word in (b"next.py", b"handler_", b"You are careful", b"Mend part"))
