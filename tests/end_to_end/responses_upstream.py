"""A stand-in on loopback for `/v1/responses` and `/v1/completions`: refuses what is too long or breaks a rule of Responses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from responses_rules import complaints, count_input

from token_guard.demo.openai_rules import ContextWindow, Refusal, count_prompt
from token_guard.demo.stand_in import REPLY, Endpoint, StandIn

__all__ = ["REPLY", "ResponsesUpstream", "size_of"]


def size_of(request: Mapping[str, Any]) -> int:
    """Tokens of the prompt of either kind of request."""
    if "prompt" in request:
        return count_prompt({"messages": [{"role": "", "content": request["prompt"]}]})
    return count_input(request)


class ResponsesUpstream(StandIn):
    """Serves with a context window of `window` tokens while its `with` block runs."""

    def __init__(self, window: int) -> None:
        responses = Endpoint(self.refusal, _response, _response_events)
        completions = Endpoint(self.refusal, _completion, _completion_events)
        super().__init__({"/responses": responses, "/v1/completions": completions})
        self.window = window

    def refusal(self, request: Mapping[str, Any]) -> Refusal | None:
        """The error that answers a request; None when it is answered."""
        items = request.get("input")
        broken = complaints(items) if isinstance(items, list) else []
        if broken:
            return Refusal(broken[0], param="input")
        too_long = size_of(request) > self.window
        return ContextWindow(self.window)({"messages": [], "max_tokens": size_of(request)}) if too_long else None


def _response(request: Mapping[str, Any]) -> dict[str, Any]:
    text = {"type": "output_text", "text": REPLY, "annotations": []}
    item = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [text]}
    usage = {"input_tokens": size_of(request), "output_tokens": 9, "total_tokens": size_of(request) + 9}
    head = {"id": "resp_1", "object": "response", "created_at": 0, "status": "completed", "model": request["model"]}
    return {**head, "output": [item], "usage": usage, "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}


def _response_events(request: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | str]:
    whole = _response(request)
    (item,) = whole["output"]
    delta = {"item_id": item["id"], "output_index": 0, "content_index": 0, "delta": REPLY, "logprobs": []}
    events: tuple[dict[str, Any], ...] = (
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.output_text.delta", **delta},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    )
    yield from ({**event, "sequence_number": number} for number, event in enumerate(events))


def _completion(request: Mapping[str, Any]) -> dict[str, Any]:
    usage = {"prompt_tokens": size_of(request), "completion_tokens": 9, "total_tokens": size_of(request) + 9}
    return {**_chunk(request, REPLY, "stop"), "usage": usage}


def _completion_events(request: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | str]:
    yield _chunk(request, REPLY, None)
    yield _chunk(request, "", "stop")
    yield "[DONE]"


def _chunk(request: Mapping[str, Any], text: str, finish: str | None) -> dict[str, Any]:
    choice = {"index": 0, "text": text, "finish_reason": finish, "logprobs": None}
    return {"id": "cmpl-1", "object": "text_completion", "created": 0, "model": request["model"], "choices": [choice]}
