"""The tool for originals: where it is offered, and what a call of it is answered with."""

from __future__ import annotations

from typing import Any

import pytest
from build import agent
from cryptography.fernet import Fernet

from token_guard import Guard
from token_guard.counting import TokenCounter
from token_guard.formats.retrieval import NAME, keys_in, offers
from token_guard.limits import Deployment
from token_guard.proxy.attempt import open_attempt
from token_guard.proxy.retrieval import Retrieval
from token_guard.sessions.originals import part_of
from token_guard.settings import Settings
from token_guard.stores import MemoryStore

TOOLS = [{"type": "function", "function": {"name": "read"}}]
COUNTER = TokenCounter("gpt-4o")


@pytest.fixture(scope="module")
def retrieval() -> Retrieval:
    settings = Settings(retrieval={"enabled": True}, encryption_key=Fernet.generate_key().decode())
    made = Retrieval.if_wanted(settings, MemoryStore(), print)
    assert made
    return made


@pytest.mark.parametrize(
    ("api", "request_", "offered"),
    [
        ("openai.chat", {"model": "openai/gpt-4o"}, True),
        ("openai.chat", {"model": "openai/gpt-4o", "stream": True}, False),
        ("openai.chat", {"model": "openai/gpt-4o", "n": 2}, False),
        ("openai.chat", {"model": "openai/gpt-4o", "tools": []}, False),
        ("openai.chat", {"model": "openai/gpt-4o", "tools": None}, False),
        ("anthropic.messages", {"model": "anthropic/claude-sonnet-4-5", "stream": True}, True),
        ("anthropic.messages", {"model": "claude-sonnet-4-5", "custom_llm_provider": "anthropic"}, True),
        ("anthropic.messages", {"model": "openai/gpt-4o"}, False),
        ("openai.responses", {"model": "openai/gpt-4o"}, True),
        ("openai.responses", {"model": "anthropic/claude-sonnet-4-5"}, True),
        ("openai.responses", {"model": "openai/gpt-4o", "stream": True}, False),
        ("openai.responses", {"model": "openai/gpt-4o", "background": True}, False),
        ("openai.responses", {"model": "openai/gpt-4o", "previous_response_id": "resp_1"}, False),
        ("openai.responses", {"model": "openai/gpt-4o", "conversation": "conv_1"}, False),
        ("openai.responses", {"model": "openai/gpt-4o", "tools": [*TOOLS, {"type": "mcp", "server_url": "litellm_proxy"}]}, False),
        ("openai.responses", {"model": "openai/gpt-4o", "tools": [*TOOLS, {"type": "web_search"}]}, True),
        ("openai.completions", {"model": "openai/gpt-4o"}, False),
    ],
)
def test_the_tool_is_offered_where_its_calls_can_be_answered(
    retrieval: Retrieval, api: str, request_: dict[str, Any], offered: bool
) -> None:
    attempt = open_attempt({"tools": TOOLS, **request_}, api=api)
    after = retrieval.offered(attempt)
    assert offers(after.request.get("tools")) is offered
    assert (after is attempt) is not offered
    assert retrieval.offered(after) is after
    assert retrieval.offered(open_attempt(attempt.request, api=api, mode="observe")).request == attempt.request


def test_without_a_key_it_stays_off_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    assert Retrieval.if_wanted(Settings(retrieval={"enabled": True}), MemoryStore(), print) is None
    assert "TOKEN_GUARD_ENCRYPTION_KEY" in caplog.text
    assert Retrieval.if_wanted(Settings(), MemoryStore(), print) is None


def test_a_long_original_comes_in_parts_that_say_where_to_go_on() -> None:
    text = "\n".join(f"line {number} of the file" for number in range(1, 501))
    first = part_of(text, 1, 300, COUNTER)
    last = int(first.rpartition("from_line ")[2].split()[0])
    assert COUNTER.count_tokens(first) < 350
    second = part_of(text, last, 100_000, COUNTER)
    assert first.rpartition("\n")[0] + "\n" + second == text
    assert part_of(text, 501, 300, COUNTER) == "The original has 500 lines; line 501 is behind its end."
    assert 0 < COUNTER.count_tokens(part_of("word " * 5_000, 1, 300, COUNTER)) <= 300


@pytest.mark.parametrize("strategy", ["adaptive", "summarization", "hybrid"])
def test_what_stands_for_an_original_names_its_key_only_where_the_tool_is_offered(strategy: str) -> None:
    guard = Guard(Settings(strategy=strategy))
    request = {"model": "gpt-4o", "messages": agent(40)}
    deployment = Deployment(id="d", model_info={"max_input_tokens": 8_000})
    keyed, plain = (one.process(request, api="openai.chat", deployment=deployment) for one in (guard.keyed, guard))
    assert keys_in("openai.chat", keyed.request)
    assert not keys_in("openai.chat", plain.request)
    assert NAME not in str(plain.request)
    assert guard.keyed.process(request, api="openai.chat", deployment=deployment).request["messages"] == keyed.request["messages"]
