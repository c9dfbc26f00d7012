"""Files and sealed content inside values that no format knows: never counted as text."""

from __future__ import annotations

import base64
import json
import random
import time
from typing import Any

import pytest

from token_guard import fit
from token_guard.formats.blobs import without_blobs
from token_guard.formats.wire import as_opaque

FILE = base64.b64encode(random.Random(3).randbytes(60_000)).decode()

VALUES: tuple[Any, ...] = (
    {"type": "later_image", "later_image": {"url": f"data:image/png;base64,{FILE}"}},
    {"type": "block", "deep": [{"deeper": {"data": FILE}}]},
    {"type": "mcp_call", "output": json.dumps([{"type": "image", "data": FILE}])},
    {"type": "web_search_tool_result", "content": [{"encrypted_content": FILE, "title": "T"}]},
    {"type": "in lines", "data": base64.encodebytes(FILE[:9_000].encode()).decode()},
    {"type": "in escaped lines", "output": json.dumps({"data": base64.encodebytes(FILE[:9_000].encode()).decode()})},
    {"type": "hexadecimal", "data": FILE[:9_000].encode().hex()},
    {"type": "percent-encoded", "url": "data:image/svg+xml," + "%3Csvg%20x%3D%221%22%3E" * 400},
    {"type": "in words", "said": "see data:image/svg+xml;utf8," + "%3Csvg%20x%3D%221%22%3E" * 400 + " there"},
    {"type": "unencoded", "url": "data:image/svg+xml;utf8,<svg xmlns='a'>" + "<path d='M 1 2'/>" * 400},
)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value["type"])
def test_a_long_base64_text_in_an_unknown_part_is_media(value: Any) -> None:
    opaque = as_opaque(value)
    assert len(opaque.text) < 300
    assert len(opaque.media) == 1
    assert len(opaque.media[0].source) > 6_000


def test_different_files_leave_different_words() -> None:
    other = FILE[::-1]
    assert as_opaque({"data": FILE}).text != as_opaque({"data": other}).text
    assert as_opaque({"data": FILE}) == as_opaque({"data": FILE})


@pytest.mark.parametrize(
    "text",
    [
        "word " * 900,
        "a" * 3_000,
        "deadbeef" * 20,
        "/usr/lib/python/site/" * 200,
        "x" * 300 + "\n" + "y" * 300,
        ("a" * 76 + "\n") * 50,
        "7" * 900,
    ],
)
def test_text_stays_text(text: str) -> None:
    assert without_blobs({"text": text}) == ({"text": text}, ())


@pytest.mark.parametrize(
    "part",
    [
        {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{FILE}"}},
        {"type": "audio_url", "audio_url": {"url": f"data:audio/wav;base64,{FILE}"}},
        {"type": "document_url", "document_url": f"data:application/pdf;base64,{FILE}"},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": FILE}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": FILE}},
        {"type": "image", "image": f"data:image/png;base64,{FILE}"},
        {"type": "image_embeds", "image_embeds": FILE},
        {"type": "not_yet_invented", "not_yet_invented": {"data": FILE}},
    ],
    ids=lambda part: part["type"],
)
def test_media_of_any_maker_in_a_chat_never_counts_as_text(part: dict[str, Any]) -> None:
    request = {"model": "gpt-4o", "messages": [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]}]}
    assert fit(request, max_input_tokens=1_000_000).report.tokens_before < 20_000


def test_the_text_of_a_document_block_in_a_chat_counts_as_text() -> None:
    part = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "one word more " * 2_000}}
    request = {"model": "gpt-4o", "messages": [{"role": "user", "content": [part]}]}
    assert fit(request, max_input_tokens=1_000_000).report.tokens_before > 6_000


def test_pictures_that_an_assistant_made_count() -> None:
    said = {
        "role": "assistant",
        "content": "Here.",
        "images": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{FILE}"}}],
    }
    request = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Draw."}, said, {"role": "user", "content": "Again."}]}
    assert 700 < fit(request, max_input_tokens=1_000_000).report.tokens_before < 3_000


@pytest.mark.parametrize(
    "text", ["- data:a/" + "b" * 400_000, "- data:a/b" + ";b=c" * 100_000, ("a" * 511 + " ") * 800, ("aB3" * 20 + "\n") * 7_000]
)
def test_no_text_is_read_more_than_a_few_times_over(text: str) -> None:
    started = time.process_time()
    without_blobs({"data": text})
    assert time.process_time() - started < 2.0
