"""Claims of docs/security.md that no other test shows."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
from build import agent, say
from litellm.exceptions import ContextWindowExceededError
from litellm.types.utils import CallTypes

from token_guard import Guard, Settings, TokenCounter
from token_guard.errors import ContextOverflowError
from token_guard.proxy.plugin import TokenGuardCallback

ROOT: Final = Path(__file__).parent.parent
SECRET: Final = "quetzalcoatl-7731"
WINDOW: Final = 4_000


def session(owner: str, secret: str = SECRET) -> list[dict[str, Any]]:
    """A session of tools that is longer than the window, each message of which holds the secret."""
    return [{**message, "content": f"{message.get('content') or ''} {secret}"} for message in agent(30)]


def arguments(messages: Any, **more: Any) -> dict[str, Any]:
    return {
        "model": "openai/gpt-4o",
        "messages": messages,
        "model_info": {"id": "d-1", "max_input_tokens": WINDOW},
        "metadata": {"model_group": "main", "user_api_key_hash": "h", "token_guard": {}},
        "litellm_call_id": "call-1",
        "custom_llm_provider": "openai",
        **more,
    }


def sent(guard: TokenGuardCallback, kwargs: dict[str, Any]) -> dict[str, Any] | None:
    return asyncio.run(guard.async_pre_call_deployment_hook(kwargs, CallTypes.acompletion))


# -- content is kept nowhere ---------------------------------------------------------------------------------------------


def test_a_store_holds_no_content(tmp_path: Path) -> None:
    guard = TokenGuardCallback(Settings(store=f"sqlite:///{tmp_path}/store.db", max_overhead_ms=60_000))
    assert sent(guard, arguments(session("h"))) is not None
    sent(guard, arguments([say("user", SECRET)], litellm_call_id="call-2"))
    guard.store.flush()
    guard.store.close()
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"compactions" in written
    assert SECRET.encode() not in written


def test_no_error_line_or_header_holds_content(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    guard = TokenGuardCallback(Settings(store="memory:", max_overhead_ms=60_000))
    fitted, refused = (
        arguments(session("h")),
        arguments([say("system", f"{SECRET} " * 9_000), say("user", SECRET)], litellm_call_id="call-2"),
    )
    sent(guard, fitted)
    with pytest.raises(ContextWindowExceededError) as error:
        sent(guard, refused)
    unreadable = arguments([{"role": SECRET, "content": {SECRET: SECRET}}], litellm_call_id="call-3")
    sent(guard, unreadable)
    notes = json.dumps([kwargs["metadata"]["token_guard"] for kwargs in (fitted, refused, unreadable)])
    assert SECRET not in f"{error.value} {notes} {caplog.text}"
    assert "compacted" in notes


def test_an_overflow_quotes_nothing() -> None:
    with pytest.raises(ContextOverflowError) as error:
        Guard(Settings()).process({"model": "gpt-4o", "messages": [say("system", f"{SECRET} " * 900)]}, max_input_tokens=100)
    assert SECRET not in f"{error.value!r} {error.value} {error.value.__dict__}"


# -- nobody is asked on account of what messages say ---------------------------------------------------------------------


@contextmanager
def watched() -> Iterator[tuple[str, list[str]]]:
    """The URL of a server, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_POST = do_HEAD = do_GET  # noqa: N815 - the names are the standard library's

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def pointing(url: str) -> list[dict[str, Any]]:
    """Parts of the user's that lead elsewhere, in the forms of all chat formats."""
    return [
        {"type": "image_url", "image_url": {"url": f"{url}/1.png", "detail": "high"}},
        {"type": "image_url", "image_url": f"{url}/2.png"},
        {"type": "image", "source": {"type": "url", "url": f"{url}/3.png"}},
        {"type": "document", "source": {"type": "url", "url": f"{url}/4.pdf"}},
        {"type": "file", "file": {"file_data": f"{url}/5.pdf"}},
        {"type": "file", "file": {"file_id": f"{url}/6.pdf"}},
        {"type": "input_audio", "input_audio": {"data": f"{url}/7.mp3", "format": "mp3"}},
        {"type": "video_url", "video_url": {"url": f"{url}/8.mp4"}},
        {"type": "text", "text": f"See {url}/9 and file://{url}/10."},
    ]


