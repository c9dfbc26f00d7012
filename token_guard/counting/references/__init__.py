"""What can be counted without having its text in hand: files, pages, requests, data in them; each kind is counted by one handler.

A result is `Counted`, or `Failed` with the reason in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, TypeAlias

from token_guard.conversation import Conversation, Media

__all__ = [
    "DEFAULT_MODEL",
    "Counted",
    "Data",
    "Failed",
    "File",
    "Page",
    "Piped",
    "Reader",
    "Reading",
    "Reference",
    "Request",
    "Result",
    "Words",
    "name_of",
]

DEFAULT_MODEL = "gpt-4o"
"""The model that is meant when neither the caller nor the request names one."""


@dataclass(frozen=True, slots=True)
class Words:
    """A text in hand, which may be a template or a request in JSON."""

    text: str = field(repr=False)
    name: str = "-"


@dataclass(frozen=True, slots=True)
class File:
    """A file by its path. One that was only found, by walking a folder, is skipped without an error where it is no text."""

    path: str
    found: bool = False


@dataclass(frozen=True, slots=True)
class Piped:
    """What comes out of a pipe, such as standard input; it can be counted once."""

    file: BinaryIO = field(repr=False)
    name: str = "-"


@dataclass(frozen=True, slots=True)
class Page:
    """What stands at a URL."""

    url: str


@dataclass(frozen=True, slots=True)
class Request:
    """A parsed request."""

    conversation: Conversation = field(repr=False)
    name: str = "-"


@dataclass(frozen=True, slots=True)
class Data:
    """An image, a sound or a file in a part of a request."""

    media: Media = field(repr=False)
    name: str = "-"


Reference: TypeAlias = Words | File | Piped | Page | Request | Data


@dataclass(frozen=True, slots=True)
class Counted:
    """The tokens of one reference, with its variables put in."""

    name: str
    model: str
    tokens: int
    raw: int | None = None
    """What the template counts before its variables are put in; None where there was nothing to put in."""
    split: Mapping[str, int] = field(default_factory=dict)
    """For a request, where its tokens are."""
    margin: float = 0.0
    """By which share the provider may count more; 0.0 where texts are counted by the model's own vocabulary."""
    cached: bool = False
    """Whether nothing had to be counted."""
    note: str = ""
    """What a reader of the number should know, in one line."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A reference that could not be counted; `skipped` where it was only found, and is no text."""

    name: str
    reason: str
    skipped: bool = False


Result: TypeAlias = Counted | Failed


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text in JSON turned out to be: a request (for the model that it names), or none, and why not."""

    conversation: Conversation | None = None
    model: str | None = None
    note: str = ""


Reader: TypeAlias = Callable[[str], Reading]
"""Reads a request out of a text in JSON; wire formats are not known here."""


def name_of(reference: Reference) -> str:
    """What a reference is called in results."""
    if isinstance(reference, File):
        return reference.path
    return reference.url if isinstance(reference, Page) else reference.name
