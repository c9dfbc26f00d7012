"""How long a sound or a film is, from the headers of its data: nothing is decoded but base64."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence

__all__ = ["seconds_of"]

LOOKED_AT = 128 * 1024
"""Base64 characters at either end that may hold the headers: films have theirs at the start or at the end."""

_MP3_BITRATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
"""kbit/s of MPEG-1 layer III by the index in a frame's header (ISO/IEC 11172-3, 2.4.2.3)."""

LONGEST = 86_400
"""Seconds from which a header is not believed."""

LEAST_RATE = 1_000
"""Bytes of a second below which a WAVE header is not believed: half of the poorest telephone sound."""

SYNC, SYNC_END = 0xFF, 0xE0
"""Eleven bits that begin a frame (same source)."""

SEARCHED = 4_096
"""Bytes behind the tags in which the first frame is looked for."""

_MP3_2_BITRATES = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
"""The same of MPEG-2 and 2.5 (ISO/IEC 13818-3)."""


def seconds_of(data: str) -> float | None:
    """Seconds of base64-coded WAV, MP3 (as its first frame's bitrate has it), FLAC, MP4 or MOV; None for others, and where a header
    is missing or makes no sense.

    >>> wave = b"RIFF....WAVEfmt " + bytes(12) + (32_000).to_bytes(4, "little")
    >>> round(seconds_of(base64.b64encode(wave.ljust(64_000)).decode()), 1)
    2.0
    """
    head, size = _decoded(data[:LOOKED_AT]), len(data) * 3 // 4
    found = next((reader for start, place, reader in READERS if head[place : place + len(start)] == start), None)
    seconds = found(head, size) if found else None
    if found is _film and seconds is None and len(data) > LOOKED_AT:
        seconds = _film(_decoded(data[(len(data) - LOOKED_AT) // 4 * 4 :]), size)
    return seconds if seconds is not None and 0 < seconds < LONGEST else None


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data[: len(data) // 4 * 4])
    except (binascii.Error, ValueError):
        return b""


def _wave(head: bytes, size: int) -> float | None:
    """RIFF WAVE: the bytes of a second stand in its format chunk."""
    place = head.find(b"fmt ", 12)
    rate = int.from_bytes(head[place + 16 : place + 20], "little") if place >= 0 else 0
    return size / rate if rate >= LEAST_RATE else None


def _flac(head: bytes, _size: int) -> float | None:
    """FLAC (RFC 9639, 8.2): 20 bits of sample rate, 36 bits of samples in all."""
    info = int.from_bytes(head[18:26], "big")
    rate, samples = info >> 44, info & (1 << 36) - 1
    return samples / rate if rate else None


def _mp3(head: bytes, size: int) -> float | None:
    start = 0
    if head[:3] == b"ID3":
        start = 10 + sum((byte & 127) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=False))
    frames = range(start, min(len(head) - 4, start + SEARCHED))
    place = next((at for at in frames if head[at] == SYNC and head[at + 1] & SYNC_END == SYNC_END), None)
    if place is None:
        return None
    table: Sequence[int] = _MP3_BITRATES if head[place + 1] & 8 else _MP3_2_BITRATES
    index = head[place + 2] >> 4
    return (size - start) * 8 / (table[index] * 1_000) if 0 < index < len(table) else None


def _film(head: bytes, _size: int) -> float | None:
    """ISO/IEC 14496-12, 8.2.2: the movie header has a time scale and a duration."""
    place = head.find(b"mvhd")
    if place < 0:
        return None
    long = head[place + 4] == 1 if len(head) > place + 4 else False
    at, width = (place + 24, 8) if long else (place + 16, 4)
    scale, duration = int.from_bytes(head[at : at + 4], "big"), int.from_bytes(head[at + 4 : at + 4 + width], "big")
    return duration / scale if scale else None


READERS: Sequence[tuple[bytes, int, Callable[[bytes, int], float | None]]] = (
    (b"WAVE", 8, _wave),
    (b"fLaC", 0, _flac),
    (b"ID3", 0, _mp3),
    (b"\xff\xfb", 0, _mp3),
    (b"\xff\xf3", 0, _mp3),
    (b"\xff\xf2", 0, _mp3),
    (b"ftyp", 4, _film),
)
"""What each kind begins with, and where."""
