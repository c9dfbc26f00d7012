"""A stand-in server on loopback for `/v1/responses` and `/v1/completions`: refuses what is too long or breaks a rule of
Responses, answers the rest, and remembers every body."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from responses_rules import complaints, count_input

from token_guard.demo.openai_rules import ContextWindow, Refusal, count_prompt

__all__ = ["REPLY", "ResponsesUpstream", "size_of"]

REPLY = "Here is the answer of the stand-in model."


def size_of(request: Mapping[str, Any]) -> int:
    """Tokens of the prompt of either kind of request."""
    if "prompt" in request:
        return count_prompt({"messages": [{"role": "", "content": request["prompt"]}]})
    return count_input(request)


class ResponsesUpstream:
    """Serves with a context window of `window` tokens while its `with` block runs."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.requests: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """The base URL for OpenAI clients."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def refusal(self, request: Mapping[str, Any]) -> Refusal | None:
        """The error that answers a request; None when it is answered."""
        items = request.get("input")
        broken = complaints(items) if isinstance(items, list) else []
        if broken:
            return Refusal(broken[0], param="input")
        too_long = size_of(request) > self.window
        return ContextWindow(self.window)({"messages": [], "max_tokens": size_of(request)}) if too_long else None

    def __enter__(self) -> Self:
        """Start serving."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(upstream: ResponsesUpstream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            upstream.requests.append(request)
            refusal = upstream.refusal(request)
            if refusal:
                return self._write(refusal.status, "application/json", json.dumps(refusal.body))
            whole, events = (_completion, _completion_events) if "prompt" in request else (_response, _response_events)
            if request.get("stream"):
                return self._write(200, "text/event-stream", "".join(f"data: {event}\n\n" for event in events(request)))
            return self._write(200, "application/json", json.dumps(whole(request)))

        def _write(self, status: int, content_type: str, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
            """Say nothing."""

    return Handler


def _response(request: Mapping[str, Any]) -> dict[str, Any]:
    text = {"type": "output_text", "text": REPLY, "annotations": []}
    item = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [text]}
    usage = {"input_tokens": size_of(request), "output_tokens": 9, "total_tokens": size_of(request) + 9}
    head = {"id": "resp_1", "object": "response", "created_at": 0, "status": "completed", "model": request["model"]}
    return {**head, "output": [item], "usage": usage, "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}


def _response_events(request: Mapping[str, Any]) -> Iterator[str]:
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
    yield from (json.dumps({**event, "sequence_number": number}) for number, event in enumerate(events))


def _completion(request: Mapping[str, Any]) -> dict[str, Any]:
    usage = {"prompt_tokens": size_of(request), "completion_tokens": 9, "total_tokens": size_of(request) + 9}
    return {**_chunk(request, REPLY, "stop"), "usage": usage}


def _completion_events(request: Mapping[str, Any]) -> Iterator[str]:
    yield json.dumps(_chunk(request, REPLY, None))
    yield json.dumps(_chunk(request, "", "stop"))
    yield "[DONE]"


def _chunk(request: Mapping[str, Any], text: str, finish: str | None) -> dict[str, Any]:
    choice = {"index": 0, "text": text, "finish_reason": finish, "logprobs": None}
    return {"id": "cmpl-1", "object": "text_completion", "created": 0, "model": request["model"], "choices": [choice]}
