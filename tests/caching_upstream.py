"""A stand-in for OpenAI with a prompt cache: what begins as an earlier request did is read from it, and the usage says so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from token_guard.demo.openai_rules import count_prompt, openai_refusal
from token_guard.demo.stand_in import REPLY, Endpoint, StandIn
from token_guard.demo.upstream import ContextWindow

__all__ = ["CachingUpstream"]


class CachingUpstream(StandIn):
    """Serves `/v1/chat/completions` with a window of `window` tokens; `forget` is what a provider does without a word."""

    def __init__(self, window: int) -> None:
        super().__init__({"/chat/completions": Endpoint(self._refusal, self._completion, self._chunks)})
        self._window = ContextWindow(window)
        self._seen: set[tuple[str, ...]] = set()
        self.usages: list[dict[str, int]] = []
        """Prompt tokens of each answer, and those that were read from the cache."""

    def forget(self) -> None:
        self._seen.clear()

    def _refusal(self, request: Mapping[str, Any]) -> Any:
        return openai_refusal(request, self._window)

    def _completion(self, request: Mapping[str, Any]) -> dict[str, Any]:
        message = {"role": "assistant", "content": REPLY}
        head = {"id": f"chatcmpl-{len(self.usages)}", "created": 0, "model": request.get("model")}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {**head, "object": "chat.completion", "choices": [choice], "usage": self._usage(request)}

    def _chunks(self, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | str]:
        done = self._completion(request)
        head = {**{name: done[name] for name in ("id", "created", "model")}, "object": "chat.completion.chunk"}
        yield {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": REPLY}, "finish_reason": None}]}
        yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        if (request.get("stream_options") or {}).get("include_usage"):
            yield {**head, "choices": [], "usage": done["usage"]}
        yield "[DONE]"

    def _usage(self, request: Mapping[str, Any]) -> dict[str, Any]:
        messages = [json.dumps(message) for message in request["messages"]]
        shared = max((n for n in range(len(messages) + 1) if tuple(messages[:n]) in self._seen), default=0)
        self._seen.update(tuple(messages[:n]) for n in range(1, len(messages) + 1))
        prompt = count_prompt(request)
        read = count_prompt({**request, "messages": request["messages"][:shared]}) // 128 * 128 if shared else 0
        self.usages.append({"prompt": prompt, "read": read if read >= 1_024 else 0})
        usage = {"prompt_tokens": prompt, "completion_tokens": 8, "total_tokens": prompt + 8}
        return {**usage, "prompt_tokens_details": {"cached_tokens": self.usages[-1]["read"]}}
