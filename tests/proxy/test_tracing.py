"""Attributes on the span that LiteLLM keeps for a request, read from a real exporter."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from litellm.exceptions import ContextWindowExceededError
from litellm.types.utils import CallTypes

from token_guard.demo.conversation import conversation
from token_guard.proxy.fields import FIELDS, GEN_AI
from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.proxy.tracing import trace
from token_guard.settings import Settings

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")
export = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
processor = pytest.importorskip("opentelemetry.sdk.trace.export")

SHORT = [{"role": "user", "content": "Hello"}]
TOO_LARGE = [{"role": "system", "content": "the secret of the house " * 9_000}, *SHORT]


def attributes(messages: Any, **options: Any) -> dict[str, Any]:
    """Those of the span of one attempt."""
    exporter, provider = export.InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(processor.SimpleSpanProcessor(exporter))
    guard = TokenGuardCallback(Settings(**options))
    with provider.get_tracer("litellm").start_as_current_span("Received Proxy Server Request") as span:
        metadata = {"model_group": "main", "token_guard": {}, "litellm_parent_otel_span": span, "session_id": "s-1"}
        request = {"model": "openai/gpt-4o", "messages": messages, "metadata": metadata}
        info = {"model_info": {"id": "d", "max_input_tokens": 16_000}, "litellm_call_id": "c"}
        with suppress(ContextWindowExceededError):
            asyncio.run(guard.async_pre_call_deployment_hook({**request, **info}, CallTypes.acompletion))
    (finished,) = exporter.get_finished_spans()
    return dict(finished.attributes)


def test_a_compaction_is_told_by_the_conventions_and_by_our_own_names() -> None:
    found = attributes(conversation())
    assert (found["gen_ai.conversation.compacted"], found["gen_ai.conversation.id"]) == (True, "s-1")
    assert found["token_guard.tokens_after"] < found["token_guard.tokens_before"]
    assert "summarize" in found["token_guard.passes"]
    assert set(found) <= {f"token_guard.{name}" for name in FIELDS} | set(GEN_AI)


@pytest.mark.parametrize(("messages", "options"), [(SHORT, {}), (conversation(), {"mode": "observe"})])
def test_compacted_is_never_false(messages: Any, options: Any) -> None:
    found = attributes(messages, **options)
    assert "gen_ai.conversation.compacted" not in found
    assert found["gen_ai.conversation.id"] == "s-1"
    assert found.get("token_guard.would") == ("compacted" if options else None)


def test_a_refusal_is_told_too() -> None:
    found = attributes(TOO_LARGE)
    assert (found["token_guard.action"], found["token_guard.cause"]) == ("rejected", "system")
    assert "secret" not in str(found)


def test_nothing_is_asked_for_where_nothing_is_recorded() -> None:
    def never() -> Any:
        raise AssertionError

    trace({"metadata": {}}, never)
    trace({"metadata": {"litellm_parent_otel_span": "placeholder"}}, never)
