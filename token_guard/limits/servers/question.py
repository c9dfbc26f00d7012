"""What a server is asked."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Question", "root_of"]


@dataclass(frozen=True, slots=True)
class Question:
    """A GET of a URL, or, about one model, a POST of its name as `{"model": ...}`."""

    url: str
    model: str = ""


def root_of(base: str) -> str:
    """The address of a server whose OpenAI-style routes stand at `base`.

    >>> root_of("http://127.0.0.1:1234/v1"), root_of("http://127.0.0.1:11434/")
    ('http://127.0.0.1:1234', 'http://127.0.0.1:11434')
    """
    return base.rstrip("/").removesuffix("/v1").rstrip("/")
