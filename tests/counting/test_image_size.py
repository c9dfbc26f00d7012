from __future__ import annotations

import base64
import struct

import pytest

from token_guard.counting.media.image_size import Size, size_of_base64, size_of_bytes

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 540, 360) + b"\x08\x02\0\0\0" + bytes(5_000)
GIF = b"GIF89a" + struct.pack("<HH", 3, 2) + bytes(50)
FRAME = b"\xff\xc2\x00\x11\x08" + struct.pack(">HH", 2000, 3008) + bytes(10)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(10) + b"\xff\xe1" + struct.pack(">H", 60_000) + bytes(59_998) + b"\xff\xff" + FRAME
WEBP_X = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (799).to_bytes(3, "little") + (599).to_bytes(3, "little")
WEBP_L = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + ((799) | (599 << 14)).to_bytes(4, "little")
WEBP = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 800, 600)


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (PNG, Size(540, 360)),
        (GIF, Size(3, 2)),
        (JPEG, Size(3008, 2000)),
        (WEBP_X, Size(800, 600)),
        (WEBP_L, Size(800, 600)),
        (WEBP, Size(800, 600)),
    ],
    ids=["png", "gif", "jpeg", "webp extended", "webp lossless", "webp lossy"],
)
def test_the_size_is_in_the_header(content: bytes, size: Size) -> None:
    assert size_of_bytes(content) == size_of_base64(base64.b64encode(content).decode()) == size


@pytest.mark.parametrize("data", ["", "!!!!", "QUJD", "a", "iVBORw0KGgo=", "é" * 50, "/9j/"], ids=repr)
def test_what_is_no_image_has_no_size(data: str) -> None:
    assert size_of_base64(data) is None


@pytest.mark.parametrize("content", [PNG, GIF, JPEG, WEBP_X, WEBP_L, WEBP])
def test_a_truncated_header_has_no_size(content: bytes) -> None:
    for length in range(20):
        found = size_of_bytes(content[:length])
        assert found is None or min(found) > 0


def test_a_jpeg_of_markers_alone_ends() -> None:
    assert size_of_bytes(b"\xff\xd8" + b"\xff" * 300_000) is None
    assert size_of_bytes(b"\xff\xd8" + b"\xff\xe0\x00\x00" * 60_000) is None
