"""A stand-in OpenAI-compatible server on loopback: refuses what OpenAI would refuse, answers the rest, and remembers every body."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, TypeAlias

from token_guard.demo.openai_rules import ContextWindow, Refusal, count_prompt, openai_refusal

__all__ = ["Check", "Upstream"]

Check: TypeAlias = Callable[[Mapping[str, Any]], Refusal | None]

REPLY = "Here is the answer of the stand-in model."


class Upstream:
    """Serves `/v1/chat/completions` and `/v1/models` with a context window of `window` tokens while its `with` block runs.

    `check` runs before OpenAI's own rules and may refuse a request for reasons of its own. `bodies` are the raw
    requests in the order of their arrival, refused ones included.
    """

    def __init__(self, window: int, *, check: Check = lambda _request: None) -> None:
        self.window = ContextWindow(window)
        self.check = check
        self.bodies: list[bytes] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """The base URL for OpenAI clients."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The remembered bodies, decoded."""
        return [json.loads(body) for body in self.bodies]

    def refusal(self, body: bytes) -> Refusal | None:
        """Remember the request; the error that answers it, or None when it is answered."""
        self.bodies.append(body)
        request = json.loads(body)
        return self.check(request) or openai_refusal(request, self.window)

    def __enter__(self) -> Self:
        """Start serving."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(upstream: Upstream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keep-alive, as a provider does
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._send(200, {"object": "list", "data": [{"id": "stand-in", "object": "model", "owned_by": "token_guard"}]})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            refusal = upstream.refusal(body)
            if refusal:
                return self._send(refusal.status, refusal.body)
            request = json.loads(body)
            return self._stream(request) if request.get("stream") else self._send(200, _completion(request))

        def _send(self, status: int, answer: Mapping[str, Any]) -> None:
            payload = json.dumps(answer).encode()
            self._start(status, "application/json", ("Content-Length", str(len(payload))))
            self.wfile.write(payload)

        def _stream(self, request: Mapping[str, Any]) -> None:
            self._start(200, "text/event-stream", ("Transfer-Encoding", "chunked"))
            for event in (*(json.dumps(chunk) for chunk in _chunks(request)), "[DONE]"):
                data = f"data: {event}\n\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.write(b"0\r\n\r\n")

        def _start(self, status: int, content_type: str, length: tuple[str, str]) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header(*length)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
            """Say nothing: the demo's terminal is not a server's log."""

    return Handler


def _completion(request: Mapping[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": REPLY}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**_head(request, "chat.completion"), "choices": [choice], "usage": _usage(request)}


def _chunks(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    head = _head(request, "chat.completion.chunk")
    for word in REPLY.split(" "):
        yield {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": f"{word} "}, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    if (request.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": _usage(request)}


def _head(request: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-stand-in", "object": kind, "created": 0, "model": request.get("model")}


def _usage(request: Mapping[str, Any]) -> dict[str, int]:
    prompt, reply = count_prompt(request), len(REPLY.split(" "))
    return {"prompt_tokens": prompt, "completion_tokens": reply, "total_tokens": prompt + reply}
