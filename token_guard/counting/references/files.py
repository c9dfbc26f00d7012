"""What a file is: its identity, its content as text, whether it is text at all."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from token_guard.counting.kept import hasher

__all__ = ["HEAD", "READ", "STREAMED", "Decoded", "Identity", "decoded", "digest_of_file", "head_of", "not_text", "whole_text"]

STREAMED = 8 * 1024 * 1024
"""Bytes from which a file is counted as it is read: a smaller one is held whole, for as long as it is counted."""

HEAD = 8_192
"""Bytes that decide whether a file is text, as git looks at 8,000."""

READ = 512 * 1024

_TICK_NS = 50_000_000
"""Clocks of file systems move every 4 to 16 ms: who writes twice within that leaves one time behind."""

_COARSE_TICK_NS = 2_000_000_000
"""Where times are whole seconds, the file system keeps one for each second, or for each two."""


class Identity(NamedTuple):
    """By which a file is known not to have changed: its size, and when it and its entry were last changed."""

    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Identity:
        """The identity that a stat tells."""
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def is_settled(self, read_at_ns: int) -> bool:
        """Whether a change after it was read would show: not where it was written in the same tick of the clock.

        >>> Identity(1, 5_000_000_001, 5_000_000_001).is_settled(5_010_000_000)
        False
        """
        newest = max(self.mtime_ns, self.ctime_ns)
        coarse = self.mtime_ns % 1_000_000_000 == 0
        return read_at_ns - newest > (_COARSE_TICK_NS if coarse else _TICK_NS)


def head_of(file: BinaryIO) -> bytes:
    """The first bytes of an open file; fewer only where there are no more."""
    head = bytearray()
    while len(head) < HEAD and (piece := file.read(HEAD - len(head))):
        head += piece
    return bytes(head)


def not_text(content: bytes, *, ends: bool = True) -> str:
    r"""Why a content that begins so is no text, in one line; empty where it is. Beyond its head any byte counts as something.

    >>> not_text(b"a\x00b"), not_text(b"\x89PNG"), not_text("é".encode())
    ('not text: a NUL byte (byte 1)', 'not text in UTF-8 (byte 0)', '')
    """
    if (place := content.find(b"\x00", 0, HEAD)) >= 0:
        return f"not text: a NUL byte (byte {place:,})"
    head = content[:HEAD]
    try:
        codecs.utf_8_decode(head, "strict", ends and len(content) <= HEAD)
    except UnicodeDecodeError as error:
        return f"not text in UTF-8 (byte {error.start:,})"
    return ""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, and whether it has bytes that are no UTF-8 and count as U+FFFD."""

    text: str
    mended: bool = False


def whole_text(content: bytes) -> Decoded:
    """A content as text, without a byte order mark."""
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return Decoded(content.decode())
    except UnicodeDecodeError:
        return Decoded(content.decode("utf-8", "replace"), mended=True)


def decoded(pieces: Iterator[bytes]) -> Iterator[Decoded]:
    """The same of a content that arrives in pieces, no character torn apart."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    tail = b""
    for piece in pieces:
        text = decoder.decode(piece)
        # two bytes of the piece before may be the beginning of a genuine U+FFFD
        genuine = (tail + piece).count(b"\xef\xbf\xbd") if "\ufffd" in text else 0
        yield Decoded(text, mended=text.count("\ufffd") > genuine)
        tail = piece[-2:]
    if rest := decoder.decode(b"", final=True):
        yield Decoded(rest, mended=True)


def digest_of_file(path: str, size: int) -> str:
    """The digest of the first `size` bytes of a file, in constant memory."""
    digest = hasher()
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        while size and (piece := file.read(min(READ, size))):
            digest.update(piece)
            size -= len(piece)
    return digest.hexdigest()
