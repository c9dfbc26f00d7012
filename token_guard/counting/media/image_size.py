"""Width and height of an image from the first bytes of its file, without decoding it and without an image library.

PNG: W3C PNG 11.2.2 (IHDR). GIF: GIF89a 18 (logical screen). WebP: RFC 9649 2.5-2.7. JPEG: ITU-T T.81 B.2.2 (frame header).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

__all__ = ["BASE64_HEADER", "Size", "decoded", "size_of_base64", "size_of_bytes"]

HEADER = 256
"""Bytes that hold the size of every PNG, GIF and WebP."""

JPEG_HEADER = 256 * 1024
"""Bytes of a JPEG that are searched: EXIF, colour profiles and thumbnails come before the frame header, each at most 64 KB."""


BASE64_HEADER = JPEG_HEADER * 4 // 3
"""Base64 characters that are looked at, at most."""


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int


def size_of_base64(data: str) -> Size | None:
    """The size of a base64-coded image, decoding no more than its head; None where it cannot be told.

    >>> size_of_base64("R0lGODlhAwACAIAAAAAAAP///yH5BAAAAAAALAAAAAADAAIAAAID")
    Size(width=3, height=2)
    """
    head = _head(data, HEADER)
    return size_of_bytes(_head(data, JPEG_HEADER) if head.startswith(_JPEG_START) else head)


def size_of_bytes(head: bytes) -> Size | None:
    """The size that the head of an image file names; None where it cannot be told."""
    reader = next((read for magic, read in _READERS if head.startswith(magic)), None)
    size = reader(head) if reader else None
    return size if size and size.width > 0 and size.height > 0 else None


def decoded(taken: str) -> bytes:
    """What a piece of base64 stands for, nothing where it is none."""
    try:
        return base64.b64decode(taken + "=" * (-len(taken) % 4))
    except (binascii.Error, ValueError):
        return b""


def _head(data: str, size: int) -> bytes:
    return decoded(data[: size * 4 // 3 // 4 * 4])


def _png(head: bytes) -> Size | None:
    return Size(_big(head[16:20]), _big(head[20:24])) if head[12:16] == b"IHDR" else None


def _gif(head: bytes) -> Size | None:
    return Size(_little(head[6:8]), _little(head[8:10]))


def _webp(head: bytes) -> Size | None:
    match head[8:16]:
        case b"WEBPVP8X":
            return Size(1 + _little(head[24:27]), 1 + _little(head[27:30]))
        case b"WEBPVP8L":
            bits = _little(head[21:25])
            return Size(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
        case b"WEBPVP8 ":
            return Size(_little(head[26:28]) & 0x3FFF, _little(head[28:30]) & 0x3FFF)
    return None


_JPEG_START = b"\xff\xd8"
_MARK = 0xFF
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of frame headers; the three between them are Huffman tables, an extension and arithmetic coding."""


def _jpeg(head: bytes) -> Size | None:
    place = len(_JPEG_START)
    while place + 9 <= len(head):
        marker = head[place + 1]
        if head[place] != _MARK:
            return None
        if marker == _MARK:
            place += 1
        elif marker in _FRAMES:
            return Size(_big(head[place + 7 : place + 9]), _big(head[place + 5 : place + 7]))
        else:
            place += 2 + max(2, _big(head[place + 2 : place + 4]))
    return None


def _big(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


def _little(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


Reader: TypeAlias = Callable[[bytes], Size | None]

_READERS: tuple[tuple[bytes, Reader], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (_JPEG_START, _jpeg),
    (b"GIF8", _gif),
    (b"RIFF", _webp),
)
