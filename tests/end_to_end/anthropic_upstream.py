"""A stand-in for Anthropic on loopback: refuses what Anthropic would refuse and whatever is longer than its window."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from anthropic_rules import anthropic_refusal, forged_thinking

from token_guard.demo.openai_rules import Refusal, count_prompt
from token_guard.demo.stand_in import REPLY, Endpoint, StandIn

__all__ = ["AnthropicUpstream", "strings_of", "tokens_of"]

SEALED = ("signature", "data", "encrypted_content")
"""Fields of which a provider counts what is inside, not the characters."""


def strings_of(value: Any) -> Iterator[str]:
    """Every string in a JSON value, in order."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings_of(inner)


def tokens_of(request: Mapping[str, Any]) -> int:
    """Tokens of all strings of a prompt, in o200k_base."""
    prompt = [request.get(field) for field in ("system", "messages", "instructions", "input", "tools")]
    return count_prompt({"messages": [{"role": "user", "content": "\n".join(strings_of(_unsealed(prompt)))}]})


def _unsealed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unsealed(inner) for key, inner in value.items() if key not in SEALED}
    return [_unsealed(inner) for inner in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class AnthropicRefusal(Refusal):
    """An error answer in Anthropic's shape."""

    @property
    def body(self) -> dict[str, Any]:
        return {"type": "error", "error": {"type": "invalid_request_error", "message": self.message}}


class AnthropicUpstream(StandIn):
    """Serves `/v1/messages` with a context window of `window` tokens, and counts, while its `with` block runs.

    Where `signed` is given, those pairs of thinking and signature are the only ones that it takes for its own.
    """

    def __init__(self, window: int, *, signed: Collection[tuple[str, str]] | None = None) -> None:
        counting = Endpoint(lambda request: None, lambda request: {"input_tokens": tokens_of(request)}, lambda request: iter(()))
        super().__init__({"/v1/messages": Endpoint(self.refusal, _message, _events), "/v1/messages/count_tokens": counting})
        self.window = window
        self.signed = signed

    def refusal(self, request: Mapping[str, Any]) -> Refusal | None:
        """The error that answers a request; None when it is answered."""
        prompt, reply = tokens_of(request), request.get("max_tokens") or 0
        if prompt + reply > self.window:
            return AnthropicRefusal(f"prompt is too long: {prompt + reply} tokens > {self.window} maximum")
        words = anthropic_refusal(request) or (None if self.signed is None else forged_thinking(request["messages"], self.signed))
        return AnthropicRefusal(words) if words else None


def _message(request: Mapping[str, Any]) -> dict[str, Any]:
    return {**_started(request), "content": [{"type": "text", "text": REPLY}], "stop_reason": "end_turn"}


def _started(request: Mapping[str, Any]) -> dict[str, Any]:
    usage = {"input_tokens": tokens_of(request), "output_tokens": 9}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": request["model"]}
    return {**head, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}


def _events(request: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | str]:
    yield {"type": "message_start", "message": _started(request)}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for word in REPLY.split(" "):
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f"{word} "}}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 9}}
    yield {"type": "message_stop"}
