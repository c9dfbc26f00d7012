"""Seconds of sounds and films, told by their headers."""

from __future__ import annotations

import base64
import struct
import wave
from io import BytesIO

import pytest

from token_guard.conversation import Media
from token_guard.counting.media import media_price_for
from token_guard.counting.media.durations import seconds_of


def _wave(seconds: int, rate: int) -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(bytes(2 * rate * seconds))
    return file.getvalue()


def _film(seconds: int, before: int = 0) -> bytes:
    header = struct.pack(">4sIIIII", b"mvhd", 0, 0, 0, 600, 600 * seconds)
    return b"\0\0\0\x18ftypisom" + bytes(12 + before) + header + bytes(80)


def _flac(seconds: int, rate: int = 44_100) -> bytes:
    return b"fLaC\0\0\0\x22" + bytes(10) + ((rate << 44) | (rate * seconds)).to_bytes(8, "big") + bytes(64)


def _ogg(seconds: int, head: bytes, rate: int) -> bytes:
    page = b"OggS\0\0" + bytes(20) + head
    return page.ljust(300_000) + b"OggS\0\4" + (rate * seconds).to_bytes(8, "little") + bytes(40)


def _vorbis(rate: int) -> bytes:
    return b"\x01vorbis" + bytes(4) + b"\2" + rate.to_bytes(4, "little") + bytes(20)


def _webm(seconds: float, packed: str = ">d") -> bytes:
    duration = struct.pack(packed, seconds * 1_000)
    return b"\x1aE\xdf\xa3\x80webm\x2a\xd7\xb1\x83" + (1_000_000).to_bytes(3, "big") + b"\x44\x89" + bytes([128 + len(duration)]) + duration


def _avi(frames: int) -> bytes:
    header = struct.pack("<6I", 40_000, 0, 0, 0, frames, 0)
    return b"RIFF\0\0\0\0AVI LIST\0\0\0\0hdrlavih" + bytes(4) + header + bytes(64)


def _varying(frames: int, frame: bytes = b"\xff\xfb\x90\x00") -> bytes:
    return frame + bytes(32) + b"Xing\0\0\0\x01" + frames.to_bytes(4, "big") + bytes(400_000)


def _coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        (_wave(3, 44_100), 3.0),
        (_wave(5, 8_000), 5.0),
        (_flac(7), 7.0),
        (_film(12), 12.0),
        (_film(12, before=300_000), 12.0),
        (_ogg(9, b"OpusHead", 48_000), 9.0),
        (_ogg(11, _vorbis(44_100), 44_100), 11.0),
        (_webm(6.5), 6.5),
        (_webm(6.5, ">f"), 6.5),
        (_avi(250), 10.0),
        (_varying(1_000), 1_000 * 1_152 / 44_100),
        (_varying(1_000, b"\xff\xf3\x90\x00"), 1_000 * 576 / 22_050),
        (b"\xff\xfb\x90\x00" + bytes(160_000 - 4), 10.0),
        (b"ID3\x04\0\0\0\0\x01\0" + bytes(128) + b"\xff\xfb\x90\x00" + bytes(160_000 - 4), 10.0),
    ],
    ids=[
        "wav",
        "wav 8 kHz",
        "flac",
        "mp4",
        "mp4 with its header at the end",
        "opus",
        "vorbis",
        "webm",
        "webm of a single float",
        "avi",
        "mp3 of varying bitrate",
        "mp3 of MPEG-2 of varying bitrate",
        "mp3",
        "mp3 with tags",
    ],
)
def test_the_length_of_a_sound_or_a_film_is_what_its_header_says(data: bytes, seconds: float) -> None:
    found = seconds_of(_coded(data))
    assert found is not None
    assert found == pytest.approx(seconds, rel=0.01)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"fLaC",
        b"\0\0\0\x18ftypisom",
        b"RIFF....WAVEfmt ",
        b"OggS" + bytes(99),
        b"ID3",
        b"\x1aE\xdf\xa3\x44\x89",
        b"RIFF\0\0\0\0AVI avih",
    ],
    ids=repr,
)
def test_headers_that_are_cut_off_say_nothing(data: bytes) -> None:
    assert seconds_of(_coded(data)) is None


def test_a_film_and_a_sound_cost_by_their_seconds_on_gemini() -> None:
    price = media_price_for("gemini-2.5-pro")
    assert price(Media("file", "data:video/mp4;base64," + _coded(_film(12)))) == 12 * 263
    assert price(Media("audio", _coded(_flac(7)), "flac")) == 7 * 32


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"fLaC\0\0\0", "audio"),
        (_film(1), "video"),
        (b"\0\0\0\x24ftypisom", "video"),
        (b"\0\0\0\x24ftypheic", "image"),
        (b"\0\0\0\x1cftypM4A ", "audio"),
        (_avi(9), "video"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image"),
        (b"%PDF-1.7", "file"),
    ],
)
def test_a_file_of_unknown_kind_is_told_by_its_first_bytes(head: bytes, kind: str) -> None:
    price = media_price_for("gemini-2.5-pro")
    assert price(Media("file", _coded(head.ljust(3_000)))) == price(Media(kind, _coded(head.ljust(3_000))))
