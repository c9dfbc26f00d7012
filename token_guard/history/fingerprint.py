"""Whose session it is: the name of the conversation that a request belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from token_guard.conversation import Message

__all__ = ["HEADER", "given_session", "opened_session", "session_of"]

HEADER = "x-token-guard-session"
"""How a client names its session to the guard."""

METADATA = ("litellm_metadata", "metadata")
"""Where a request may carry the fields of the proxy and the client."""

SESSION, TRACE = "session_id", "trace_id"
"""What a client calls its session in the metadata. A trace of one request's own is none."""

MADE_UP = "litellm_trace_id"
"""The trace that the proxy makes up for each request, or takes from a tracing client's headers; it then puts it into the metadata, too."""


MAX_NAME = 200
"""Characters of a name that was given; what is longer is known by its digest."""


def session_of(request: Mapping[str, Any], messages: Sequence[Message]) -> str:
    """The name of a conversation: what the client or LiteLLM calls it, else a digest of its opening.

    The opening is the instructions and the first user message, which a client sends with every turn; conversations that
    open with the same words share a name.
    """
    return given_session(request) or opened_session(messages)


def given_session(request: Mapping[str, Any]) -> str:
    """What the client or LiteLLM calls the session of a request: by the guard's own header first; empty where nobody names it."""
    metadata = [request[place] for place in METADATA if isinstance(request.get(place), Mapping)]
    sent = request.get("proxy_server_request")
    headers = (sent.get("headers") if isinstance(sent, Mapping) else None) or {}
    made_up = request.get(MADE_UP)
    named = [headers.get(HEADER), request.get("litellm_session_id"), *[fields.get(SESSION) for fields in metadata]]
    named += [trace for fields in metadata if (trace := fields.get(TRACE)) != made_up]
    name = next((name for name in named if name and isinstance(name, str)), "")
    return name if len(name) <= MAX_NAME else blake2b(name.encode("utf-8", "replace"), digest_size=16).hexdigest()


def opened_session(messages: Sequence[Message]) -> str:
    """The name of a conversation that nobody names, by its opening."""
    digest = blake2b(digest_size=16)
    for message in _opening(messages):
        digest.update(f"{message.role}\n{message.said}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _opening(messages: Sequence[Message]) -> list[Message]:
    first = next((place for place, message in enumerate(messages) if message.asks), len(messages) - 1)
    return list(messages[: first + 1])
