"""OpenAI completions (`/v1/completions`): a prompt without turns.

Shape: https://platform.openai.com/docs/api-reference/completions/create.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from token_guard.conversation import Conversation, Message, Opaque, Origin, Outline, Text
from token_guard.formats.beside import fields_of
from token_guard.formats.replies import clamped
from token_guard.formats.truncation import is_cut_elsewhere
from token_guard.formats.wire import Unreadable, UnreadableError, expect, model_of, positive

__all__ = ["TextCompletion"]


@dataclass(frozen=True, slots=True)
class TextCompletion:
    """The format of completions: one prompt is one user message; of several, each has the window for itself, and the
    longest one counts."""

    api: str = "openai.completions"

    def matches(self, request: Mapping[str, Any]) -> bool:
        return "prompt" in request

    def head(self, request: Mapping[str, Any]) -> Conversation | Unreadable:
        return Conversation(
            model=model_of(request),
            messages=(),
            max_output_tokens=positive(request.get("max_tokens")),
            provider_trims=is_cut_elsewhere(fields_of(request)),
            request=request,
        )

    def outline(self, request: Mapping[str, Any]) -> Outline | None:
        prompt, suffix = request.get("prompt"), request.get("suffix")
        return Outline([prompt], 1, 0) if isinstance(prompt, str) and not suffix else None

    def parse(self, request: Mapping[str, Any]) -> Conversation | Unreadable:
        try:
            messages = tuple(_messages(request))
        except UnreadableError as error:
            return Unreadable(str(error))
        head = self.head(request)
        return head.with_messages(messages) if isinstance(head, Conversation) else head

    def render(self, conversation: Conversation) -> Mapping[str, Any]:
        request = conversation.request
        edits: dict[str, Any] = {**clamped(request, conversation.max_output_tokens, "max_tokens")}
        prompt = next(message for message in conversation.messages if message.role == "user")
        if prompt.edited:
            edits["prompt"] = prompt.text if isinstance(request["prompt"], str) else [prompt.text]
        return {**request, **edits} if edits else request


def _messages(request: Mapping[str, Any]) -> Iterator[Message]:
    suffix = request.get("suffix")
    if isinstance(suffix, str) and suffix:
        yield _message("system", Text(suffix), 0)
        yield _message("user", _prompt(request.get("prompt")), 1)
    else:
        yield _message("user", _prompt(request.get("prompt")), 0)


def _message(role: str, part: Text | Opaque, index: int) -> Message:
    return Message(role, (part,), "", Origin(index, part.text, (part,), ((),)))


def _prompt(prompt: Any) -> Text | Opaque:
    if isinstance(prompt, str):
        return Text(prompt)
    prompts = expect(prompt, list, "prompt")
    if not prompts:
        raise UnreadableError("prompt is empty")
    if any(not isinstance(one, str) for one in prompts):
        raise UnreadableError(f"prompt is token ids, {_ids(prompts):,} in the longest")
    return Text(prompts[0]) if len(prompts) == 1 else Opaque(max(prompts, key=len))


def _ids(prompts: list[Any]) -> int:
    """How many ids the longest of several prompts has, or the one."""
    return max((len(one) for one in prompts if isinstance(one, list)), default=len(prompts))
