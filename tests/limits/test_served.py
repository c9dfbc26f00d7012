"""A deployment's own parameters, and the requests that it gets."""

from __future__ import annotations

from typing import Any

import pytest

from token_guard.limits import LimitChain, Served

HEADERS = {"anthropic-beta": "context-1m-2025-08-07"}


def entry(model: str, **params: Any) -> dict[str, Any]:
    return {"model_name": "m", "litellm_params": {"model": model, **params}, "model_info": {"id": "m-1"}}


def test_an_entry_is_read_once_for_all_who_ask() -> None:
    served = Served.read(entry("ollama/qwen3", api_base="http://127.0.0.1:1", api_key="secret"), group="alias")
    assert (served.model, served.deployment.id, served.deployment.group) == ("ollama/qwen3", "m-1", "alias")
    assert (served.deployment.api_base, served.deployment.api_key) == ("http://127.0.0.1:1", "secret")
    assert "secret" not in repr(served)


@pytest.mark.parametrize("odd", [{}, {"litellm_params": None}, {"model_name": None, "model_info": 3}, {"litellm_params": {"model": None}}])
def test_odd_entries_are_read_as_well(odd: Any) -> None:
    assert isinstance(Served.read({"model_name": "m", **odd}), Served)


def test_the_clients_fields_stand_above_the_parameters_and_its_tools_behind_theirs() -> None:
    served = Served.read(entry("gpt-4o", max_tokens=500, temperature=None, tools=[{"name": "a"}]))
    got = served.received({"model": "m", "max_tokens": 9, "tools": [{"name": "b"}]})
    assert got == {"model": "gpt-4o", "max_tokens": 9, "tools": [{"name": "a"}, {"name": "b"}]}
    assert served.received({"messages": []})["tools"] == [{"name": "a"}]


@pytest.mark.parametrize(
    ("listed", "window"),
    [
        (entry("ollama_chat/qwen3", num_ctx=12_288), 12_288),
        (entry("ollama_chat/qwen3", options={"num_ctx": 12_288}), 12_288),
        (entry("ollama_chat/qwen3", extra_body={"options": {"num_ctx": 12_288}}), 12_288),
        (entry("qwen3", custom_llm_provider="ollama_chat", num_ctx=12_288), 12_288),
        (entry("anthropic/claude-sonnet-4-5", extra_headers=HEADERS), 1_000_000),
        (entry("anthropic/claude-sonnet-4-5"), 200_000),
    ],
)
def test_windows_that_its_parameters_name_hold(listed: Any, window: int) -> None:
    served, chain = Served.read(listed), LimitChain(environ={})
    assert served.limit(chain).max_input_tokens == served.shown_limit(chain).max_input_tokens == window


def test_a_window_that_the_request_names_holds_for_that_request() -> None:
    served, chain = Served.read(entry("ollama_chat/qwen3", num_ctx=12_288)), LimitChain(environ={})
    assert served.limit(chain, {"num_ctx": 4_096}).max_input_tokens == 4_096
    assert served.limit(chain).max_input_tokens == 12_288
