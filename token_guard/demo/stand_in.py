"""A server on loopback that stands in for a provider: remembers every body, refuses what its rules refuse, answers the rest."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, TypeAlias

from token_guard.demo.openai_rules import Refusal

__all__ = ["REPLY", "Endpoint", "StandIn"]

Request: TypeAlias = Mapping[str, Any]

REPLY = "Here is the answer of the stand-in model."


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of a provider: what refuses a request, the answer to one that passes, and the events of its stream."""

    refusal: Callable[[Request], Refusal | None]
    answer: Callable[[Request], Mapping[str, Any]]
    events: Callable[[Request], Iterator[Mapping[str, Any] | str]]


class StandIn:
    """Serves endpoints, by the ends of their paths, while its `with` block runs.

    `bodies` are the raw requests in the order of their arrival, refused ones included; `refusals` is what answered those.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self.bodies: list[bytes] = []
        self.refusals: list[Refusal] = []
        self._endpoints = endpoints
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def root(self) -> str:
        """The server's URL without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The base URL for OpenAI clients."""
        return f"{self.root}/v1"

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The remembered bodies, decoded."""
        return [json.loads(body) for body in self.bodies]

    def endpoint(self, path: str) -> Endpoint | None:
        """The endpoint that a path leads to; None when there is none."""
        place = path.partition("?")[0]
        return next((endpoint for end, endpoint in self._endpoints.items() if place.endswith(end)), None)

    def __enter__(self) -> Self:
        """Start serving."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keep-alive, as a provider does
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._send(200, {"object": "list", "data": [{"id": "stand-in", "object": "model", "owned_by": "token_guard"}]})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            endpoint = stand_in.endpoint(self.path)
            if endpoint is None:
                return self._send(404, Refusal(f"Unknown request URL: POST {self.path}").body)
            stand_in.bodies.append(body)
            request = json.loads(body)
            refusal = endpoint.refusal(request)
            if refusal:
                stand_in.refusals.append(refusal)
                return self._send(refusal.status, refusal.body)
            return self._stream(endpoint.events(request)) if request.get("stream") else self._send(200, endpoint.answer(request))

        def _send(self, status: int, answer: Mapping[str, Any]) -> None:
            payload = json.dumps(answer).encode()
            self._start(status, "application/json", ("Content-Length", str(len(payload))))
            self.wfile.write(payload)

        def _stream(self, events: Iterator[Mapping[str, Any] | str]) -> None:
            self._start(200, "text/event-stream", ("Transfer-Encoding", "chunked"))
            for data in map(_frame, events):
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


def _frame(event: Mapping[str, Any] | str) -> bytes:
    """An event as server-sent bytes; one that has a type is named by it, as Anthropic and Responses do."""
    if isinstance(event, str):
        return f"data: {event}\n\n".encode()
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()
