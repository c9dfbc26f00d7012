"""What only its provider can read is no text, in any place of any format."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest

from token_guard import fit
from token_guard.guard import Guard
from token_guard.settings import Settings

SEALED = base64.b64encode(random.Random(5).randbytes(90_000)).decode()
ASKED, ON = {"role": "user", "content": "What is it?"}, {"role": "user", "content": "go on"}
BLOCK = {"type": "thinking", "thinking": "hm", "signature": SEALED}
HIDDEN = {"type": "redacted_thinking", "data": SEALED}


def _chat(**fields: Any) -> tuple[str, dict[str, Any]]:
    return "openai.chat", {"model": "claude-sonnet-4-5", "messages": [ASKED, {"role": "assistant", "content": "x", **fields}, ON]}


def _messages(block: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    said = {"role": "assistant", "content": [block, {"type": "text", "text": "x"}]}
    return "anthropic.messages", {"model": "claude-sonnet-4-5", "max_tokens": 500, "messages": [ASKED, said, ON]}


def _items(item: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}
    return "openai.responses", {"model": "gpt-5.4", "input": [ASKED, item, said, ON]}


PLACES = {
    "thinking": _messages(BLOCK),
    "redacted thinking": _messages(HIDDEN),
    "search result": _messages({"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"encrypted_content": SEALED}]}),
    "blocks in chat": _chat(thinking_blocks=[BLOCK, HIDDEN]),
    "parts in chat": _chat(content=[BLOCK, {"type": "text", "text": "x"}]),
    "details of OpenRouter": _chat(reasoning_details=[{"type": "reasoning.encrypted", "data": SEALED}]),
    "reasoning item": _items({"type": "reasoning", "id": "r", "summary": [], "encrypted_content": SEALED}),
    "compaction item": _items({"type": "compaction", "encrypted_content": SEALED}),
}


@pytest.mark.parametrize(("api", "request_"), PLACES.values(), ids=list(PLACES))
def test_sealed_content_counts_a_share_of_its_characters_and_refuses_nothing(api: str, request_: dict[str, Any]) -> None:
    done = fit(request_, api=api, max_input_tokens=2_000)
    assert done.request is request_
    assert len(SEALED) / 8 < done.report.tokens_before < 2.2 * len(SEALED) * 0.3


@pytest.mark.parametrize(("api", "request_"), PLACES.values(), ids=list(PLACES))
def test_a_request_with_sealed_content_teaches_nothing(api: str, request_: dict[str, Any]) -> None:
    guard = Guard(Settings())
    guard.learn(request_, 30_000, api=api)
    assert not guard.calibrations.get(request_["model"]).samples
