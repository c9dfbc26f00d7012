from __future__ import annotations

import base64
import struct

import pytest

from token_guard.conversation import Media
from token_guard.counting.media import media_price_for
from token_guard.counting.media.documents import UNKNOWN_PAGES, pdf_pages


def png(width: int, height: int) -> str:
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + bytes(2_000)
    return "data:image/png;base64," + base64.b64encode(head).decode()


def image(model: str, width: int, height: int, detail: str = "") -> int:
    return media_price_for(model)(Media("image", png(width, height), detail=detail))


@pytest.mark.parametrize(
    ("model", "width", "height", "detail", "tokens"),
    [
        ("gpt-4o", 3008, 2000, "high", 1105),  # recorded: 1119 with text
        ("gpt-4o", 1024, 1024, "", 765),  # the guide's example
        ("gpt-4o", 2048, 4096, "", 1105),  # the guide's example
        ("gpt-4o", 4096, 8192, "low", 85),  # the guide's example
        ("openai/gpt-4o-mini", 512, 512, "", 2833 + 5667),
        ("gpt-5", 512, 512, "", 70 + 140),
        ("o3", 512, 512, "", 75 + 150),
        ("gpt-4.1-nano", 540, 360, "", 502),  # recorded: 515 with 13 of text
        ("gpt-4.1-mini", 4000, 4000, "", 2489),
        ("gpt-5.5", 6000, 6000, "", 12_000),
        ("gpt-5.5", 6000, 6000, "high", 3_000),
        ("claude-haiku-4-5", 540, 360, "", 260),  # recorded: 276 with 16 of text
        ("claude-sonnet-4-5", 4000, 4000, "", 1568),
        ("bedrock/anthropic.claude-opus-4-8-v1:0", 4000, 4000, "", 4784),
        ("gemini-2.5-pro", 300, 300, "", 258),
        ("gemini-2.5-pro", 960, 540, "", 6 * 258),  # the guide's example
        ("gemini-2.5-pro", 1536, 768, "", 6 * 258),
        ("gemini-2.5-pro", 3840, 1536, "", 10 * 258),
        ("gemini-2.5-pro", 500, 200, "", 2 * 258),
        ("gemini-3-pro", 400, 301, "", 1120),  # recorded: 1102
        ("gemini-3-pro", 400, 301, "low", 280),
    ],
)
def test_an_image_costs_what_its_provider_says(model: str, width: int, height: int, detail: str, tokens: int) -> None:
    assert image(model, width, height, detail) == tokens


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1-mini", "gpt-5.5", "claude-opus-4-8", "gemini-2.5-pro", "unheard-of"])
def test_an_image_of_unknown_size_costs_at_least_a_common_one(model: str) -> None:
    remote = Media("image", "https://example.com/photo.jpg")
    assert media_price_for(model)(remote) >= image(model, 1024, 768)


def test_a_remote_image_at_low_detail_costs_the_base() -> None:
    assert media_price_for("gpt-4o")(Media("image", "https://example.com/photo.jpg", detail="low")) == 85


@pytest.mark.parametrize(
    ("model", "width", "height", "true"),
    [
        ("hosted_vllm/Qwen/Qwen2.5-VL-7B-Instruct", 1024, 1024, 1_369),  # SiliconFlow's example
        ("dashscope/qwen3-vl-plus", 3840, 2160, 120 * 68),
        ("mistral/mistral-small-latest", 1540, 1540, 55 * 56),
        ("mistral/pixtral-large-latest", 1024, 1024, 64 * 65),
        ("bedrock/us.amazon.nova-pro-v1:0", 1300, 1300, 2_600),  # Amazon's table
        ("bedrock/meta.llama4-scout-17b-instruct-v1:0", 4000, 3000, 17 * 144),
        ("xai/grok-4", 2000, 2000, 7 * 256),
    ],
)
def test_images_of_other_makers_are_estimated_upward_and_never_taken_for_certain(model: str, width: int, height: int, true: int) -> None:
    assert true <= image(model, width, height) < 1.6 * true
    assert not media_price_for(model).is_certain(Media("image", png(width, height)))


def test_an_image_is_certain_where_its_provider_has_published_how_it_counts() -> None:
    certain = [
        model
        for model in ("gpt-4o", "claude-opus-4-8", "gemini-2.5-pro", "unheard-of")
        if media_price_for(model).is_certain(Media("image", png(800, 600)))
    ]
    assert certain == ["gpt-4o", "claude-opus-4-8", "gemini-2.5-pro"]


def test_sound_and_film_have_their_own_prices() -> None:
    tone, film = Media("audio", "A" * 64_000, "pcm16"), Media("video", "https://e.org/a.mp4")
    assert media_price_for("gpt-4o-audio-preview")(tone) == 15
    assert media_price_for("gemini-2.5-flash")(tone) == 48
    assert media_price_for("gemini-3-pro")(film) == 60 * 105
    assert media_price_for("gemini-3-pro")(Media("video", film.source, detail="high")) == 60 * 315


def test_base64_is_not_counted_as_text() -> None:
    sound = Media("audio", "A" * 400_000, media_type="audio/mp3")
    paper = Media("file", "data:application/pdf;base64," + "A" * 400_000)
    assert 0 < media_price_for("gpt-4o")(sound) < 20_000
    assert 0 < media_price_for("claude-opus-4-5")(paper) < 100_000


def test_any_bytes_have_a_price() -> None:
    for source in ("", "data:", "data:image/png;base64,", "%%%", "\ud800", "https://x"):
        for kind in ("image", "audio", "video", "file", "whatever"):
            assert media_price_for("gpt-4o")(Media(kind, source)) >= 0


def test_pages_are_read_from_the_page_tree() -> None:
    content = b"%PDF-1.4 1 0 obj <</Type /Pages /Kids [2 0 R 3 0 R] /Count 77>> endobj 2 0 obj <</Type /Page>> endobj"
    assert pdf_pages(base64.b64encode(content).decode()) == 77


def test_pages_are_counted_or_guessed_without_a_page_tree() -> None:
    assert pdf_pages(base64.b64encode(b"%PDF <</Type/Page>> <</Type /Page /Parent 1 0 R>>").decode()) == 2
    assert pdf_pages(base64.b64encode(bytes(1_000_000)).decode()) == 26
    assert pdf_pages("") == UNKNOWN_PAGES
