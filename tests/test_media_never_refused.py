"""No request whose excess is an estimate of media is refused: every kind of media, every place, every wire."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from token_guard import fit
from token_guard.conversation import Conversation
from token_guard.counting import meter_for
from token_guard.errors import ContextOverflowError
from token_guard.formats import FORMATS

DATA = random.Random(11).randbytes(240_000)
ENCODED = base64.b64encode(DATA).decode()
PDF = base64.b64encode(b"%PDF-1.4 <</Type /Pages /Kids [] /Count 90>>" + DATA).decode()
ENCODINGS = {"whole": ENCODED, "in lines": base64.encodebytes(DATA).decode(), "hexadecimal": DATA.hex()}
CAP = 600
"""Tokens; the words of each request count less, all media more."""

ASKED, ON = {"role": "user", "content": "What is it?"}, {"role": "user", "content": "go on"}

CHAT: dict[str, Any] = {
    "image": {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{ENCODED}"}},
    "image behind a URL": {"type": "image_url", "image_url": {"url": "https://e.org/a.png", "detail": "high"}},
    "pages": {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}},
    "film": {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{ENCODED}"}},
    "film behind a URL": {"type": "video_url", "video_url": {"url": "https://e.org/a.mp4"}},
    "sound": {"type": "input_audio", "input_audio": {"data": ENCODED, "format": "mp3"}},
    **{f"unknown, {name}": {"type": "hologram", "hologram": {"data": data}} for name, data in ENCODINGS.items()},
}
BLOCKS: dict[str, Any] = {
    "image": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ENCODED}},
    "pages": {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
    "pages behind a URL": {"type": "document", "source": {"type": "url", "url": "https://e.org/a.pdf"}},
    **{f"unknown, {name}": {"type": "hologram", "payload": data} for name, data in ENCODINGS.items()},
}
ITEMS: dict[str, Any] = {
    "image": {"type": "input_image", "image_url": f"data:image/png;base64,{ENCODED}"},
    "pages": {"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}"},
    **{f"unknown, {name}": {"type": "input_hologram", "data": data} for name, data in ENCODINGS.items()},
}


def _requests() -> Iterator[Any]:
    for name, part in CHAT.items():
        for model in ("gpt-4o", "claude-sonnet-4-5", "gemini/gemini-2.5-pro"):
            for role in ("user", "assistant"):
                messages = [ASKED, {"role": role, "content": [{"type": "text", "text": "this"}, part]}, ON]
                yield pytest.param("openai.chat", {"model": model, "messages": messages}, id=f"chat {model} {role} {name}")
    for name, block in BLOCKS.items():
        alone = [{"role": "user", "content": [block, {"type": "text", "text": "this"}]}]
        call = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "shot", "input": {}}]}
        result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [block]}]}
        for place, messages in (("user", alone), ("result", [ASKED, call, result])):
            request = {"model": "claude-sonnet-4-5", "max_tokens": 500, "messages": messages}
            yield pytest.param("anthropic.messages", request, id=f"messages {place} {name}")
    for name, part in ITEMS.items():
        said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "this"}, part]}
        made = [{"type": "function_call", "call_id": "c", "name": "shot", "arguments": "{}"}]
        shown = {"type": "function_call_output", "call_id": "c", "output": [part]}
        for place, items in (("user", [said]), ("output", [ASKED, *made, shown])):
            yield pytest.param("openai.responses", {"model": "gpt-4o", "input": items}, id=f"responses {place} {name}")


@pytest.mark.parametrize(("api", "request_"), list(_requests()))
def test_media_are_no_text_and_refuse_nothing(api: str, request_: dict[str, Any]) -> None:
    parsed = FORMATS[api].parse(request_)
    assert isinstance(parsed, Conversation)
    meter = meter_for(request_["model"])
    tokens = meter.measure(parsed).tokens
    assert tokens - meter.estimated(parsed.messages) < CAP < tokens < 260_000
    fit(request_, api=api, max_input_tokens=CAP)


def test_no_recorded_request_is_refused_for_what_is_only_estimated(corpus: Callable[[str], tuple[dict[str, Any], ...]]) -> None:
    seen = 0
    for recorded in corpus("anthropic_messages"):
        for stop in range(20, 200, 45):
            request = {**recorded, "model": "claude-sonnet-4-5", "max_tokens": 500, "messages": recorded["messages"][:stop]}
            parsed = FORMATS["anthropic.messages"].parse(request)
            assert isinstance(parsed, Conversation)
            meter = meter_for("claude-sonnet-4-5")
            estimated = meter.estimated(parsed.messages)
            if not estimated:
                continue
            seen += 1
            try:
                fit(request, api="anthropic.messages", max_input_tokens=meter.measure(parsed).tokens - estimated)
            except ContextOverflowError as error:
                pytest.fail(f"{recorded.get('id')} up to {stop}: {error}")
    assert seen > 10
