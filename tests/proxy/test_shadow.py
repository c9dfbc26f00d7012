"""Comparisons behind an answered request: drawn, within the budget, on their turn; through LiteLLM's own Router to a server on loopback."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from contextvars import copy_context
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from build import agent, call, say
from litellm import Router
from litellm.types.utils import CallTypes

from token_guard.demo.openai_rules import Refusal
from token_guard.demo.stand_in import Endpoint, StandIn
from token_guard.proxy import shadow
from token_guard.proxy.attempt import Attempt
from token_guard.proxy.own_calls import begin_own_call
from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.report import Fitted
from token_guard.settings import Settings
from token_guard.shadow import Book, Tally, read

WINDOW, PRICE = 4_000, 0.001
REPLY = call("n", path="src/next.py")
PATIENCE = 20.0


class Model(StandIn):
    """Makes the same call whatever it is asked, or refuses with `refused`, once `open` is set; says so of its usage."""

    def __init__(self) -> None:
        super().__init__({"/chat/completions": Endpoint(lambda request: self.refused, self.answer, lambda request: iter(()))})
        self.refused: Refusal | None = None
        self.message: dict[str, Any] = REPLY
        self.open = threading.Event()
        self.open.set()

    def answer(self, request: Any) -> dict[str, Any]:
        self.open.wait(PATIENCE)
        choice = {"index": 0, "message": self.message, "finish_reason": "tool_calls"}
        usage = {"prompt_tokens": 1_000, "completion_tokens": 10, "total_tokens": 1_010}
        return {"id": "m", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    with Model() as upstream:
        entries = [
            {
                "model_name": name,
                "litellm_params": {"model": "openai/house", "api_base": upstream.url, "api_key": "none", **prices},
                "model_info": {"id": name, "max_input_tokens": WINDOW},
            }
            for name, prices in (
                ("priced", {"input_cost_per_token": PRICE, "output_cost_per_token": PRICE}),
                ("unpriced", {}),
                ("free", {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}),
            )
        ]
        router = Router(model_list=entries, num_retries=0, disable_cooldowns=True)
        proxy = SimpleNamespace(llm_router=router, prisma_client=None, proxy_logging_obj=None, user_api_key_cache=None)
        monkeypatch.setitem(sys.modules, "litellm.proxy.proxy_server", proxy)
        yield upstream
        upstream.open.set()


class Bench:
    """The callback of a proxy, asked about attempts and told of their answers as LiteLLM does."""

    def __init__(self, mode: str = "enforce", **named: Any) -> None:
        options = {"models": ["priced", "unpriced", "free"], "share": 1.0, "budget_per_day": 1_000.0, "max_output_tokens": 100, **named}
        self.callback = TokenGuardCallback(Settings(store="memory:", mode=mode, shadow=options))
        assert self.callback.shadow
        self.shadow = self.callback.shadow
        self.shadow._draw = lambda: 0.0
        self._calls = 0

    async def attempt(self, group: str, messages: Any, **more: Any) -> str:
        """One attempt that goes on; the id of its call."""
        self._calls += 1
        kwargs = {
            "model": "openai/house",
            "messages": messages,
            "max_tokens": 50,
            "model_info": {"id": group, "max_input_tokens": WINDOW},
            "metadata": {"model_group": group},
            "litellm_call_id": f"call {self._calls}",
            **more,
        }
        await self.callback.async_pre_call_deployment_hook(kwargs, CallTypes.acompletion)
        return f"call {self._calls}"

    async def done(self, call_id: str) -> None:
        await self.callback.async_log_success_event({"litellm_call_id": call_id}, None, None, None)

    async def settled(self) -> None:
        await asyncio.sleep(0.01)
        while self.shadow._running:
            await asyncio.sleep(0.01)

    def run(self, *attempts: tuple[str, Any], **more: Any) -> Tally:
        """What comparisons of these attempts add up to, all answered."""

        async def run() -> None:
            for group, messages in attempts:
                await self.done(await self.attempt(group, messages, **more))
            await self.settled()

        asyncio.run(run())
        return self.tally

    @property
    def tally(self) -> Tally:
        found = read(self.callback.store, datetime.now(UTC).date())
        return found.get("openai/house", Tally())


def session(number: int, turns: int = 9) -> list[dict[str, Any]]:
    """A history that is compacted and fits whole."""
    return [say("system", "You are careful."), say("user", f"Mend part {number}."), *agent(turns)[2:]]


def test_a_compacted_request_is_asked_whole_whole_once_more_and_compacted(model: Model) -> None:
    tally = Bench().run(("priced", session(1)))
    assert tally.ended == {"compared": 1}
    assert (tally.next.pairs, tally.next.whole, tally.next.compacted) == (1, 1, 1)
    whole, again, compacted = model.requests
    assert whole == again
    assert len(whole["messages"]) == len(session(1))
    assert len(str(compacted["messages"])) < len(str(whole["messages"]))
    assert {name: value for name, value in whole.items() if name != "messages"} == {"model": "house", "max_tokens": 50}


def test_what_is_only_observed_is_compared_with_what_would_have_been_forwarded(model: Model) -> None:
    enforced, observed = Bench().run(("priced", session(1))), Bench("observe").run(("priced", session(1)))
    assert observed.next == enforced.next
    assert model.bodies[:3] == model.bodies[3:]


def test_a_whole_request_that_does_not_fit_is_only_counted(model: Model) -> None:
    tally = Bench().run(("priced", session(1, turns=30)))
    assert tally.ended == {"does not fit": 1}
    assert model.bodies == []


def test_what_is_not_compacted_not_named_or_not_drawn_is_not_asked_again(model: Model) -> None:
    bench = Bench(models=["priced"])
    assert bench.run(("priced", session(1)[:3]), ("free", session(1))) == Tally()
    bench.shadow._draw = lambda: 1.0
    assert bench.run(("priced", session(1))) == Tally()
    assert model.bodies == []


def test_the_turns_of_one_compaction_are_compared_once(model: Model) -> None:
    later = [*session(1), say("assistant", "I go on.")]
    assert Bench().run(("priced", session(1)), ("priced", later), ("priced", session(2))).next.pairs == 2


def test_the_same_session_is_compared_for_each_model_that_it_is_sent_to(model: Model) -> None:
    assert Bench().run(("priced", session(1)), ("free", session(1))).ended == {"compared": 2}


def test_a_budget_below_one_comparison_is_said_to_be_so_once(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(budget_per_day=1.0)
    assert bench.run(("priced", session(1)), ("priced", session(2))).ended == {"too dear": 2}
    assert model.bodies == []
    assert [record.levelname for record in caplog.records if "too dear" in record.message].count("WARNING") == 1


def test_another_format_is_said_once_whatever_is_drawn_and_counted_where_it_is(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    """The prompt of a text completion is compacted, and cannot be asked again as it stands."""
    bench = Bench()
    kept = bench.shadow.keep

    def as_another_format(attempt: Attempt, fitted: Fitted) -> None:
        kept(replace(attempt, api="openai.completions"), fitted)

    bench.shadow.keep = as_another_format
    bench.shadow._draw = lambda: 1.0
    assert bench.run(("priced", session(1)), ("priced", session(2))) == Tally()
    bench.shadow._draw = lambda: 0.0
    assert bench.run(("priced", session(3))).ended == {"another format": 1}
    assert model.bodies == []
    assert [record.levelname for record in caplog.records if "another format" in record.message].count("WARNING") == 1


def test_what_its_provider_would_run_is_not_asked_again(model: Model) -> None:
    tally = Bench().run(("priced", session(1)), tools=[{"type": "web_search"}])
    assert tally.ended == {"not repeatable": 1}
    assert model.bodies == []


def test_a_request_that_gets_no_answer_is_forgotten(model: Model) -> None:
    bench = Bench()

    async def run() -> None:
        call_id = await bench.attempt("priced", session(1))
        await bench.callback.async_post_call_failure_hook({"litellm_call_id": call_id}, RuntimeError(), None)
        await bench.done(call_id)
        await bench.settled()

    asyncio.run(run())
    assert model.bodies == []


def test_without_a_price_nothing_is_spent_and_a_price_of_nothing_is_one(model: Model) -> None:
    bench = Bench()
    assert bench.run(("unpriced", session(1))).ended == {"no price": 1}
    assert model.bodies == []
    assert bench.run(("free", session(2))).ended == {"no price": 1, "compared": 1}
    assert bench.tally.spent == 0.0


def test_the_budget_is_never_exceeded_by_what_is_under_way_at_once(model: Model) -> None:
    """A pair costs 3.03 in the end, and about 12 are set aside for it while it is under way, as two are at a time."""
    bench = Bench(budget_per_day=30.0)
    tally = bench.run(*(("priced", session(number)) for number in range(12)))
    assert 0 < tally.spent <= 30.0
    assert tally.spent == pytest.approx(3.03 * tally.ended["compared"])
    assert len(model.bodies) == 3 * tally.ended["compared"]
    assert tally.ended["over budget"] == 12 - tally.ended["compared"] > 0
    book = Book(30.0, bench.callback.store)
    assert book.spent(datetime.now(UTC).date().isoformat()) == pytest.approx(tally.spent)


def test_a_full_queue_takes_no_more(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow, "_QUEUED", 3)
    bench = Bench()
    model.open.clear()

    async def run() -> None:
        for number in range(8):
            await bench.done(await bench.attempt("priced", session(number)))
            await asyncio.sleep(0.01)
        model.open.set()
        await bench.settled()

    asyncio.run(run())
    assert bench.tally.ended == {"compared": 5, "queue full": 3}, "two at work, three that wait"


def test_a_call_that_fails_ends_comparisons_for_a_while_and_costs_nothing_where_it_is_refused(model: Model) -> None:
    bench, now = Bench(), [1_000.0]
    bench.shadow._now = lambda: now[0]
    model.refused = Refusal("Too long.", code="context_length_exceeded")
    assert bench.run(("priced", session(1))).ended == {"failed": 1}
    model.refused = None
    assert bench.run(("priced", session(2))).ended == {"failed": 1}
    now[0] += 301
    assert bench.run(("priced", session(3))).ended == {"failed": 1, "compared": 1}
    assert bench.tally.spent == pytest.approx(3.03)


def test_a_reply_without_a_call_or_a_word_is_no_verdict(model: Model) -> None:
    model.message = {"role": "assistant", "content": ""}
    tally = Bench().run(("priced", session(1)))
    assert (tally.ended, tally.next.pairs) == ({"no answer": 1}, 0)


def test_nothing_of_the_content_is_stored(model: Model) -> None:
    bench = Bench()
    bench.run(("priced", session(1)))
    store = bench.callback.store
    kept = [store.get(section, key) or "" for section in ("shadow", "shadow_money") for key in store.keys(section)]
    assert kept
    assert set(json.loads(kept[0])) == {"day", "model", "tally"}
    assert not any(word in fact for fact in kept for word in ("next.py", "handler", "careful", "read"))


@pytest.mark.parametrize("own", [True, False])
def test_nothing_is_learned_from_the_guards_own_calls(own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM hides their messages from events, as it is told: what a provider counted would be compared with next to nothing."""
    callback = TokenGuardCallback(Settings(store="memory:"))
    learned: list[Any] = []
    monkeypatch.setattr(callback.guard, "learn", lambda request, *rest, **more: learned.append(request))
    event = {
        "call_type": "acompletion",
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "redacted"}],
        "standard_logging_object": {"prompt_tokens": 5_000},
        "litellm_params": {"model_info": {"id": "d"}},
    }

    async def told() -> None:
        await callback.async_log_success_event(event, None, None, None)

    context = copy_context()
    if own:
        context.run(begin_own_call)
    context.run(asyncio.run, told())
    assert len(learned) == (not own)
