"""What an image costs: each provider's published formula, as a frozen price with its constants."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from token_guard.counting.media.image_size import Size

__all__ = ["FlatImages", "ImagePrice", "PatchImages", "PatchImagesByDetail", "ScaledPatchImages", "TileImages", "WideTileImages"]


class ImagePrice(Protocol):
    """Tokens of an image of a size (None: not known) at a detail level ("" or "auto": the provider's choice); errs up."""

    def __call__(self, size: Size | None, detail: str, /) -> int: ...


@dataclass(frozen=True, slots=True)
class TileImages:
    """OpenAI's 512-pixel tiles (developers.openai.com/api/docs/guides/images-vision): base alone at low detail; else fit into
    2048 x 2048, then the short side to 768, and base + tile for each tile.

    >>> TileImages(85, 170)(Size(3008, 2000), "high")
    1105
    """

    base: int
    tile: int

    def __call__(self, size: Size | None, detail: str) -> int:
        if detail == "low":
            return self.base
        # 768 x 2048 is the largest that scaling leaves: 2 x 4 tiles
        return self.base + self.tile * (8 if size is None else self._tiles(size))

    def _tiles(self, size: Size) -> int:
        fit = min(1.0, 2048 / max(size))
        short = min(1.0, 768 / (min(size) * fit))
        return _steps(size.width * fit * short, 512) * _steps(size.height * fit * short, 512)


@dataclass(frozen=True, slots=True)
class PatchImages:
    """OpenAI's 32-pixel patches (same guide): scaled so that at most `patches` cover it, times the model's multiplier.

    >>> PatchImages(2.46)(Size(540, 360), "auto")
    502
    """

    multiplier: float
    patches: int = 1_536
    side: int = 0
    """Longest side in pixels after scaling; 0 for no bound."""

    def __call__(self, size: Size | None, _detail: str) -> int:
        return math.ceil(self.multiplier * (self.patches if size is None else self._patches(size)))

    def _patches(self, size: Size) -> int:
        fit = min(1.0, self.side / max(size)) if self.side else 1.0
        covered = _steps(size.width * fit, 32) * _steps(size.height * fit, 32)
        return min(covered, self.patches)


@dataclass(frozen=True, slots=True)
class PatchImagesByDetail:
    """OpenAI's patches where the full resolution is the provider's choice and less is asked for by detail level (gpt-5.5 and later)."""

    original: PatchImages
    high: PatchImages

    def __call__(self, size: Size | None, detail: str) -> int:
        return (self.high if detail in {"high", "low"} else self.original)(size, detail)


@dataclass(frozen=True, slots=True)
class ScaledPatchImages:
    """Anthropic's 28-pixel patches (platform.claude.com/docs/en/build-with-claude/vision): fit into `side` pixels (0 for no bound) and
    `tokens` tokens; the processors of open models do the same with patches of their own.

    >>> ScaledPatchImages(1568, 1568)(Size(540, 360), "")
    260
    """

    side: int
    tokens: int
    step: int = 28
    unknown: int = 0
    """Tokens charged for an image of unknown size, where that is not as much as one can have."""

    def __call__(self, size: Size | None, _detail: str) -> int:
        if size is None:
            return self.unknown or self.tokens
        fit = min(1.0, self.side / max(size)) if self.side else 1.0
        return min(self.tokens, _steps(size.width * fit, self.step) * _steps(size.height * fit, self.step))


@dataclass(frozen=True, slots=True)
class WideTileImages:
    """Gemini's tiles (ai.google.dev/gemini-api/docs/image-understanding): one for an image of at most 384 x 384, else as many as cover it,
    whose side is the image's shorter one by 1.5, at least 256 and at most 768 pixels.

    >>> WideTileImages()(Size(960, 540), "") // 258
    6
    """

    tile: int = 258
    small: int = 384
    unknown_tiles: int = 6
    """Tiles charged for an image of unknown size: a photo of 2304 x 1536."""

    def __call__(self, size: Size | None, _detail: str) -> int:
        if size is None:
            return self.tile * self.unknown_tiles
        if max(size) <= self.small:
            return self.tile
        side = min(max(math.floor(min(size) / 1.5), 256), 768)
        return self.tile * _steps(size.width, side) * _steps(size.height, side)


@dataclass(frozen=True, slots=True)
class FlatImages:
    """A price by detail level, whatever the size (Gemini 3: ai.google.dev/gemini-api/docs/media-resolution)."""

    high: int
    medium: int
    low: int

    def __call__(self, _size: Size | None, detail: str) -> int:
        return {"low": self.low, "medium": self.medium}.get(detail, self.high)


def _steps(pixels: float, step: int) -> int:
    # scaling by floats may leave 768.0000001, which is one step and not two
    return max(1, math.ceil(round(pixels, 6) / step))