def _looked_up(asked: list[str], host: Any, *_: Any, **__: Any) -> Any:
    asked.append(str(host))
    raise socket.gaierror(socket.EAI_NONAME, "no such host")


def schema(url: str) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": "f", "parameters": {"$ref": f"{url}/11.json", "$schema": f"{url}/12.json"}}}]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_no_url_in_a_request_is_asked_for(elsewhere: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with watched() as (here, asked):
        url = "http://pictures.example" if elsewhere else here
        monkeypatch.setattr(socket, "getaddrinfo", partial(_looked_up, asked))
        guard = TokenGuardCallback(Settings(store="memory:", max_overhead_ms=60_000))
        parts = pointing(url)
        messages = [*session("h"), say("user", parts)]  # type: ignore[arg-type]
        for number, some in enumerate(([say("user", parts)], messages)):  # type: ignore[arg-type]
            sent(guard, arguments(some, tools=schema(url), litellm_call_id=f"call-{number}"))
            usage = {"prompt_tokens": 900, "metadata": {"usage_object": {"prompt_tokens": 900}}}
            told = {"model": "gpt-4o", "messages": some, "call_type": "acompletion", "stream": True, "standard_logging_object": usage}
            event = {**told, "litellm_params": {"model_info": {"id": "d-1"}}, "optional_params": {"tools": schema(url)}}
            asyncio.run(guard.async_log_success_event(event, None, None, None))
        for api, field in (("anthropic.messages", "messages"), ("openai.responses", "input"), ("gemini.contents", "contents")):
            inner = [{"role": "user", "content": parts, "parts": [{"fileData": {"fileUri": f"{url}/13.png", "mimeType": "image/png"}}]}]
            Guard(Settings()).process({"model": "gpt-4o", field: inner, "tools": schema(url)}, api=api, max_input_tokens=6_000)
        TokenCounter("gpt-4o").count_tokens_messages([say("user", parts)])  # type: ignore[arg-type]
        assert asked == []


def test_no_address_in_a_request_is_asked_for_its_window() -> None:
    with watched() as (url, asked):
        guard = TokenGuardCallback(Settings(store="memory:"))
        body = {"extra_body": {"api_base": url}, "base_url": url, "litellm_params": {"api_base": url}, "extra_headers": {"host": url}}
        kwargs = arguments([say("user", "Hello")], api_base=url, **body)
        kwargs["model"], kwargs["model_info"] = "hosted_vllm/nobody-knows", {"id": "d-1", "original_model_id": "d-0"}
        sent(guard, kwargs)
        assert asked == []


# -- keys are apart ------------------------------------------------------------------------------------------------------


def test_what_one_key_sent_is_not_in_what_is_forwarded_of_another() -> None:
    guard = TokenGuardCallback(Settings(store="memory:", max_overhead_ms=60_000))
    question = [say("user", "What was the number of the first module again?")]
    mine, others = [*session("ann", "of Ann's"), *question], [*session("bob", SECRET), *question]
    alone = sent(TokenGuardCallback(Settings(store="memory:", max_overhead_ms=60_000)), arguments(mine))
    for number, messages in enumerate((others, mine)):
        kwargs = arguments(messages, litellm_call_id=f"call-{number}")
        kwargs["metadata"] = {**kwargs["metadata"], "user_api_key_hash": str(number), "session_id": "the same"}
        forwarded = sent(guard, kwargs)
    assert forwarded is not None
    assert alone is not None
    assert SECRET not in json.dumps(forwarded["messages"])
    assert forwarded["messages"] == alone["messages"]


# -- the pages that name tests -------------------------------------------------------------------------------------------
