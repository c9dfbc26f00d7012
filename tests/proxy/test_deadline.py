"""What a request may take covers all that is done with it: a pass that takes too long, and a tokenizer that hangs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from litellm.exceptions import InternalServerError
from litellm.types.utils import CallTypes

from token_guard.compaction.summarize import Summarize
from token_guard.counting.meter import Meter
from token_guard.demo.conversation import conversation
from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.settings import Settings


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What hangs until the test is over, so that no thread outlives it."""
    opened = threading.Event()
    yield opened
    opened.set()


def attempt(guard: TokenGuardCallback, unseen: str = "") -> dict[str, Any] | None:
    """What is forwarded of a long conversation, each text of which ends with words that may never have been counted."""
    kwargs = {
        "model": "openai/gpt-4o",
        "messages": [{**message, "content": f"{message.get('content') or ''}{unseen}"} for message in conversation()],
        "model_info": {"id": "d-1", "max_input_tokens": 16_000},
        "metadata": {"token_guard": {}},
        "litellm_call_id": "call-1",
        "custom_llm_provider": "openai",
    }
    return asyncio.run(guard.async_pre_call_deployment_hook(kwargs, CallTypes.acompletion))


def test_behind_a_pass_that_hangs_the_oldest_messages_go(monkeypatch: pytest.MonkeyPatch, gate: threading.Event) -> None:
    guard = TokenGuardCallback(Settings(max_overhead_ms=5_000))
    guard.guard.process({"model": "gpt-4o", "messages": conversation()}, max_input_tokens=12_000)  # all is loaded and counted by now
    monkeypatch.setattr(Summarize, "__call__", lambda *_: gate.wait())
    forwarded = attempt(guard)
    assert forwarded is not None
    assert len(forwarded["messages"]) < len(conversation())


def test_behind_a_tokenizer_that_hangs_the_request_is_forwarded(monkeypatch: pytest.MonkeyPatch, gate: threading.Event) -> None:
    guard = TokenGuardCallback(Settings(max_overhead_ms=300))
    monkeypatch.setattr(Meter, "_count", lambda *_: gate.wait())
    assert attempt(guard, " Forwarded.") is None
    assert guard.failures == 1


def test_or_refused_where_that_is_wanted(monkeypatch: pytest.MonkeyPatch, gate: threading.Event) -> None:
    guard = TokenGuardCallback(Settings(max_overhead_ms=300, on_error="reject"))
    monkeypatch.setattr(Meter, "_count", lambda *_: gate.wait())
    with pytest.raises(InternalServerError):
        attempt(guard, " Refused.")
