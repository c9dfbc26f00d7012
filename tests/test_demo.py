"""The demo as a user runs it, and the stand-in upstream that judges it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from rich.console import Console

import token_guard.demo
from token_guard.demo import run_demo
from token_guard.demo.conversation import conversation
from token_guard.demo.openai_rules import ContextWindow, count_prompt, shape_refusal
from token_guard.demo.upstream import Upstream

RUN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from rich.console import Console; from token_guard.demo import run_demo; raise SystemExit(run_demo(Console(width=160)))"
)
"""Programs of a shell's background are started with interrupts switched off, and these tests may run there."""
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ASSISTANT = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "1"}
USER = {"role": "user", "content": "Hello"}


@contextmanager
def running_demo() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    if listed.exists():  # slim Linux images have no ps
        return [int(child) for child in listed.read_text().split()]
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [int(child) for child, parent in (line.split() for line in table.splitlines()) if int(parent) == pid]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def proxies_of(process: subprocess.Popen[str]) -> list[int]:
    """The two proxies of a running demo, as soon as they are there."""
    deadline = time.monotonic() + 30
    while len(found := children(process.pid)) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_the_demo_shows_the_refused_and_the_answered_request_and_leaves_nothing_behind():
    with running_demo() as demo:
        proxies = proxies_of(demo)
        output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 0, output
    assert "maximum context length is 16000 tokens" in output
    assert output.count("answer of the stand-in model") == 2
    assert "summarize;removed=" in output
    assert "x-token-guard-tokens-after" in output
    assert are_gone(proxies)


def are_gone(processes):
    """Whether all have ended: an ended one is listed until init has taken note of it."""
    deadline = time.monotonic() + 10
    while any(map(is_alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(is_alive, processes))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_demo_leaves_no_process_behind(number):
    with running_demo() as demo:
        proxies = proxies_of(demo)
        demo.send_signal(number)
        output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert "Interrupted" in output
    assert "Traceback" not in output
    assert are_gone(proxies)


def test_without_the_proxy_the_demo_says_in_one_line_what_to_install(monkeypatch):
    monkeypatch.setattr(token_guard.demo, "proxy_is_installed", lambda: False)
    console = Console(file=io.StringIO(), width=40)
    assert run_demo(console) == 2
    assert console.file.getvalue() == "The demo needs LiteLLM's proxy: pip install 'token-guard[proxy]'\n"


def test_the_made_up_conversation_is_long_valid_and_always_the_same():
    request = {"messages": conversation()}
    assert 55_000 < count_prompt(request) < 70_000
    assert shape_refusal(request) is None
    assert conversation() == conversation()


@pytest.mark.parametrize(
    "messages",
    [
        [USER, ASSISTANT, RESULT, USER],
        [USER, {"role": "assistant", "content": "Hi"}],
        [{"role": "developer", "content": [{"type": "text", "text": "x"}]}, USER],
    ],
)
def test_the_upstream_takes_what_openai_takes(messages):
    assert shape_refusal({"messages": messages}) is None


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "minimum length 1"),
        (["text"], "expected an object"),
        ([{"role": "", "content": "x"}], "Supported values are"),
        ([{"role": "user", "content": None}], "expected a string, got null"),
        ([USER, RESULT], "must be a response to a preceeding message"),
        ([USER, ASSISTANT, USER], "did not have response messages: c1"),
        ([USER, ASSISTANT], "did not have response messages: c1"),
        ([USER, ASSISTANT, RESULT, USER, RESULT], "must be a response to a preceeding message"),
        ([USER, {**ASSISTANT, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "{"}}]}, RESULT], "valid JSON"),
    ],
)
def test_the_upstream_refuses_what_openai_refuses(messages, words):
    refusal = shape_refusal({"messages": messages})
    assert refusal is not None
    assert words in refusal.message


def test_the_window_holds_prompt_and_reply():
    prompt = count_prompt({"messages": [USER]})
    assert ContextWindow(prompt + 10)({"messages": [USER], "max_tokens": 10}) is None
    refusal = ContextWindow(prompt + 9)({"messages": [USER], "max_tokens": 10})
    assert refusal is not None
    assert refusal.code == "context_length_exceeded"
    assert f"({prompt} in the messages, 10 in the completion)" in refusal.message


def test_the_upstream_answers_streams_and_remembers_raw_bodies():
    body = json.dumps({"model": "m", "messages": [USER], "stream": True, "stream_options": {"include_usage": True}})
    with Upstream(1_000) as upstream:
        answer = httpx.post(f"{upstream.url}/chat/completions", content=body)
        models = httpx.get(f"{upstream.url}/models").json()
    assert answer.text.endswith("data: [DONE]\n\n")
    assert '"prompt_tokens": ' in answer.text
    assert upstream.bodies == [body.encode()]
    assert models["data"][0]["object"] == "model"
