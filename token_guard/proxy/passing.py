"""Pass-through routes (`/anthropic/*`, `/openai/*`, the operator's own): litellm forwards the client's body, and one hook sees it.

No deployment is chosen there and litellm's metadata is not yet made: whatever stands in the body is the client's and goes to
the provider. So the note of such a call is kept beside it, in the context of the task that answers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from token_guard.formats import FORMATS
from token_guard.proxy.attempt import Note

__all__ = ["CALL_TYPE", "api_of", "open_passing_note", "passing_note"]

CALL_TYPE = "pass_through_endpoint"

ENDINGS: Mapping[str, str] = {
    "/chat/completions": "openai.chat",
    "/messages": "anthropic.messages",
    "/responses": "openai.responses",
    "/completions": "openai.completions",
}
"""What the end of a path says of its body; the first that fits."""

COUNTING = ("/count_tokens", "/input_tokens", "/compact")
"""Ends of paths whose bodies look like those above and are not to be answered by a model."""

CHATS = ("anthropic.messages", "openai.chat")
"""Formats that a body is recognised by on other paths: a prompt alone may be an image's, an input alone a speech's."""

_notes: ContextVar[Note | None] = ContextVar("token_guard_passing_note", default=None)


def api_of(body: Mapping[str, Any], route: str | None) -> str | None:
    """The wire format of a body that asks a model it names for an answer; None for every other body.

    >>> api_of({"model": "m", "messages": []}, "/anthropic/v1/messages")
    'anthropic.messages'
    >>> api_of({"model": "m", "input": "Hello"}, "/openai/v1/audio/speech") is None
    True
    """
    path = (route or "").rstrip("/")
    if not isinstance(body.get("model"), str) or path.endswith(COUNTING):
        return None
    named = next((api for end, api in ENDINGS.items() if path.endswith(end)), None)
    return named or next((api for api in CHATS if FORMATS[api].matches(body)), None)


def open_passing_note() -> Note:
    """A new note of the pass-through call that this task answers."""
    note: Note = {}
    _notes.set(note)
    return note


def passing_note() -> Note:
    """The note of the pass-through call that this task answers; an empty one when it answers none."""
    note = _notes.get()
    return {} if note is None else note
