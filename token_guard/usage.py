"""What LiteLLM's success event says of a prompt: its tokens as the provider counted them, and what they are to be compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from token_guard.attempt import deployment_of, note_of
from token_guard.limits import Deployment

__all__ = ["Usage", "usage_of"]

PARAMETERS = ("tools", "functions", "tool_choice", "function_call", "response_format")
"""The parts of a request beside its messages that count as prompt."""

UNSAFE_NAMES = ("llama-2", "llama-3", "replicate")
"""litellm fetches a tokenizer from the network to count for these names; its count of them is never asked for."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One answered request. `estimate` is what was forwarded, None when that was the client's own `request`;
    `guessed` says that the number may be litellm's own, as it fills one in for streams without usage."""

    request: Mapping[str, Any]
    deployment: Deployment
    prompt_tokens: int
    estimate: int | None
    guessed: bool


def usage_of(event: Mapping[str, Any]) -> Usage | None:
    """The usage in a success event; None when it teaches nothing: another call type, a cached answer, no number."""
    payload = event.get("standard_logging_object") or {}
    tokens = payload.get("prompt_tokens")
    model = str(event.get("model") or "")
    streamed = bool(event.get("stream"))
    if event.get("call_type") != "acompletion" or event.get("cache_hit") or not isinstance(tokens, int) or tokens <= 0:
        return None
    if streamed and any(name in model.lower() for name in UNSAFE_NAMES):
        return None
    parameters = event.get("optional_params") or {}
    request = {"model": model, "messages": event.get("messages"), **{name: parameters.get(name) for name in PARAMETERS}}
    attempt = event.get("litellm_params") or {}
    return Usage(request, deployment_of(attempt), tokens, note_of(attempt).get("estimate"), streamed)
