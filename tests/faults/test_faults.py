"""What breaks while requests come in: each goes on, what is worse for it is said, and all is well again by itself.

What else breaks, and which test shows it, stands in docs/faults.md.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import litellm
import pytest
from litellm.types.utils import CallTypes

from token_guard import Guard
from token_guard.compaction.strategies import passes
from token_guard.conversation import Conversation
from token_guard.counting import meter_for
from token_guard.counting.calibrations import SECTION as CALIBRATION
from token_guard.counting.calibrations import Calibrations
from token_guard.counting.meter import Meter
from token_guard.demo.conversation import conversation
from token_guard.demo.openai_rules import count_prompt
from token_guard.demo.upstream import Upstream
from token_guard.formats import FORMATS
from token_guard.proxy import plugin
from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.report import Correction
from token_guard.sessions import Recent
from token_guard.settings import Settings
from token_guard.stores import MemoryStore, Page, SessionChange

WINDOW = 8_000
HISTORY = conversation()[:48]
SHORT = [{"role": "user", "content": "Hello"}]


def forwarded(guard: TokenGuardCallback, messages: Any, call: str = "call-1") -> tuple[list[Any], dict[str, Any]]:
    """The messages that are forwarded of a call, and its note."""
    note: dict[str, Any] = {}
    kwargs = {
        "model": "openai/gpt-4o",
        "messages": messages,
        "model_info": {"id": "d-1", "max_input_tokens": WINDOW},
        "metadata": {"model_group": "main", "token_guard": note},
        "litellm_call_id": call,
        "custom_llm_provider": "openai",
    }
    changed = asyncio.run(guard.async_pre_call_deployment_hook(kwargs, CallTypes.acompletion))
    return (changed or kwargs)["messages"], note


def fits(messages: list[Any]) -> bool:
    return count_prompt({"model": "gpt-4o", "messages": messages}) <= WINDOW


# -- a pass, a tokenizer -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Broken:
    """A pass that raises with what it was given, as a bug would."""

    name: str

    def __call__(self, draft: Any, goal: Any, counter: Any) -> Any:
        raise ValueError(f"no such thing: {draft.messages[0].text}")


@pytest.mark.parametrize("broken", range(len(passes(Settings()))))
def test_a_pass_that_raises_is_done_without(broken: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [step.name for step in passes(Settings())]
    guard = TokenGuardCallback(Settings(store="memory:", max_overhead_ms=60_000))
    monkeypatch.setattr(
        "token_guard.guard.passes",
        lambda settings: tuple(Broken(step.name) if place == broken else step for place, step in enumerate(passes(settings))),
    )
    guard.guard = Guard(guard.settings)
    sent, note = forwarded(guard, HISTORY)
    assert fits(sent)
    assert note["headers"]["x-token-guard-action"] == "compacted"
    said = [record.getMessage() for record in caplog.records if "raises" in record.getMessage()]
    assert all(names[broken] in line and "ValueError in test_faults.py" in line for line in said)
    assert HISTORY[0]["content"][:30] not in caplog.text
    if broken == 0:  # the first is tried in any case
        assert said


def test_a_tokenizer_that_raises_costs_the_requests_of_that_time_their_fit_and_no_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    guard = TokenGuardCallback(Settings(store="memory:", max_overhead_ms=60_000))
    unseen = [{**message, "content": f"{message.get('content') or ''} Never counted."} for message in HISTORY]
    with monkeypatch.context() as patch:
        patch.setattr(Meter, "_count", lambda *_: (_ for _ in ()).throw(ValueError("a text that I quote: the ledger")))
        sent, note = forwarded(guard, unseen)
    assert sent is unseen
    assert note["headers"]["x-token-guard-action"] == "bypassed"
    assert guard.failures == 1
    assert "token_guard failed on a request" in caplog.text
    assert "the ledger" not in caplog.text
    assert fits(forwarded(guard, unseen, "call-2")[0])


@pytest.mark.parametrize("factor", [0.72, 1.75])
def test_a_tokenizer_that_disagrees_is_corrected_by_what_the_provider_counts(factor: float) -> None:
    guard = Guard(Settings(store="memory:"), calibrations=Calibrations())
    request = {"model": "openai/somebodys-own", "messages": HISTORY}
    for end in range(6, 40, 2):
        part = {**request, "messages": HISTORY[:end]}
        parsed = FORMATS["openai.chat"].parse(part)
        assert isinstance(parsed, Conversation)
        guard.learn(part, round(factor * meter_for(part["model"]).measure(parsed).tokens))
    correction = guard.process({**request, "messages": HISTORY[:8]}).report.correction
    assert isinstance(correction, Correction)
    assert correction.slope == pytest.approx(factor, rel=0.05)


# -- a store that lies ---------------------------------------------------------------------------------------------------

LIES = (
    "",
    "null",
    "[]",
    "{",
    "0",
    "NaN",
    '"text"',
    '{"slope":0,"offset":0,"samples":[[1,1,0],[1,1,0],[1,1,0],[1,1,0],[1,1,0],[1,1,0]]}',
    '{"slope":NaN,"offset":NaN,"samples":[[1,1,NaN],[1,1,0],[1,1,0],[1,1,0],[1,1,0],[1,1,0]]}',
    '{"slope":-2,"offset":1e308,"samples":[[1,1,0],[1,1,1e999],[1,1,0],[1,1,0],[1,1,0],[1,1,0]]}',
    '{"slope":1e9,"offset":-5,"samples":[[0,0,0],[-1,-1,-1],[1,1,0],[1,1,0],[1,1,0],[1,1,0]]}',
    '{"max_input_tokens":-1,"at":1e999,"named":true}',
    '{"max_input_tokens":1e999,"at":"x","named":[]}',
    "[" * 5_000,
    "\ud800",
)


class Lying(MemoryStore):
    """Says the same of everything."""

    __slots__ = ("said",)

    def get(self, section: str, key: str) -> str | None:
        return self.said


@pytest.mark.parametrize("lie", LIES, ids=range(len(LIES)))
def test_a_store_that_lies_is_not_believed(lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Lying()
    store.said = lie
    monkeypatch.setattr(plugin, "open_store", lambda *_, **__: store)
    guard = TokenGuardCallback(Settings(store="memory:", max_overhead_ms=60_000))
    sent, note = forwarded(guard, HISTORY)
    assert (note["headers"]["x-token-guard-action"], guard.failures) == ("compacted", 0)
    assert fits(sent)
    assert forwarded(guard, SHORT, "call-2")[1]["headers"]["x-token-guard-action"] == "none"


class Dead(MemoryStore):
    """Raises whatever it is asked, as a store of somebody's own may."""

    __slots__ = ()

    def note(self, change: SessionChange) -> None:
        raise OSError(28, "No space left on device")

    def put(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> None:
        raise OSError(28, "No space left on device")


def test_a_store_that_takes_nothing_costs_its_records_and_no_request(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(plugin, "open_store", lambda *_, **__: Dead())
    guard = TokenGuardCallback(Settings(store="memory:", max_overhead_ms=60_000))
    sent, note = forwarded(guard, HISTORY)
    assert fits(sent)
    assert (note["headers"]["x-token-guard-action"], guard.failures) == ("compacted", 0)
    assert "an observer failed (OSError" in caplog.text


def test_a_calibration_that_is_rubbish_is_replaced_by_what_is_learned() -> None:
    store = MemoryStore()
    store.put(CALIBRATION, "d-1", LIES[7])
    calibrations = Calibrations(store)
    for estimate in (1_000, 2_000, 4_000, 8_000, 16_000):
        calibrations.learn("d-1", estimate, estimate * 11 // 10)
    assert calibrations.get("d-1").correct(10_000) == pytest.approx(11_000, rel=0.05)
    assert json.loads(store.get(CALIBRATION, "d-1") or "")["samples"]


# -- clocks --------------------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("jump", [-86_400.0, -7.0, 7.0, 86_400.0, 10 * 365 * 86_400.0])
def test_the_last_hour_survives_a_clock_that_jumps(jump: float) -> None:
    clock = Clock()
    recent, report = Recent(clock=clock), Guard(Settings()).process({"model": "gpt-4o", "messages": SHORT}).report
    for _ in range(3):
        recent.observe(report, "ann")
        clock.now += 1.0
    clock.now += jump
    recent.observe(report, "ann")
    told = recent.overview()
    assert 1 <= told["requests"] <= 4
    assert sum(told["series"]["requests"]) == told["requests"]
    clock.now += 7_200.0 + abs(jump)
    recent.observe(report, "ann")
    assert recent.overview()["requests"] == 1


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_records_survive_a_clock_that_jumps(jump: float) -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    store.note(SessionChange("s", clock.now, 3_600.0, {"session": "s"}, {"requests": 1}))
    clock.now += jump
    store.note(SessionChange("s", clock.now, 3_600.0, {"session": "s"}, {"requests": 1}))
    record = store.session("s")
    assert record is not None
    assert record.counts["requests"] == (2 if jump < 0 else 1)
    assert store.sessions(Page({})) == (record,)


# -- upstreams that reset their connections ------------------------------------------------------------------------------

CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}}]}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@contextmanager
def resetting(begin: bool) -> Iterator[str]:
    """The URL of a server that takes requests and resets their connections, before its answer or within it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_reset_all, args=(server, begin), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        server.shutdown(socket.SHUT_RDWR)


def _reset_all(server: socket.socket, begin: bool) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:  # the test is over
            return
        with connection:
            connection.recv(65_536)
            if begin:
                frame = f"data: {json.dumps(CHUNK)}\n\n".encode()
                connection.sendall(HEAD + b"%x\r\n%s\r\n" % (len(frame), frame))
                time.sleep(0.02)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("begin", [False, True])
def test_behind_an_upstream_that_resets_connections_nothing_stays_and_another_one_answers(begin: bool, guarded: TokenGuardCallback) -> None:
    async def ask(router: litellm.Router, model: str) -> str:
        answer = await router.acompletion(model=model, messages=HISTORY, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in answer])

    async def all_of_it(router: litellm.Router) -> str:
        for _ in range(3):
            with pytest.raises(Exception):  # noqa: B017, PT011 - of several classes, by place and version
                await ask(router, "resets")
        return await ask(router, "answers")

    with Upstream(WINDOW) as upstream, resetting(begin) as url:
        router = litellm.Router(model_list=[_deployment("resets", url), _deployment("answers", upstream.url)], num_retries=0)
        assert "the stand-in model" in asyncio.run(all_of_it(router))
    assert guarded.failures == 0
    assert len(guarded.answers._waiting) <= 4


def _deployment(name: str, url: str) -> dict[str, Any]:
    params = {"model": "openai/gpt-4o", "api_base": url, "api_key": "none", "timeout": 20}
    return {"model_name": name, "litellm_params": params, "model_info": {"id": name, "max_input_tokens": WINDOW}}


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> TokenGuardCallback:
    guard = TokenGuardCallback(Settings(store="memory:", max_overhead_ms=60_000))
    monkeypatch.setattr(litellm, "callbacks", [guard])
    return guard


# -- loggers and observers -----------------------------------------------------------------------------------------------


class Full(logging.Handler):
    """A log whose disk is full."""

    def emit(self, record: logging.LogRecord) -> None:
        raise OSError(28, "No space left on device")


def test_a_log_on_a_full_disk_costs_no_request() -> None:
    logger, handler = logging.getLogger("token_guard"), Full()
    logger.addHandler(handler)
    try:
        guard = TokenGuardCallback(Settings(store="memory:", max_overhead_ms=60_000))
        assert fits(forwarded(guard, HISTORY)[0])
    finally:
        logger.removeHandler(handler)
