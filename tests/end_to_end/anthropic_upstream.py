"""A stand-in server on loopback that speaks Anthropic Messages and, for litellm's bridge, just enough of OpenAI Responses.

It refuses what Anthropic would refuse, and whatever is longer than its window; it remembers every body.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from anthropic_rules import anthropic_refusal

from token_guard.demo.openai_rules import count_prompt

__all__ = ["AnthropicUpstream", "strings_of", "tokens_of"]

REPLY = "Here is the answer of the stand-in model."


def strings_of(value: Any) -> Iterator[str]:
    """Every string in a JSON value, in order."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings_of(inner)


def tokens_of(request: Mapping[str, Any]) -> int:
    """Tokens of all strings of a prompt, in o200k_base."""
    prompt = [request.get(field) for field in ("system", "messages", "instructions", "input", "tools")]
    return count_prompt({"messages": [{"role": "user", "content": "\n".join(strings_of(prompt))}]})


class AnthropicUpstream:
    """Serves `/v1/messages` and `/v1/responses` with a context window of `window` tokens while its `with` block runs."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.requests: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """The base URL for Anthropic clients."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def refusal(self, request: Mapping[str, Any]) -> str | None:
        """Why the request is refused; None when it is answered."""
        prompt, reply = tokens_of(request), request.get("max_tokens") or 0
        if prompt + reply > self.window:
            return f"prompt is too long: {prompt + reply} tokens > {self.window} maximum"
        body = {key: value for key, value in request.items() if key != "stream"}
        return anthropic_refusal(body) if "messages" in request else None

    def __enter__(self) -> Self:
        """Start serving."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(upstream: AnthropicUpstream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            upstream.requests.append(request)
            refusal = upstream.refusal(request)
            if refusal:
                return self._send(400, {"type": "error", "error": {"type": "invalid_request_error", "message": refusal}})
            whole, events = (_message, _message_events) if "messages" in request else (_response, _response_events)
            return self._stream(events(request)) if request.get("stream") else self._send(200, whole(request))

        def _send(self, status: int, answer: Mapping[str, Any]) -> None:
            self._write(status, "application/json", json.dumps(answer).encode())

        def _stream(self, events: Iterator[dict[str, Any]]) -> None:
            lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
            self._write(200, "text/event-stream", "".join(lines).encode())

        def _write(self, status: int, content_type: str, payload: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
            """Say nothing."""

    return Handler


def _message(request: Mapping[str, Any]) -> dict[str, Any]:
    return {**_started(request), "content": [{"type": "text", "text": REPLY}], "stop_reason": "end_turn"}


def _started(request: Mapping[str, Any]) -> dict[str, Any]:
    usage = {"input_tokens": tokens_of(request), "output_tokens": 9}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": request["model"]}
    return {**head, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}


def _message_events(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"type": "message_start", "message": _started(request)}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for word in REPLY.split(" "):
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f"{word} "}}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 9}}
    yield {"type": "message_stop"}


def _response(request: Mapping[str, Any]) -> dict[str, Any]:
    text = {"type": "output_text", "text": REPLY, "annotations": []}
    item = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [text]}
    usage = {"input_tokens": tokens_of(request), "output_tokens": 9, "total_tokens": tokens_of(request) + 9}
    head = {"id": "resp_1", "object": "response", "created_at": 0, "status": "completed", "model": request["model"]}
    return {**head, "output": [item], "usage": usage, "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}


def _response_events(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    whole = _response(request)
    (item,) = whole["output"]
    place = {"item_id": item["id"], "output_index": 0}
    yield {"type": "response.created", "sequence_number": 0, "response": {**whole, "status": "in_progress", "output": []}}
    yield {"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": {**item, "content": []}}
    yield {"type": "response.output_text.delta", "sequence_number": 2, "content_index": 0, "delta": REPLY, **place}
    yield {"type": "response.output_item.done", "sequence_number": 3, "output_index": 0, "item": item}
    yield {"type": "response.completed", "sequence_number": 4, "response": whole}
