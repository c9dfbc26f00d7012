"""A stand-in for a model that is known to disagree with itself so often, at the three endpoints that a shadow asks."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from anthropic_rules import anthropic_refusal
from anthropic_upstream import tokens_of
from build import answer, call
from responses_rules import complaints

from token_guard.demo.openai_rules import Refusal, shape_refusal
from token_guard.demo.stand_in import Endpoint, StandIn

__all__ = ["BY_ITSELF", "OVER_COMPACTION", "Rates", "Scripted"]

REPLY_TOKENS = 10
TASK = re.compile(r"Mend part (\d+)")
PATIENCE_SECONDS = 60.0

Answer = Callable[["Reply", Mapping[str, Any], int], dict[str, Any]]
Events = Callable[[dict[str, Any]], Iterator[Mapping[str, Any] | str]]


@dataclass(frozen=True, slots=True)
class Rates:
    """How often another call comes than the first one over the whole request: of another tool; of that or on another target; of these or
    with other arguments. And the words that a text shares with the first one, as a share."""

    tool: float
    target: float
    arguments: float
    overlap: float


BY_ITSELF = Rates(0.1, 0.2, 0.3, 0.75)
OVER_COMPACTION = Rates(0.3, 0.5, 0.6, 0.25)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model does next: a call, or words."""

    tool: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    words: str = ""


FIRST = Reply("read", {"path": "next.py", "lines": 10})
OTHERS = (
    ("tool", Reply("edit", {"path": "next.py", "lines": 10})),
    ("target", Reply("read", {"path": "other.py", "lines": 10})),
    ("arguments", Reply("read", {"path": "next.py", "lines": 20})),
)
TEXTS = {1.0: "alpha beta gamma delta", 0.75: "alpha beta gamma omega", 0.25: "alpha omega sigma kappa"}


class Scripted(StandIn):
    """Answers a session's client at once, and holds what is asked behind that until `open` is set; `cost` is what that comes to by model,
    at the prices of a token.

    `is_whole` tells a whole history from a compacted one; of a session whose number `talks` says so the reply is a text.
    """

    def __init__(self, window: int, prices: Mapping[str, float], is_whole: Callable[[str], bool], talks: Callable[[int], bool]) -> None:
        refusals = {"/chat/completions": shape_refusal, "/v1/messages": _of_messages, "/responses": _of_responses}
        super().__init__({path: self._endpoint(refusals[path], *WRITTEN[path]) for path in refusals})
        self.window = window
        self.prices = prices
        self.is_whole = is_whole
        self.talks = talks
        self.open = threading.Event()
        self.cost: dict[str, float] = {}
        self._asked: dict[tuple[str, int, bool], int] = {}
        self._lock = threading.Lock()

    def _endpoint(self, refusal: Callable[[Any], Refusal | None], written: Answer, events: Events) -> Endpoint:
        def answered(request: Mapping[str, Any]) -> dict[str, Any]:
            return written(self._reply(request), request, tokens_of(request))

        return Endpoint(lambda request: refusal(request) or self._too_long(request), answered, lambda request: events(answered(request)))

    def _too_long(self, request: Mapping[str, Any]) -> Refusal | None:
        """Words that every provider's clients know."""
        tokens = tokens_of(request)
        return Refusal(f"prompt is too long: {tokens} tokens > {self.window} maximum") if tokens > self.window else None

    def _reply(self, request: Mapping[str, Any]) -> Reply:
        told = json.dumps(request)
        number, is_whole = int(TASK.findall(told)[0]), self.is_whole(told)
        with self._lock:
            place = request["model"], number, is_whole
            times = self._asked[place] = self._asked.get(place, 0) + 1
            is_clients = times == 1 and not is_whole
            if not is_clients:
                spent = (tokens_of(request) + REPLY_TOKENS) * self.prices[request["model"]]
                self.cost[request["model"]] = self.cost.get(request["model"], 0.0) + spent
        if not is_clients:
            self.open.wait(PATIENCE_SECONDS)
        if is_clients or (is_whole and times == 1):
            return Reply(words=TEXTS[1.0]) if self.talks(number) else FIRST
        return self._differing(number, BY_ITSELF if is_whole else OVER_COMPACTION)

    def _differing(self, number: int, rates: Rates) -> Reply:
        if self.talks(number):
            return Reply(words=TEXTS[rates.overlap])
        # spread as evenly as can be, and not alike for both kinds, so that a few dozen sessions have the rates
        draw = number * (0.6180339887 if rates is BY_ITSELF else 0.7548776662) % 1
        return next((other for what, other in OTHERS if draw < getattr(rates, what)), FIRST)


