"""What images, sounds and files cost: a price per model, found in a table; base64 is never counted as text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from token_guard.conversation import Media
from token_guard.counting.media.documents import pdf_pages
from token_guard.counting.media.image_size import BASE64_HEADER, size_of_base64
from token_guard.counting.media.images import (
    FlatImages,
    ImagePrice,
    PatchImages,
    PatchImagesByDetail,
    ScaledPatchImages,
    TileImages,
    WideTileImages,
)
from token_guard.counting.names import lookup

__all__ = ["MEDIA", "MediaPrice", "media_price_for"]


@dataclass(frozen=True, slots=True)
class MediaPrice:
    """Tokens of an image, a sound or a file for one kind of model; errs up where only the kind is known.

    `page` is for a page of a PDF (its text and its picture), `second` for a second of sound.
    """

    image: ImagePrice
    page: int = 4_800
    second: float = 32.0

    def __call__(self, media: Media) -> int:
        match _kind(media):
            case "image":
                return self.image(size_of_base64(_payload(media.source, BASE64_HEADER)), media.detail)
            case "audio":
                return math.ceil(self.second * _sound_seconds(media))
            case "video":
                return math.ceil(VIDEO_SECOND * _video_seconds(media))
        return self.page * pdf_pages(_payload(media.source))


VIDEO_SECOND = 263
"""Gemini's tokens per second of video with sound (ai.google.dev/gemini-api/docs/tokens)."""

SLOW_SOUND = 4_000
"""Bytes of a second of strongly compressed sound (32 kbit/s): turns a size into a duration that errs up."""

SLOW_VIDEO = 40_000
"""Bytes of a second of strongly compressed video (320 kbit/s)."""

WAVE_SOUND = 32_000
"""Bytes of a second of uncompressed speech (16 kHz, 16 bit, one channel)."""

UNKNOWN_SECONDS = 60
"""Length of a sound or a video behind a URL."""

_TILES = TileImages(85, 170)
_GPT_5_4 = PatchImages(1.2, patches=2_500, side=2_048)
_GPT_5_5 = PatchImagesByDetail(original=PatchImages(1.2, patches=10_000, side=6_000), high=_GPT_5_4)
_CLAUDE = MediaPrice(ScaledPatchImages(1_568, 1_568))
_CLAUDE_4_7 = MediaPrice(ScaledPatchImages(2_576, 4_784), page=7_800)

DEFAULT = MediaPrice(_TILES)

MEDIA: Mapping[str, MediaPrice] = {
    "gpt-4o-mini": MediaPrice(TileImages(2_833, 5_667)),
    "gpt-4.1-mini": MediaPrice(PatchImages(1.62)),
    "gpt-4.1-nano": MediaPrice(PatchImages(2.46)),
    "o4-mini": MediaPrice(PatchImages(1.72)),
    "o1": MediaPrice(TileImages(75, 150)),
    "o3": MediaPrice(TileImages(75, 150)),
    "gpt-5": MediaPrice(TileImages(70, 140)),
    # billed at 1.2 and 1.5 of late, documented at these: errs up
    "gpt-5-mini": MediaPrice(PatchImages(1.62)),
    "gpt-5-nano": MediaPrice(PatchImages(2.46)),
    "gpt-5.2": MediaPrice(PatchImages(1.2)),
    "gpt-5.3": MediaPrice(PatchImages(1.2)),
    "gpt-5.4": MediaPrice(_GPT_5_4),
    "gpt-5.5": MediaPrice(_GPT_5_5),
    "gpt-5.6": MediaPrice(_GPT_5_5),
    "claude": _CLAUDE,
    "anthropic.claude": _CLAUDE,
    **dict.fromkeys(("claude-opus-4-7", "claude-opus-4-8", "claude-opus-5", "claude-sonnet-5", "claude-haiku-5"), _CLAUDE_4_7),
    **dict.fromkeys(("anthropic.claude-opus-4-7", "anthropic.claude-opus-4-8", "anthropic.claude-opus-5"), _CLAUDE_4_7),
    **dict.fromkeys(("anthropic.claude-sonnet-5", "anthropic.claude-haiku-5"), _CLAUDE_4_7),
    "gemini": MediaPrice(WideTileImages(), page=258),
    "gemini-3": MediaPrice(FlatImages(1_120, 560, 280), page=560),
}
"""Beginnings of model names; the longest that fits decides. Sources: the guides named at the prices."""


def media_price_for(model: str) -> MediaPrice:
    """The price list of a model name; OpenAI's tiles for one that no table knows."""
    return lookup(model, MEDIA) or DEFAULT


def _kind(media: Media) -> str:
    stated = media.media_type or (media.source[5:64] if media.source[:5] == "data:" else "")
    family = stated.partition("/")[0]
    return family if family in {"image", "audio", "video"} else media.kind


def _payload(source: str, most: int | None = None) -> str:
    """The first `most` characters of the base64 text of a source; "" for a remote one."""
    if "://" in source[:64]:
        return ""
    start = source.find(",", 0, 256) + 1 if source[:5] == "data:" else 0
    return source[start : None if most is None else start + most]


def _sound_seconds(media: Media) -> float:
    if not (size := _size(media.source)):
        return UNKNOWN_SECONDS
    wave = _payload(media.source, 5) == "UklGR" or "wav" in media.media_type
    return size / (WAVE_SOUND if wave else SLOW_SOUND)


def _video_seconds(media: Media) -> float:
    return _size(media.source) / SLOW_VIDEO or UNKNOWN_SECONDS


def _size(source: str) -> int:
    return 0 if "://" in source[:64] else len(source) * 3 // 4
