"""How long a sound or a film is, from the headers of its data: nothing is decoded but base64."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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

_MP3_RATES: Mapping[int, int] = {0: 44_100, 1: 48_000, 2: 32_000}
"""Samples of a second of MPEG-1 by the index in a frame's header; MPEG-2 has half as many, 2.5 a quarter."""

MPEG_1 = 3

TAGGED = 256
"""Bytes of a frame that are looked at for a tag with the number of frames."""

OPUS_RATE = 48_000

FLOATS: Mapping[int, str] = {4: ">f", 8: ">d"}
"""How Matroska writes floats of so many bytes."""


@dataclass(frozen=True, slots=True)
class _Sample:
    """What is looked at of some data: its head, its tail, and the size of the whole in bytes."""

    data: str

    @property
    def head(self) -> bytes:
        return _decoded(self.data[:LOOKED_AT])

    @property
    def tail(self) -> bytes:
        return _decoded(self.data[max(0, len(self.data) - LOOKED_AT) // 4 * 4 :])

    @property
    def size(self) -> int:
        return len(self.data) * 3 // 4


def seconds_of(data: str) -> float | None:
    """Seconds of base64-coded WAV, MP3 (as its first frame has it), FLAC, Ogg, MP4 or MOV, WebM, AVI; None for others, and where a
    header is missing or makes no sense.

    >>> wave = b"RIFF....WAVEfmt " + bytes(12) + (32_000).to_bytes(4, "little")
    >>> round(seconds_of(base64.b64encode(wave.ljust(64_000)).decode()), 1)
    2.0
    """
    sample = _Sample(data)
    start = _decoded(data[:32])
    reader = next((read for magic, place, read in READERS if start[place : place + len(magic)] == magic), None)
    seconds = reader(sample) if reader else None
    return seconds if seconds is not None and 0 < seconds < LONGEST else None


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data[: len(data) // 4 * 4] if len(data) % 4 else data)
    except (binascii.Error, ValueError):
        return b""


def _wave(sample: _Sample) -> float | None:
    """RIFF WAVE: the bytes of a second stand in its format chunk."""
    head = sample.head
    place = head.find(b"fmt ", 12)
    rate = _little(head[place + 16 : place + 20]) if place >= 0 else 0
    return sample.size / rate if rate >= LEAST_RATE else None


def _avi(sample: _Sample) -> float | None:
    """RIFF AVI: microseconds of a frame and the number of frames in the main header (AVIMAINHEADER)."""
    head = sample.head
    place = head.find(b"avih", 12)
    return _little(head[place + 8 : place + 12]) * _little(head[place + 24 : place + 28]) / 1e6 if place >= 0 else None


def _flac(sample: _Sample) -> float | None:
    """FLAC (RFC 9639, 8.2): 20 bits of sample rate, 36 bits of samples in all."""
    info = int.from_bytes(sample.head[18:26], "big")
    rate, samples = info >> 44, info & (1 << 36) - 1
    return samples / rate if rate else None


def _ogg(sample: _Sample) -> float | None:
    """Ogg (RFC 3533, 6): the last page says how many samples there are; Opus has 48,000 a second (RFC 7845, 4), Vorbis says it."""
    head, tail = sample.head, sample.tail
    last, vorbis = tail.rfind(b"OggS"), head.find(b"\x01vorbis")
    rate = OPUS_RATE if b"OpusHead" in head[:64] else _little(head[vorbis + 12 : vorbis + 16]) if vorbis >= 0 else 0
    return _little(tail[last + 6 : last + 14]) / rate if rate and last >= 0 else None


def _mp3(sample: _Sample) -> float | None:
    head, start = sample.head, 0
    if head[:3] == b"ID3":
        start = 10 + sum((byte & 127) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=False))
    frames = range(start, min(len(head) - 4, start + SEARCHED))
    place = next((at for at in frames if head[at] == SYNC and head[at + 1] & SYNC_END == SYNC_END), None)
    if place is None:
        return None
    return _counted_frames(head[place : place + TAGGED]) or _by_bitrate(head[place : place + 4], sample.size - start)


def _by_bitrate(frame: bytes, size: int) -> float | None:
    table: Sequence[int] = _MP3_BITRATES if frame[1] & 8 else _MP3_2_BITRATES
    index = frame[2] >> 4
    return size * 8 / (table[index] * 1_000) if 0 < index < len(table) else None


def _counted_frames(frame: bytes) -> float | None:
    """Where the bitrate varies, the first frame says how many there are (the Xing tag)."""
    tag = max(frame.find(b"Xing"), frame.find(b"Info"))
    version, rate = frame[1] >> 3 & 3, _MP3_RATES.get(frame[2] >> 2 & 3)
    if tag < 0 or not frame[tag + 7] & 1 or rate is None:
        return None
    samples, part = (1_152, 1) if version == MPEG_1 else (576, 2 if version else 4)
    return int.from_bytes(frame[tag + 8 : tag + 12], "big") * samples * part / rate


def _film(sample: _Sample) -> float | None:
    """ISO/IEC 14496-12, 8.2.2: the movie header has a time scale and a duration; it stands at the start or at the end."""
    return _movie_header(sample.head) or _movie_header(sample.tail)


def _movie_header(data: bytes) -> float | None:
    place = data.find(b"mvhd")
    if place < 0:
        return None
    long = data[place + 4] == 1 if len(data) > place + 4 else False
    at, width = (place + 24, 8) if long else (place + 16, 4)
    scale, duration = int.from_bytes(data[at : at + 4], "big"), int.from_bytes(data[at + 4 : at + 4 + width], "big")
    return duration / scale if scale else None


def _webm(sample: _Sample) -> float | None:
    """Matroska (RFC 9559, 5.1.2): a duration, as a float of 4 or 8 bytes, in units of a time scale in nanoseconds."""
    head = sample.head
    place, scale = head.find(b"\x44\x89"), head.find(b"\x2a\xd7\xb1")
    width = head[place + 2] & 15 if 0 <= place < len(head) - 2 else 0
    if width not in FLOATS:
        return None
    field = head[place + 3 : place + 3 + width]
    unit = int.from_bytes(head[scale + 4 : scale + 4 + (head[scale + 3] & 15)], "big") if 0 <= scale < len(head) - 4 else 1_000_000
    return struct.unpack(FLOATS[width], field)[0] * unit / 1e9 if len(field) == width else None


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


READERS: Sequence[tuple[bytes, int, Callable[[_Sample], float | None]]] = (
    (b"WAVE", 8, _wave),
    (b"AVI ", 8, _avi),
    (b"fLaC", 0, _flac),
    (b"OggS", 0, _ogg),
    (b"\x1aE\xdf\xa3", 0, _webm),
    (b"ID3", 0, _mp3),
    (b"\xff\xfb", 0, _mp3),
    (b"\xff\xf3", 0, _mp3),
    (b"\xff\xf2", 0, _mp3),
    (b"ftyp", 4, _film),
)
"""What each kind begins with, and where."""