def _of_messages(request: Mapping[str, Any]) -> Refusal | None:
    words = anthropic_refusal(request)
    return Refusal(words) if words else None


def _of_responses(request: Mapping[str, Any]) -> Refusal | None:
    broken = complaints(request["input"])
    return Refusal(broken[0], param="input") if broken else None


def _chat(reply: Reply, request: Mapping[str, Any], tokens: int) -> dict[str, Any]:
    message = call("n", reply.tool, **reply.arguments) if reply.tool else answer(reply.words)
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if reply.tool else "stop"}
    usage = {"prompt_tokens": tokens, "completion_tokens": REPLY_TOKENS, "total_tokens": tokens + REPLY_TOKENS}
    head = {"id": "s", "object": "chat.completion", "created": 0, "model": request["model"]}
    return {**head, "choices": [choice], "usage": usage}


def _chat_events(whole: dict[str, Any]) -> Iterator[Mapping[str, Any] | str]:
    (choice,), head = whole["choices"], {**whole, "object": "chat.completion.chunk", "usage": None}
    calls = [{**one, "index": place} for place, one in enumerate(choice["message"].get("tool_calls") or ())]
    delta = {**choice["message"], **({"tool_calls": calls} if calls else {})}
    yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]}
    yield {**head, "choices": [], "usage": whole["usage"]}
    yield "[DONE]"


def _messages(reply: Reply, request: Mapping[str, Any], tokens: int) -> dict[str, Any]:
    said = {"type": "text", "text": reply.words}
    block = {"type": "tool_use", "id": "n", "name": reply.tool, "input": reply.arguments} if reply.tool else said
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": request["model"], "stop_sequence": None}
    usage = {"input_tokens": tokens, "output_tokens": REPLY_TOKENS}
    return {**head, "content": [block], "stop_reason": "tool_use" if reply.tool else "end_turn", "usage": usage}


def _messages_events(whole: dict[str, Any]) -> Iterator[Mapping[str, Any] | str]:
    (block,) = whole["content"]
    is_text = block["type"] == "text"
    delta = (
        {"type": "text_delta", "text": block["text"]} if is_text else {"type": "input_json_delta", "partial_json": _json(block["input"])}
    )
    yield {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}
    yield {"type": "content_block_start", "index": 0, "content_block": {**block, **({"text": ""} if is_text else {"input": {}})}}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": REPLY_TOKENS}}
    yield {"type": "message_stop"}


def _responses(reply: Reply, request: Mapping[str, Any], tokens: int) -> dict[str, Any]:
    part = {"type": "output_text", "text": reply.words, "annotations": []}
    said = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]}
    called = {"type": "function_call", "id": "fc_1", "call_id": "n", "name": reply.tool, "status": "completed"}
    item = {**called, "arguments": _json(reply.arguments)} if reply.tool else said
    usage = {"input_tokens": tokens, "output_tokens": REPLY_TOKENS, "total_tokens": tokens + REPLY_TOKENS}
    head = {"id": "resp_1", "object": "response", "created_at": 0, "status": "completed", "model": request["model"]}
    return {**head, "output": [item], "usage": usage, "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}


def _responses_events(whole: dict[str, Any]) -> Iterator[Mapping[str, Any] | str]:
    (item,) = whole["output"]
    is_call = item["type"] == "function_call"
    place = {"item_id": item["id"], "output_index": 0}
    call_delta = {"type": "response.function_call_arguments.delta", **place, "delta": item.get("arguments")}
    delta = call_delta if is_call else _text_delta(place, item)
    begun = {**item, "status": "in_progress", **({"arguments": ""} if is_call else {"content": []})}
    events: tuple[dict[str, Any], ...] = (
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": [], "usage": None}},
        {"type": "response.output_item.added", "output_index": 0, "item": begun},
        delta,
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    )
    yield from ({**event, "sequence_number": number} for number, event in enumerate(events))


def _text_delta(place: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_text.delta", **place, "content_index": 0, "delta": item["content"][0]["text"], "logprobs": []}


def _json(value: Any) -> str:
    return json.dumps(value)


WRITTEN: Mapping[str, tuple[Answer, Events]] = {
    "/chat/completions": (_chat, _chat_events),
    "/v1/messages": (_messages, _messages_events),
    "/responses": (_responses, _responses_events),
}
