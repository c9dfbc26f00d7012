"""What images, sounds and files cost: a price per model, found in a table; base64 is never counted as text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from token_guard.conversation import Media
from token_guard.counting.media.documents import pdf_pages
from token_guard.counting.media.durations import seconds_of
from token_guard.counting.media.image_size import BASE64_HEADER, decoded, size_of_base64
from token_guard.counting.media.images import (
    FlatImages,
    ImagePrice,
    PatchImages,
    PatchImagesByDetail,
    ScaledPatchImages,
    TileImages,
    WideTileImages,
)
from token_guard.counting.media.kinds import kind_of
from token_guard.counting.names import CLAUDE_4_7, CLAUDE_TO_4_6, lookup

__all__ = ["MEDIA", "MediaPrice", "media_price_for"]


OPENAI_PAGE = 1_700
"""A page of a PDF where it is shown as a picture (765 to 1,105 tokens) above its text, of which dense pages have 600."""


@dataclass(frozen=True, slots=True)
class MediaPrice:
    """Tokens of an image, a sound or a file for one kind of model; errs up where only the kind is known.

    `page` is for a page of a PDF (its text and its picture), `second` for a second of sound, `film` for one of video.
    """

    image: ImagePrice
    page: int = OPENAI_PAGE
    second: float = 32.0
    film: int = 263
    """Gemini's tokens per second of video with sound (ai.google.dev/gemini-api/docs/tokens)."""
    sharp_film: int = 0
    """The same at high detail, where that costs more."""
    published: bool = True
    """Whether the formula for images is the provider's own; else somebody else's stands for it."""
    thought: float = 0.234
    """A character of sealed reasoning: that holds all of it, of which the request may show a summary. Codex reckons with 3/16
    (`estimate_reasoning_length`); errs up by a quarter."""

    def __call__(self, media: Media) -> int:
        match _kind(media):
            case "image":
                return self.image(size_of_base64(_payload(media.source, BASE64_HEADER)), media.detail)
            case "audio":
                return math.ceil(self.second * _sound_seconds(media))
            case "video":
                return math.ceil(((media.detail == "high" and self.sharp_film) or self.film) * _video_seconds(media))
            case "sealed":
                return math.ceil(SEALED * len(media.source))
            case "thought":
                return math.ceil(self.thought * len(media.source))
        return self.page * pdf_pages(_payload(media.source))

    def is_certain(self, media: Media) -> bool:
        """Whether the price is the provider's own formula for a size that is known."""
        return self.published and _kind(media) == "image" and size_of_base64(_payload(media.source, BASE64_HEADER)) is not None


SEALED = 3 / 16
"""Tokens of a character of sealed content: three bytes in four characters, four bytes a token (Codex,
`estimate_reasoning_length`). Errs up: results of searches are sealed with more than their text."""

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
_MISTRAL = ("mistral", "ministral", "magistral", "devstral")
# pages of a public data set counted 1,592 to 2,278 tokens on Claude 4.5, 1,600 to 2,481 on newer ones
# a character of the signatures in recorded sessions of Claude 4.5 cost 0.02 to 0.27 tokens beside the summary that the block shows
_CLAUDE = MediaPrice(ScaledPatchImages(1_568, 1_568), page=2_300, thought=0.27)
_CLAUDE_4_7 = MediaPrice(ScaledPatchImages(2_576, 4_784), page=2_500, thought=0.27)

DEFAULT = MediaPrice(_TILES, published=False)

MEDIA: Mapping[str, MediaPrice] = {
    **dict.fromkeys(("gpt-4", "chatgpt", "gpt-4o", "gpt-4.1", "gpt-4.5"), MediaPrice(_TILES)),
    "gpt-4o-mini": MediaPrice(TileImages(2_833, 5_667)),
    # 600 tokens a minute of sound, as the prices by the minute and by the token have it
    **dict.fromkeys(("gpt-4o-audio", "gpt-4o-mini-audio", "gpt-audio"), MediaPrice(_TILES, second=10.0)),
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
    # a new name is of the newest kind, which is the dearest
    "claude": _CLAUDE_4_7,
    **dict.fromkeys(CLAUDE_TO_4_6, _CLAUDE),
    **dict.fromkeys(CLAUDE_4_7, _CLAUDE_4_7),
    "gemini": MediaPrice(WideTileImages(), page=258),
    # a frame has 70 tokens, 280 at high detail, a second of sound 32 (ai.google.dev/gemini-api/docs/media-resolution)
    "gemini-3": MediaPrice(FlatImages(1_120, 560, 280), page=560, film=105, sharp_film=315),
    # what hosts of open models make of a picture depends on their settings: the models' own processors, at their largest
    **dict.fromkeys(("qwen", "qvq", "qwq"), MediaPrice(ScaledPatchImages(0, 16_384, unknown=4_600), published=False)),
    **dict.fromkeys(_MISTRAL, MediaPrice(ScaledPatchImages(1_540, 3_300, step=27), published=False)),
    "pixtral": MediaPrice(ScaledPatchImages(1_024, 4_700, step=15), published=False),
    **dict.fromkeys(("llama-4", "llama4"), MediaPrice(FlatImages(2_500, 2_500, 2_500), published=False)),
    **dict.fromkeys(("nova", "amazon.nova"), MediaPrice(ScaledPatchImages(0, 16_384, step=23, unknown=3_300), film=288, published=False)),
    "grok": MediaPrice(FlatImages(1_792, 1_792, 256), published=False),
}
"""Beginnings of model names; the longest that fits decides. Sources: the guides named at the prices; for Qwen a token is 28 x 28 pixels
(`smart_resize` of qwen_vl_utils), for Mistral too, and one more for each row (mistral_common, `ImageEncoder`), for Pixtral 16 x 16; Llama 4
has 144 for each of up to 17 tiles; Nova and Grok by their makers' tables. All err up."""


def media_price_for(model: str) -> MediaPrice:
    """The price list of a model name; OpenAI's tiles for one that no table knows."""
    return lookup(model, MEDIA) or DEFAULT


def _kind(media: Media) -> str:
    if media.kind in {"sealed", "thought"}:
        return media.kind
    stated = media.media_type or (media.source[5:64] if media.source[:5] == "data:" else "")
    family = stated.partition("/")[0]
    if family in {"image", "audio", "video"}:
        return family
    return media.kind if media.kind != "file" else kind_of(decoded(_payload(media.source, HEAD)))


HEAD = 24
"""Base64 characters that tell the kind of a file."""


def _payload(source: str, most: int | None = None) -> str:
    """The first `most` characters of the base64 text of a source; "" for a remote one."""
    if "://" in source[:64]:
        return ""
    start = source.find(",", 0, 256) + 1 if source[:5] == "data:" else 0
    return source[start : None if most is None else start + most]


def _sound_seconds(media: Media) -> float:
    if not (size := _size(media.source)):
        return UNKNOWN_SECONDS
    if seconds := seconds_of(_payload(media.source)):
        return seconds
    wave = _payload(media.source, 5) == "UklGR" or any(raw in media.media_type for raw in ("wav", "pcm", "L16"))
    return size / (WAVE_SOUND if wave else SLOW_SOUND)


def _video_seconds(media: Media) -> float:
    return seconds_of(_payload(media.source)) or _size(media.source) / SLOW_VIDEO or UNKNOWN_SECONDS


def _size(source: str) -> int:
    return 0 if "://" in source[:64] else len(source) * 3 // 4
