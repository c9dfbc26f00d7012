"""The guard's log lines come out of a real proxy as LiteLLM's own do, in every way that it logs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from token_guard import __version__
from token_guard.demo.conversation import conversation
from token_guard.demo.proxy import Proxy
from token_guard.demo.upstream import Upstream

WAYS: Mapping[str, tuple[dict[str, str], dict[str, Any]]] = {
    "by default": ({}, {}),
    "at INFO": ({"LITELLM_LOG": "INFO"}, {}),
    "at DEBUG": ({"LITELLM_LOG": "DEBUG"}, {}),
    "in JSON": ({"LITELLM_LOG": "INFO"}, {"json_logs": True}),
}
"""Environment and litellm_settings."""

PLAIN = re.compile(r"^\d\d:\d\d:\d\d - token_guard:(INFO|WARNING): \w+\.py:\d+ - (.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def outputs() -> Iterator[dict[str, str]]:
    """What each proxy wrote of one compacted request, and of one with a mode that is none."""
    with ExitStack() as stack:
        upstream = stack.enter_context(Upstream(16_000))
        proxies = {name: stack.enter_context(Proxy(_config(upstream, more), environment=env)) for name, (env, more) in WAYS.items()}
        for proxy in proxies.values():
            proxy.wait()
            for mode in ("enforce", "loud"):
                headers = {"Authorization": f"Bearer {proxy.key}", "x-token-guard-mode": mode}
                body = {"model": "m", "messages": conversation()}
                answer = httpx.post(f"{proxy.url}/chat/completions", json=body, headers=headers, timeout=60, trust_env=False)
                assert answer.headers["x-token-guard-action"] == "compacted"
        yield {name: proxy.output for name, proxy in proxies.items()}


def _config(upstream: Upstream, more: Mapping[str, Any]) -> dict[str, Any]:
    deployment = {
        "model_name": "m",
        "litellm_params": {"model": "openai/gpt-4o", "api_base": upstream.url, "api_key": "none"},
        "model_info": {"id": "m", "max_input_tokens": 16_000},
    }
    return {
        "model_list": [deployment],
        "litellm_settings": {"callbacks": ["token_guard.callback"], **more},
        "callback_settings": {"token_guard": {"client_overrides": ["mode"]}},
    }


def lines(output: str, way: str) -> list[tuple[str, str]]:
    """Level and message of each line of the guard's."""
    if way != "in JSON":
        return [match.groups() for match in PLAIN.finditer(output)]
    found = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert all(line["timestamp"] for line in found)
    return [(line["level"], line["message"]) for line in found if line["component"] == "token_guard"]


@pytest.mark.parametrize("way", WAYS)
def test_one_line_at_start_says_that_the_guard_is_on(outputs: dict[str, str], way: str) -> None:
    starts = [message for level, message in lines(outputs[way], way) if " is on, mode " in message]
    assert len(starts) == 1
    assert re.fullmatch(rf"token_guard {re.escape(__version__)} is on, mode enforce, litellm \d+\.\d+\.\d+\S*", starts[0])


@pytest.mark.parametrize("way", WAYS)
def test_a_compaction_is_one_line_where_litellm_logs_at_info(outputs: dict[str, str], way: str) -> None:
    told = [level for level, message in lines(outputs[way], way) if message.startswith("compacted openai/gpt-4o: ")]
    assert told == ([] if way == "by default" else ["INFO", "INFO"])


@pytest.mark.parametrize("way", WAYS)
def test_a_warning_carries_time_and_logger(outputs: dict[str, str], way: str) -> None:
    told = [level for level, message in lines(outputs[way], way) if "is no mode" in message]
    assert told == ["WARNING"]
    assert sum("a client's x-token-guard-mode" in line for line in outputs[way].splitlines()) == 1  # and no bare line beside it
