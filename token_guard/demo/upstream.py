"""A stand-in OpenAI-compatible server on loopback: refuses what OpenAI would refuse, answers the rest, and remembers every body."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from token_guard.demo.openai_rules import ContextWindow, Refusal, count_prompt, openai_refusal
from token_guard.demo.stand_in import REPLY, Endpoint, StandIn

__all__ = ["Check", "Upstream"]

Check: TypeAlias = Callable[[Mapping[str, Any]], Refusal | None]


class Upstream(StandIn):
    """Serves `/v1/chat/completions` and `/v1/models` with a context window of `window` tokens while its `with` block runs.

    `check` runs before OpenAI's own rules and may refuse a request for reasons of its own.
    """

    def __init__(self, window: int, *, check: Check = lambda _request: None) -> None:
        super().__init__({"/chat/completions": Endpoint(self.refusal, _completion, _chunks)})
        self.window = ContextWindow(window)
        self.check = check

    def refusal(self, request: Mapping[str, Any]) -> Refusal | None:
        """The error that answers a request; None when it is answered."""
        return self.check(request) or openai_refusal(request, self.window)


def _completion(request: Mapping[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": REPLY}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**_head(request, "chat.completion"), "choices": [choice], "usage": _usage(request)}


def _chunks(request: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | str]:
    head = _head(request, "chat.completion.chunk")
    for word in REPLY.split(" "):
        yield {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": f"{word} "}, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    if (request.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": _usage(request)}
    yield "[DONE]"


def _head(request: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-stand-in", "object": kind, "created": 0, "model": request.get("model")}


def _usage(request: Mapping[str, Any]) -> dict[str, int]:
    prompt, reply = count_prompt(request), len(REPLY.split(" "))
    return {"prompt_tokens": prompt, "completion_tokens": reply, "total_tokens": prompt + reply}
