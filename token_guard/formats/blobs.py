"""Encoded files and sealed content inside wire values that no format knows: taken out of the text, as media."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

from token_guard.conversation import Media

__all__ = ["sealed_in", "without_blobs"]

SHORTEST = 512
"""Characters below which a string is left as it is: ids, hashes, keys and tokens are shorter, files are not."""

SEALED = frozenset({"encrypted_content", "encrypted_index", "encrypted_stdout", "signature", "thought_signature", "thoughtSignature"})
"""Keys of what only the provider can read."""

DEPTH = 64
"""Levels that are looked into; what is nested deeper stays as it is."""

KINDS = ("image", "audio", "video")
STATED = ("media_type", "mime_type", "mimeType", "mediaType", "format")
"""Keys of the type that stands beside data."""

_BASE64 = "[A-Za-z0-9+/_-]"
_BREAK = r"(?:\r?\n|\\r\\n|\\n)"
_HEAD = r"data:(?P<type>[\w.+-]{1,64}/[\w.+-]{1,64})(?:;[\w=.+-]{1,64}){0,8},"
"""Of a data URL (RFC 2397)."""
_RUN = re.compile(
    # a run is looked at from its start alone, so that every text is read once
    rf"(?<!{_BASE64})(?:{_HEAD})?"
    # whole; in the lines of MIME (RFC 2045, 6.8: 76 characters, PEM has 64), be they escaped; percent-encoded behind the head of a data URL
    rf"(?P<data>{_BASE64}{{512,}}={{0,2}}|(?:{_BASE64}{{60,76}}{_BREAK}){{8,}}{_BASE64}{{0,76}}={{0,2}}|(?(type)[^\s\"'<>\\()]{{512,}}|(?!)))"
)
_MIXED = tuple(re.compile(pattern) for pattern in ("[A-Z]", "[a-z]", "[0-9]"))
_HEX = re.compile(r"(?=[0-9]*[a-fA-F])(?=[a-fA-F]*[0-9])(?:[0-9a-f]+|[0-9A-F]+)\Z")
_DATA_URL = re.compile(_HEAD)


def without_blobs(value: Any) -> tuple[Any, tuple[Media, ...]]:
    """The value with a few words for every long base64 text or data URL and all sealed content in it, and what was taken out.

    >>> value, media = without_blobs({"type": "image", "data": "iVBORw0KGgo1" * 50})
    >>> value["data"][:10], media[0].kind
    ('[image 600', 'image')
    """
    found: list[Media] = []
    return _without(value, "", "", 0, found), tuple(found)


def sealed_in(value: Any, depth: int = 0) -> Iterator[Media]:
    """All that only the provider can read of reasoning in its own form: signatures, encrypted content, the data of what is redacted.

    >>> [media.source for media in sealed_in([{"thinking": "Hm.", "signature": "c2lnbmVk"}])]
    ['c2lnbmVk']
    """
    if depth >= DEPTH:
        return
    if isinstance(value, dict):
        for name, one in value.items():
            if type(one) is not str:
                yield from sealed_in(one, depth + 1)
            elif name in SEALED or name == "data":
                yield Media("thought", one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from sealed_in(one, depth + 1)


def _without(value: Any, key: str, hint: str, depth: int, found: list[Media]) -> Any:
    if isinstance(value, str):
        return value if len(value) < SHORTEST and key not in SEALED else _text(value, key, hint, found)
    if depth >= DEPTH:
        return value
    if isinstance(value, Mapping):
        inner = f"{_name(value, *STATED)} {_name(value, 'type')} {hint}"
        return {name: _without(one, str(name), f"{inner} {name}", depth + 1, found) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without(one, key, hint, depth + 1, found) for one in value]
    return value


def _text(text: str, key: str, hint: str, found: list[Media]) -> str:
    if key in SEALED:
        return _taken(Media("sealed", text), found)
    if url := _DATA_URL.match(text):
        return _taken(Media(_kind(url["type"]), text, url["type"]), found)

    def replaced(match: re.Match[str]) -> str:
        stated, data = match["type"] or "", match["data"]
        if not stated and not _is_encoded(data):
            return match[0]
        return _taken(Media(_kind(stated or hint), match[0], stated or _stated(hint)), found)

    return _RUN.sub(replaced, text)


def _is_encoded(data: str) -> bool:
    """Whether a long run is a file and no word: capitals, small letters and digits are in its first part, or it is hexadecimal."""
    return all(pattern.search(data, 0, 4 * SHORTEST) for pattern in _MIXED) or _HEX.match(data, 0, SHORTEST) is not None


def _taken(media: Media, found: list[Media]) -> str:
    """Words that tell one file from another, in every process."""
    found.append(media)
    digest = blake2b(media.source.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"[{media.kind} {len(media.source)} {digest}]"


def _kind(hint: str) -> str:
    return next((kind for kind in KINDS if kind in hint), "file")


def _stated(hint: str) -> str:
    return next((word for word in hint.split() if "/" in word), "")


def _name(value: Mapping[str, Any], *keys: str) -> str:
    return next((name for key in keys if isinstance(name := value.get(key), str) and len(name) < SHORTEST), "")
