"""Wire formats: each parses a request to a `Conversation` and renders it back; no other module knows a wire key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from token_guard.conversation import Conversation, Message, Outline
from token_guard.formats.anthropic_messages import AnthropicMessages
from token_guard.formats.gemini_contents import GeminiContents
from token_guard.formats.openai_chat import OpenAIChat
from token_guard.formats.openai_responses import OpenAIResponses
from token_guard.formats.plain_chat import plain_opening
from token_guard.formats.text_completion import TextCompletion
from token_guard.formats.wire import Unreadable

__all__ = ["FORMATS", "Format", "Unreadable", "format_for", "opening"]


class Format(Protocol):
    """One wire format."""

    @property
    def api(self) -> str:
        """Its name, such as "openai.chat"."""

    def matches(self, request: Mapping[str, Any]) -> bool:
        """Whether the shape of the request is this format's."""

    def head(self, request: Mapping[str, Any]) -> Conversation | Unreadable:
        """Everything of the conversation but its messages; never raises."""

    def outline(self, request: Mapping[str, Any]) -> Outline | None:
        """The texts of messages of the plainest shape, several times faster than a parse; None where only a parse can tell."""

    def parse(self, request: Mapping[str, Any]) -> Conversation | Unreadable:
        """The request as a conversation, or why it cannot be read; never raises."""

    def render(self, conversation: Conversation) -> Mapping[str, Any]:
        """The wire request; the very object that was parsed when nothing was edited."""


FORMATS: Mapping[str, Format] = {
    format_.api: format_ for format_ in (AnthropicMessages(), OpenAIChat(), OpenAIResponses(), GeminiContents(), TextCompletion())
}
"""Every format by its name; the shape of a request is looked at in this order, the plainest last."""


OPENINGS: tuple[int, int, None] = (3, 12, None)
"""Among how many messages the first question is looked for: nearly always it is the second."""

SAID = ("messages", "input")
"""The fields in which formats keep messages."""

TOLD = ("model", "system", "instructions", "prompt", "previous_response_id", "conversation", *SAID)
"""What of a request tells how its conversation opens."""


def opening(api: str, request: Mapping[str, Any]) -> tuple[Message, ...]:
    """The first messages of a conversation, at least up to the first question; none where the request cannot be read.

    >>> [message.text for message in opening("openai.chat", {"model": "m", "messages": [{"role": "user", "content": "Hello"}]})]
    ['Hello']
    """
    if isinstance(FORMATS[api], OpenAIChat) and (plain := plain_opening(request.get("messages"), OPENINGS[0])):
        return plain
    told = {field: request[field] for field in TOLD if field in request}
    for most in OPENINGS:
        first = {field: told[field][:most] for field in SAID if isinstance(told.get(field), list)}
        parsed = FORMATS[api].parse({**told, **first})
        if isinstance(parsed, Conversation) and any(message.asks for message in parsed.messages):
            return parsed.messages
    return ()


def format_for(api: str | None, request: Mapping[str, Any]) -> Format | None:
    """The format named `api`, or the one whose shape the request has; None when there is none. Raises ValueError for an unknown name.

    >>> format_for(None, {"messages": []}).api
    'openai.chat'
    >>> format_for(None, {"system": "Be brief.", "messages": []}).api
    'anthropic.messages'
    """
    if api is not None:
        if api not in FORMATS:
            raise ValueError(f"api={api!r} is none of the formats: {', '.join(FORMATS)}")
        return FORMATS[api]
    return next((format_ for format_ in FORMATS.values() if format_.matches(request)), None)
