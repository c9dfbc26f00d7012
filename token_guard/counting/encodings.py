"""OpenAI's byte-pair encodings, loaded from the rank files that ship inside litellm: no network, no copy on disk."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from token_guard.errors import TokenCountError

__all__ = ["ENCODINGS", "Encoding", "rank_file", "ranks"]

FOLDERS = ("litellm_core_utils/tokenizers", "llms/tokenizers")
"""Where litellm has kept its rank files, newest place first."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding's public rank file and split pattern (both from tiktoken_ext/openai_public.py)."""

    name: str
    url: str
    pattern: str


_BLOBS = "https://openaipublic.blob.core.windows.net/encodings/"
_CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_O200K = "|".join(
    (
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTION}",
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTION}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)
_CL100K = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
_P50K = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"

ENCODINGS = {
    encoding.name: encoding
    for encoding in (
        Encoding("o200k_base", _BLOBS + "o200k_base.tiktoken", _O200K),
        Encoding("cl100k_base", _BLOBS + "cl100k_base.tiktoken", _CL100K),
        Encoding("p50k_base", _BLOBS + "p50k_base.tiktoken", _P50K),
    )
}


def rank_file(name: str) -> Path:
    """The rank file of an encoding inside the installed litellm, which is located but not imported.

    litellm names it as tiktoken's own cache does: the SHA-1 of the public address. Raises TokenCountError when it is not there.
    """
    package = importlib.util.find_spec("litellm")
    digest = hashlib.sha1(ENCODINGS[name].url.encode(), usedforsecurity=False).hexdigest()
    for root in (package.submodule_search_locations or ()) if package else ():
        for path in (Path(root, folder, digest) for folder in FOLDERS):
            if path.is_file():
                return path
    raise TokenCountError(f"the rank file of {name} ({digest}) is not in the installed litellm; looked in {', '.join(FOLDERS)}")


def ranks(name: str) -> dict[bytes, int]:
    """Token bytes and their ranks."""
    return dict(_pairs(rank_file(name).read_bytes()))


def _pairs(content: bytes) -> Iterator[tuple[bytes, int]]:
    for line in content.splitlines():
        token, _, rank = line.partition(b" ")
        yield base64.b64decode(token), int(rank)
