"""`token-guard demo`: one long conversation through two real LiteLLM proxies, without the guard and with it.

Everything runs on loopback against a stand-in upstream: no key, no network. Nothing is left behind when it ends.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any

import openai
import yaml
from rich.console import Console
from rich.table import Table

from token_guard.demo.conversation import conversation
from token_guard.demo.openai_rules import count_prompt
from token_guard.demo.proxy import Proxy, ProxyFailedError, proxy_is_installed
from token_guard.demo.upstream import Upstream

__all__ = ["Exchange", "run_demo"]

WINDOW = 16_000
"""Tokens that the stand-in upstream takes: what config.example.yaml says of it."""
CALLBACK = "token_guard.callback"
HEADER = "x-token-guard-"
WRONG_USAGE, INTERRUPTED = 2, 130

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request of the demo and what came of it; tokens as the stand-in upstream counts them."""

    guarded: bool
    stream: bool
    sent_tokens: int
    received_tokens: int
    status: int
    answer: str
    headers: Mapping[str, str]
    seconds: float


def run_demo(console: Console) -> int:
    """Run the demo and print its tables; the exit status: 0, or 1 when the guard did not do its work."""
    if not proxy_is_installed():
        console.print("The demo needs LiteLLM's proxy: pip install 'token-guard[proxy]'", markup=False, soft_wrap=True)
        return WRONG_USAGE
    try:
        with _interruptible():
            exchanges = list(_exchanges(console))
    except KeyboardInterrupt:
        console.print("Interrupted; both proxies are stopped.")
        return INTERRUPTED
    except ProxyFailedError as error:
        console.print(f"The proxy did not start:\n{error}", markup=False)
        return 1
    console.print(_requests_table(exchanges), _headers_table(next(exchange for exchange in exchanges if exchange.guarded)))
    return 0 if all((exchange.status == HTTPStatus.OK) == exchange.guarded for exchange in exchanges) else 1


def _exchanges(console: Console) -> Iterator[Exchange]:
    with (
        Upstream(WINDOW) as upstream,
        Proxy(_config(upstream, guarded=False)) as bare,
        Proxy(_config(upstream, guarded=True)) as guarded,
    ):
        console.print(f"Starting two LiteLLM proxies in front of a stand-in model with a window of {WINDOW:,} tokens ...")
        for proxy in (bare, guarded):
            proxy.wait()
            for stream in (False, True):
                yield _exchange(upstream, proxy, guarded=proxy is guarded, stream=stream)


def _config(upstream: Upstream, *, guarded: bool) -> Body:
    """The example config, with the upstream's address; without the guard, its one line is taken out."""
    config: Body = yaml.safe_load(_example_config())
    for deployment in config["model_list"]:
        deployment["litellm_params"]["api_base"] = upstream.url
    if not guarded:
        config["litellm_settings"]["callbacks"].remove(CALLBACK)
    return config


def _example_config() -> str:
    package = files("token_guard")
    shipped = package / "config.example.yaml"
    # An editable install has the file where it is edited, beside the package.
    return (shipped if shipped.is_file() else Path(str(package)).parent / "config.example.yaml").read_text(encoding="utf-8")


def _exchange(upstream: Upstream, proxy: Proxy, *, guarded: bool, stream: bool) -> Exchange:
    request = {"model": "demo", "messages": conversation(), "stream": stream}
    start = time.perf_counter()
    status, answer, headers = _ask(proxy, request)
    seconds = time.perf_counter() - start
    return Exchange(guarded, stream, count_prompt(request), count_prompt(upstream.requests[-1]), status, answer, headers, seconds)


def _ask(proxy: Proxy, request: Body) -> tuple[int, str, Mapping[str, str]]:
    # No retries and no proxy of the environment: what is shown is one request on loopback.
    client = openai.OpenAI(base_url=proxy.url, api_key=proxy.key, max_retries=0, http_client=openai.DefaultHttpxClient(trust_env=False))
    try:
        response = client.chat.completions.with_raw_response.create(**request)
    except openai.APIStatusError as error:
        return error.status_code, _words(error), error.response.headers
    answer = response.parse()
    text = "".join(_deltas(answer)) if request["stream"] else answer.choices[0].message.content or ""
    return response.status_code, text, response.headers


def _words(error: openai.APIStatusError) -> str:
    """The upstream's own words: litellm puts its class names before them, and advice on lines of its own below."""
    message = str(error.body.get("message")) if isinstance(error.body, dict) else str(error)
    return message.split("\n", 1)[0].rpartition("OpenAIException - ")[2]


def _deltas(chunks: Any) -> Iterator[str]:
    for chunk in chunks:
        for choice in chunk.choices:
            yield choice.delta.content or ""


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let a plain `kill` and a closed terminal unwind as Ctrl-C does, so that the proxies are stopped."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    previous = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _requests_table(exchanges: Sequence[Exchange]) -> Table:
    table = Table(title="One conversation, four requests", caption="tokens as the model counts them", show_lines=True)
    for column in ("guard", "stream", "sent", "received", "status", "seconds"):
        table.add_column(column, no_wrap=True)
    table.add_column("answer")
    for exchange in exchanges:
        switches = ("on" if exchange.guarded else "off", "yes" if exchange.stream else "no")
        tokens = (f"{exchange.sent_tokens:,}", f"{exchange.received_tokens:,}")
        table.add_row(*switches, *tokens, str(exchange.status), f"{exchange.seconds:.2f}", exchange.answer)
    return table


def _headers_table(exchange: Exchange) -> Table:
    table = Table(title="What the guard says of the first request that it saw", show_lines=False)
    table.add_column("response header", no_wrap=True)
    table.add_column("value", overflow="fold")
    for name, value in sorted(exchange.headers.items()):
        if name.startswith(HEADER):
            table.add_row(name, value.replace(", ", "\n"))
    return table
