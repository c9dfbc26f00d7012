"""Model servers on loopback, as the real ones answer, and as broken ones do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[BaseHTTPRequestHandler], None]

VLLM = {
    "object": "list",
    "data": [
        {"id": "acme/house-model", "object": "model", "owned_by": "vllm", "root": "acme/house-model", "max_model_len": 16_384},
        {"id": "acme/other", "object": "model", "owned_by": "vllm", "root": "acme/other", "max_model_len": 4_096},
    ],
}
OPENROUTER = {
    "data": [
        {
            "id": "acme/house-model",
            "context_length": 131_072,
            "top_provider": {"context_length": 65_536, "max_completion_tokens": 8_192, "is_moderated": False},
        },
        {"id": "acme/other", "context_length": 200_000, "top_provider": {"context_length": None, "max_completion_tokens": None}},
    ]
}
GROQ = {"data": [{"id": "acme/house-model", "context_window": 131_072, "max_completion_tokens": 32_768}, {"id": "whisper"}]}
TOGETHER = [{"id": "acme/house-model", "context_length": 32_768}, {"id": "acme/other", "context_length": 8_192}]
LM_STUDIO = {
    "data": [
        {"id": "acme/house-model", "type": "llm", "state": "loaded", "max_context_length": 131_072, "loaded_context_length": 8_192},
        {"id": "acme/other", "type": "llm", "state": "not-loaded", "max_context_length": 32_768},
    ]
}
LLAMA_CPP = {"default_generation_settings": {"n_ctx": 12_288, "temperature": 0.8}, "total_slots": 4, "model_path": "house.gguf"}
OLLAMA = {"parameters": 'stop  "<|end|>"\nnum_ctx                        24576', "model_info": {"acme.context_length": 131_072}}
OLLAMA_PLAIN = {"model_info": {"general.architecture": "acme", "acme.context_length": 40_960, "acme.embedding_length": 4_096}}
TGI = {"model_id": "acme/house-model", "max_input_tokens": 3_072, "max_total_tokens": 4_096, "version": "3.3.4"}
IDS_ONLY = {"object": "list", "data": [{"id": "acme/house-model", "object": "model"}, {"id": "acme/other", "object": "model"}]}


@dataclass
class Running:
    """A server at work: where it is, and what it was asked."""

    root: str
    asked: list[tuple[str, Mapping[str, str], Any]] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left early is what these servers are for."""


@contextmanager
def serving(routes: Mapping[str, Any]) -> Iterator[Running]:
    """A server that answers `METHOD /path` with JSON or as a function does, and anything else with 404."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def _answer(self, body: Any) -> None:
            question = f"{self.command} {self.path}"
            running.asked.append((question, {name.lower(): value for name, value in self.headers.items()}, body))
            answer = routes.get(question)
            try:
                if callable(answer):
                    answer(self)
                else:
                    send(self, 404 if answer is None else 200, json.dumps(answer or {"error": "unknown path"}).encode())
            except OSError:
                self.close_connection = True  # the client has had enough

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    running = Running(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(request: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    request.send_response(status)
    for name, value in {"content-type": "application/json", "content-length": str(len(body)), **headers}.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


def with_etag(tag: str, content: Any) -> Reply:
    """The content once, then 304 to whoever shows its tag."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.headers.get("if-none-match") == tag:
            send(request, 304, etag=tag)
        else:
            send(request, 200, json.dumps(content).encode(), etag=tag)

    return answer


def status(code: int, **headers: str) -> Reply:
    return lambda request: send(request, code, b"{}", **headers)


def raw(body: bytes, **headers: str) -> Reply:
    return lambda request: send(request, 200, body, **headers)


def silent(released: threading.Event) -> Reply:
    """Accept the question and say nothing until released."""
    return lambda _request: released.wait(30) and None


def dripping(released: threading.Event) -> Reply:
    """A header that never ends, a byte at a time: no single read takes long."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
        while not released.wait(0.02):
            request.wfile.write(b"a")
            request.wfile.flush()

    return answer


def endless(request: BaseHTTPRequestHandler) -> None:
    """JSON without an end."""
    request.send_response(200)
    request.end_headers()
    request.wfile.write(b'{"data": [')
    while True:
        request.wfile.write(b'{"id": "acme/house-model", "max_model_len": 16384}, ' * 1_000)
