"""The background calls: one for each key, within time, budget and rights; through litellm's own Router to a server on loopback."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any

import pytest
from build import agent, parsed
from litellm import Router
from litellm.proxy._types import UserAPIKeyAuth
from litellm.types.utils import CallTypes

from token_guard.budget import ContextLimit
from token_guard.conversation import Message, Text
from token_guard.demo.openai_rules import Refusal
from token_guard.demo.stand_in import Endpoint, StandIn
from token_guard.history.summaries import OpenNote
from token_guard.history.summary_prompt import VERSION
from token_guard.marks import mark
from token_guard.proxy.callers import identity_of
from token_guard.proxy.own_calls import begin_own_call
from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.proxy.summarizer import Summarizer
from token_guard.settings import Settings
from token_guard.stores import MemoryStore

TEXT = "The user wanted the fault found, and the assistant read forty modules without finding it."
MESSAGES = parsed(agent(20))[2:]
NOTE = Message("user", (Text(mark("reference: messages\n" + "The user asked earlier:\n- A line.\n" * 40 + "end of reference")),))
PATIENCE = 20.0


class Model(StandIn):
    """Answers with `text`, or refuses with `refused`, once `open` is set."""

    def __init__(self) -> None:
        super().__init__({"/chat/completions": Endpoint(lambda request: self.refused, self.answer, lambda request: iter(()))})
        self.refused: Refusal | None = None
        self.text = TEXT
        self.open = threading.Event()
        self.open.set()

    def answer(self, request: Any) -> dict[str, Any]:
        self.open.wait(PATIENCE)
        choice = {"index": 0, "message": {"role": "assistant", "content": self.text}, "finish_reason": "stop"}
        return {"id": "w", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": {}}


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    with Model() as upstream:
        params = {"model": "openai/gpt-4o", "api_base": upstream.url, "api_key": "none"}
        router = Router(model_list=[{"model_name": "writer", "litellm_params": params}], num_retries=0, disable_cooldowns=True)
        proxy = SimpleNamespace(llm_router=router, prisma_client=None, proxy_logging_obj=None, user_api_key_cache=None)
        monkeypatch.setitem(sys.modules, "litellm.proxy.proxy_server", proxy)
        yield upstream
        upstream.open.set()


class Bench:
    """A summariser under a clock of its own, and what it says of each wish."""

    def __init__(self, store: Any = None, **options: Any) -> None:
        self.now = 0.0
        self.outcomes: list[str] = []
        self.store = store = store or MemoryStore(clock=lambda: self.now)
        settings = Settings(summarizer={"model": "writer", **options})
        self.summarizer = Summarizer(settings, store, lambda *_: ContextLimit(8_000), observe=self.outcomes.append, clock=lambda: self.now)

    def want(
        self, *keys: str, models: tuple[str, ...] = ("writer",), auth: Any = None, before: Callable[[], Any] = lambda: None
    ) -> list[str]:
        """How the wishes for these keys ended that this caller has, in the order of their ends."""
        token = auth or UserAPIKeyAuth(api_key="sk-1", user_id="ann", models=list(models))
        kwargs = {"metadata": {"user_api_key_user_id": "ann", "user_api_key_auth": token}}
        told = len(self.outcomes)

        async def run() -> None:
            with self.summarizer.on_behalf_of(kwargs):
                for key in keys:
                    self.summarizer.wanted(OpenNote(key * 16, NOTE, MESSAGES))
            await asyncio.sleep(0.05)
            before()
            while self.summarizer._running:
                await asyncio.sleep(0.01)

        asyncio.run(run())
        return self.outcomes[told:]


def test_a_text_is_written_once_for_a_key(model: Model) -> None:
    bench = Bench()
    assert bench.want("a", "a", "a") == ["written"]
    assert bench.want("a") == []
    assert len(model.bodies) == 1
    assert bench.summarizer.settled("a" * 16) == TEXT


def test_another_replica_asks_no_second_time(model: Model) -> None:
    store = MemoryStore()
    assert Bench(store).want("a") == ["written"]
    assert Bench(store).want("a") == ["elsewhere"]
    assert len(model.bodies) == 1


def test_a_text_that_comes_after_its_epoch_is_dropped(model: Model) -> None:
    bench = Bench()
    model.open.clear()

    def meanwhile() -> None:
        assert bench.summarizer.settled("a" * 16) is None
        model.open.set()

    assert bench.want("a", before=meanwhile) == ["late"]
    assert bench.summarizer.settled("a" * 16) is None


def test_a_call_that_takes_too_long_is_given_up(model: Model) -> None:
    bench = Bench(timeout_seconds=1)
    model.open.clear()
    assert bench.want("a") == ["timeout"]
    assert bench.summarizer.settled("a" * 16) is None


def test_after_three_failures_the_model_rests_for_a_while(model: Model) -> None:
    bench = Bench()
    model.refused = Refusal("Down.", type="server_error", param=None, status=503)
    assert bench.want("a") + bench.want("b") + bench.want("c") == ["failed"] * 3
    asked = len(model.bodies)
    assert bench.want("d") == []
    assert len(model.bodies) == asked
    model.refused, bench.now = None, 301.0
    assert bench.want("d") == ["written"]


def test_what_failed_is_asked_for_again_later(model: Model) -> None:
    bench = Bench(timeout_seconds=1)
    model.refused = Refusal("Down.", type="server_error", param=None, status=503)
    assert bench.want("a") == ["failed"]
    model.refused, bench.now = None, 601.0
    bench.store.delete("summary_leases", f"writer/{VERSION}/{'a' * 16}")  # its second is over by the clock on the wall
    assert bench.want("a") == ["written"]


def test_an_hour_has_only_so_many_calls(model: Model) -> None:
    bench = Bench(max_calls_per_hour=2)
    assert sorted(bench.want("a", "b", "c")) == ["over budget", "written", "written"]
    bench.now = 3_601.0
    assert bench.want("d") == ["written"]


def test_an_empty_answer_is_a_failure(model: Model) -> None:
    model.text = "<think>nothing to say</think>"
    assert Bench().want("a") == ["failed"]


def test_a_key_that_may_not_use_the_model_has_nothing_written(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    with caplog.at_level(logging.WARNING, logger="token_guard"):
        assert bench.want("a", "b", models=("worker",)) == ["denied", "denied"]
    assert model.bodies == []
    assert caplog.text.count("denied") == 1


@pytest.mark.parametrize("auth", [{"models": []}, {"api_key": "sk-master", "user_role": "proxy_admin"}, "sk-1"])
def test_what_a_client_writes_into_metadata_is_no_proof_of_a_key(model: Model, auth: Any) -> None:
    assert Bench().want("a", auth=auth) == ["denied"]


def test_a_bucket_of_the_clients_does_not_hide_the_proxys() -> None:
    token = UserAPIKeyAuth(api_key="sk-1", budget_reservation={"id": "r"})
    spoofed = {"user_api_key_auth": {"models": []}, "user_api_key_user_id": "root"}
    kwargs = {"litellm_metadata": spoofed, "metadata": {"user_api_key_auth": token, "user_api_key_user_id": "ann", "headers": {}}}
    identity = identity_of(kwargs)
    assert identity["user_api_key_user_id"] == "ann"
    assert identity["user_api_key_auth"].budget_reservation is None
    assert token.budget_reservation == {"id": "r"}
    assert "headers" not in identity


def test_nothing_is_wanted_where_nobody_could_be_charged(model: Model) -> None:
    bench = Bench()
    bench.summarizer.wanted(OpenNote("a" * 16, NOTE, MESSAGES))
    assert bench.want() == []
    assert model.bodies == []


def test_the_log_names_the_outcome_and_no_content(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="token_guard"):
        Bench().want("a")
    model.refused = Refusal("handler_3_1 is a secret")
    with caplog.at_level(logging.INFO, logger="token_guard"):
        Bench().want("b")
    lines = [record.getMessage() for record in caplog.records if record.name == "token_guard"]
    assert ["written" in lines[0], "failed (BadRequestError)" in lines[1]] == [True, True]
    assert not any(word in " ".join(lines) for word in ("handler", TEXT[:20]))


def test_no_more_than_the_messages_and_the_bounds_reach_the_model(model: Model) -> None:
    Bench(max_output_tokens=300).want("a")
    (request,) = map(json.loads, model.bodies)
    assert request["max_tokens"] == 300
    assert not {"metadata", "turn_off_message_logging", "user"} & request.keys()


@pytest.mark.parametrize("own", [True, False])
def test_the_hook_leaves_its_own_call_alone_and_nobody_elses(own: bool) -> None:
    guard = TokenGuardCallback(Settings())
    kwargs = {
        "model": "openai/gpt-4o",
        "messages": agent(60),
        "model_info": {"id": "d", "max_input_tokens": 8_000},
        "metadata": {"model_group": "main", "token_guard_summary_call": True, "token_guard": {"summary": True}},
    }

    async def attempt() -> Any:
        return await guard.async_pre_call_deployment_hook(kwargs, CallTypes.acompletion)

    context = copy_context()
    if own:
        context.run(begin_own_call)
    assert (context.run(asyncio.run, attempt()) is None) is own


def test_without_a_model_there_is_no_summariser() -> None:
    assert Summarizer.if_wanted(Settings(), MemoryStore(), lambda *_: ContextLimit(8_000)) is None
