"""Stand-ins for models that ask for the original of what was compacted, as long as they are offered the tool and see a key."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from anthropic_upstream import AnthropicUpstream
from build import call
from responses_upstream import ResponsesUpstream

from token_guard.demo.openai_rules import Refusal
from token_guard.demo.stand_in import Endpoint
from token_guard.demo.upstream import Upstream

__all__ = ["KEY", "TOOL", "Asker", "AskerOfMessages", "AskerOfResponses", "Ways"]

KEY = re.compile(r"original: ([0-9a-f]{16})")
TOOL = "token_guard_original"


@dataclass(frozen=True)
class Ways:
    """How often one asks, whether it calls the client's tool at the same time, whether it asks for what nobody holds, and whether its
    server is out of order when it is told."""

    wants: int = 1
    beside: bool = False
    wrong: bool = False
    fails: bool = False


class Asker(Upstream):
    """One of chat completions."""

    def __init__(self, window: int) -> None:
        super().__init__(window)
        self.ways = Ways()
        self._plain = self._endpoints["/chat/completions"]
        self._endpoints = {"/chat/completions": Endpoint(failing(self, self._plain), self._answer, self._plain.events)}

    def _answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        told = self._plain.answer(request)
        key = _wanted(self, request)
        if key is None:
            return told
        asked = call(f"ask_{len(self.bodies)}", TOOL, key=key)
        if self.ways.beside:
            asked = {**asked, "tool_calls": [*asked["tool_calls"], *call("call_1", path="a.py")["tool_calls"]]}
        return {**told, "choices": [{"index": 0, "message": asked, "finish_reason": "tool_calls"}]}


class AskerOfMessages(AnthropicUpstream):
    """The same at Anthropic's endpoint."""

    def __init__(self, window: int) -> None:
        super().__init__(window)
        self.ways = Ways()
        plain = self._plain = self._endpoints["/v1/messages"]
        self._endpoints = {**self._endpoints, "/v1/messages": Endpoint(failing(self, plain), self._answer, self._events)}

    def _block(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        key = _wanted(self, request)
        return {"type": "tool_use", "id": f"ask_{len(self.bodies)}", "name": TOOL, "input": {"key": key}} if key else None

    def _answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        told, block = self._plain.answer(request), self._block(request)
        others = [{"type": "tool_use", "id": "call_1", "name": "read", "input": {"path": "a.py"}}] if self.ways.beside else []
        return {**told, "content": [block, *others], "stop_reason": "tool_use"} if block else told

    def _events(self, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | str]:
        block = self._block(request)
        if block is None:
            yield from self._plain.events(request)
            return
        yield {"type": "message_start", "message": {**self._plain.answer(request), "content": [], "stop_reason": None}}
        yield {"type": "content_block_start", "index": 0, "content_block": {**block, "input": {}}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
        yield {"type": "content_block_stop", "index": 0}
        yield {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": {"output_tokens": 9}}
        yield {"type": "message_stop"}


class AskerOfResponses(ResponsesUpstream):
    """The same at the endpoint of Responses; each answer begins with reasoning, which belongs to what follows it."""

    def __init__(self, window: int) -> None:
        super().__init__(window)
        self.ways = Ways()
        self._plain = self._endpoints["/responses"]
        self._endpoints = {**self._endpoints, "/responses": Endpoint(failing(self, self._plain), self._answer, self._plain.events)}

    def _answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        told, key, number = self._plain.answer(request), _wanted(self, request), len(self.bodies)
        if key is None:
            return told
        thought = {"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": "c2VhbGVk"}
        asked = [(TOOL, {"key": key})] + ([("read", {"path": "a.py"})] if self.ways.beside else [])
        calls = [
            {"type": "function_call", "id": f"fc_{number}_{place}", "call_id": f"ask_{number}_{place}", "name": name, "status": "completed"}
            | {"arguments": json.dumps(arguments)}
            for place, (name, arguments) in enumerate(asked)
        ]
        return {**told, "output": [thought, *calls]}


def failing(asker: Any, plain: Endpoint) -> Callable[[Mapping[str, Any]], Refusal | None]:
    """The refusals of an endpoint, and where `fails` says so that of one that is out of order when it is told what it asked for."""

    def refusal(request: Mapping[str, Any]) -> Refusal | None:
        is_told = f'"{TOOL}"' in said(request)
        return Refusal("The server is out of order.", status=500) if asker.ways.fails and is_told else plain.refusal(request)

    return refusal


def said(request: Mapping[str, Any]) -> str:
    """What a request says, without its tools."""
    return json.dumps(request.get("messages") or request["input"])


def _wanted(asker: Any, request: Mapping[str, Any]) -> str | None:
    """The key that is asked for next."""
    text = said(request)
    keys, got = list(dict.fromkeys(KEY.findall(text))), text.count(f'"{TOOL}"')
    if TOOL not in json.dumps(request.get("tools")) or not keys or got >= asker.ways.wants:
        return None
    return "0" * 16 if asker.ways.wrong else keys[got % len(keys)]
