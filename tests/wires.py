"""The wires that a provider's strict checker stands behind: a chat history as a client of each would send it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anthropic_chat import translated
from anthropic_rules import anthropic_refusal
from responses_rules import as_items, complaints

from token_guard import fit
from token_guard.conversation import Conversation, Message
from token_guard.demo.openai_rules import shape_refusal
from token_guard.formats import FORMATS
from token_guard.report import Fitted

__all__ = ["ANTHROPIC", "CHAT", "RESPONSES", "WIRES", "Wire"]


@dataclass(frozen=True, slots=True)
class Wire:
    """One API: how it has a chat history, and what its endpoint says against a request (something false: nothing)."""

    api: str
    write: Callable[[list[dict[str, Any]]], dict[str, Any]]
    refusal: Callable[[Mapping[str, Any]], Any]

    def fit(self, history: list[dict[str, Any]], limit: int, **more: Any) -> Fitted:
        """The history as the guard forwards it."""
        return fit({**self.write(history), **more}, api=self.api, max_input_tokens=limit)

    def read(self, request: Mapping[str, Any]) -> Sequence[Message]:
        """The messages of a request."""
        found = FORMATS[self.api].parse(request)
        assert isinstance(found, Conversation)
        return found.messages


def _anthropic(history: list[dict[str, Any]]) -> dict[str, Any]:
    system, messages = translated(history)
    return {"model": "claude-sonnet-4-5", "max_tokens": 1_024, "system": system, "messages": messages}


CHAT = Wire("openai.chat", lambda history: {"model": "gpt-4o", "messages": history}, shape_refusal)
ANTHROPIC = Wire("anthropic.messages", _anthropic, anthropic_refusal)
RESPONSES = Wire(
    "openai.responses", lambda history: {"model": "gpt-4o", "input": as_items(history)}, lambda request: complaints(request["input"])
)

WIRES = (CHAT, ANTHROPIC, RESPONSES)
