"""What kind of file some bytes are the beginning of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["kind_of"]

BEGINNINGS: Mapping[str, Sequence[bytes]] = {
    "image": (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"<svg", b"BM", b"II*\0", b"MM\0*"),
    "audio": (b"ID3", b"OggS", b"fLaC", b"FORM", b"#!AMR", b".snd", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xf1", b"\xff\xf9"),
    "video": (b"\x1aE\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3", b"FLV\1"),
}

RIFF: Mapping[bytes, str] = {b"WEBP": "image", b"WAVE": "audio", b"AVI ": "video"}
"""What comes after the size in a RIFF file."""

BRANDS: Mapping[bytes, str] = {b"heic": "image", b"heix": "image", b"mif1": "image", b"avif": "image", b"M4A ": "audio", b"M4B ": "audio"}
"""Brands of ISO/IEC 14496-12 that are no films (mp4ra.org)."""


def kind_of(head: bytes) -> str:
    """image, audio, video, or file for all others.

    >>> kind_of(b"RIFF....WEBPVP8 "), kind_of(b"....ftypisom"), kind_of(b"....ftypheic"), kind_of(b"%PDF-1.7")
    ('image', 'video', 'image', 'file')
    """
    if head[:4] == b"RIFF":
        return RIFF.get(head[8:12], "audio")
    if head[4:8] == b"ftyp":
        return BRANDS.get(head[8:12], "video")
    return next((kind for kind, beginnings in BEGINNINGS.items() if head.startswith(tuple(beginnings))), "file")
