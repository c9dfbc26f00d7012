"""How many pages a file has, as far as that can be told without a PDF library."""

from __future__ import annotations

import base64
import binascii
import math
import re

__all__ = ["pdf_pages"]

UNKNOWN_PAGES = 3
"""Pages of a document that cannot be looked into (a URL, an id)."""

BYTES_PER_PAGE = 40_000
"""A page of a PDF whose page objects are compressed away: text pages have 20 to 100 KB; the small end errs up."""

SCANNED = 32 * 1024 * 1024
"""Base64 characters that are looked through for page objects; the largest file that providers take."""

_PAGE = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")
_COUNT = re.compile(rb"/Type\s*/Pages\b[^>]{0,200}?/Count\s+(\d{1,6})|/Count\s+(\d{1,6})[^>]{0,200}?/Type\s*/Pages\b")


def pdf_pages(data: str) -> int:
    """Pages of a base64-coded PDF: as its page tree says (ISO 32000-1, 7.7.3), or its page objects, or a guess by size; at least 1."""
    if not data:
        return UNKNOWN_PAGES
    try:
        content = base64.b64decode(data[:SCANNED] + "=" * (-len(data[:SCANNED]) % 4))
    except (binascii.Error, ValueError):
        content = b""
    stated = max((int(before or after) for before, after in _COUNT.findall(content)), default=0)
    return max(stated, len(_PAGE.findall(content))) or math.ceil(len(data) * 3 / 4 / BYTES_PER_PAGE)
