"""An attempt as a value, opened from what LiteLLM hands to a hook."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from token_guard.limits import LimitChain
from token_guard.proxy.attempt import Attempt, open_attempt, open_note


def arguments(**more: Any) -> dict[str, Any]:
    return {
        "model": "ollama/qwen3",
        "custom_llm_provider": "ollama",
        "api_base": "http://127.0.0.1:1",
        "api_key": "secret",
        "model_info": {"id": "d-1", "max_input_tokens": 16_000},
        "metadata": {"model_group": "main", "attempted_retries": 0, "token_guard": {}},
        "num_ctx": 8_192,
        "extra_headers": {"anthropic-beta": "context-1m"},
        "litellm_call_id": "call-1",
        **more,
    }


def test_it_holds_all_that_is_asked_of_the_arguments() -> None:
    attempt = open_attempt(arguments(), api="openai.chat", mode="observe")
    assert (attempt.api, attempt.mode, attempt.model, attempt.provider) == ("openai.chat", "observe", "ollama/qwen3", "ollama")
    assert (attempt.deployment.id, attempt.deployment.group, attempt.deployment.api_base) == ("d-1", "main", "http://127.0.0.1:1")
    assert attempt.limit(LimitChain(environ={})).max_input_tokens == 8_192


def test_it_is_frozen_and_shows_no_key_and_no_content() -> None:
    attempt = open_attempt(arguments(messages=[{"role": "user", "content": "private"}]))
    with pytest.raises(dataclasses.FrozenInstanceError):
        attempt.model = "other"  # type: ignore[misc]
    assert "secret" not in repr(attempt)
    assert "private" not in repr(attempt)


def test_it_begins_once_and_each_retry_and_fallback_begins_anew() -> None:
    data = arguments()
    assert [open_attempt(data).begin() for _ in range(2)] == [True, False]
    for more in ({"attempted_retries": 1}, {"attempted_fallbacks": 1}):
        data = {**data, "metadata": {**data["metadata"], **more}}
        assert [open_attempt(data).begin() for _ in range(2)] == [True, False]


def test_without_a_deployment_the_models_name_stands_for_it() -> None:
    assert open_attempt({"model": "gpt-4o"}).place == "gpt-4o"
    assert open_attempt(arguments()).place == "d-1"


@pytest.mark.parametrize("odd", [{"metadata": 3}, {"model_info": "x"}, {"extra_headers": []}, {"model": None}, {"api_base": None}])
def test_odd_arguments_open_as_well(odd: dict[str, Any]) -> None:
    assert isinstance(open_attempt(arguments(**odd)), Attempt)


def test_where_router_and_proxy_write_into_different_places_each_is_read_in_its_own() -> None:
    data = arguments(metadata={"user_api_key": "k"})
    note, _ = open_note(data)
    data["litellm_metadata"] = {"model_group": "main", "attempted_retries": 2}
    attempt = open_attempt(data)
    assert attempt.note is note
    assert attempt.deployment.group == "main"
    assert attempt.begin()
    assert note["attempt"][2] == 2


def test_a_clients_own_note_is_never_taken_for_the_proxys() -> None:
    data = arguments(litellm_metadata={"user_api_key": "k"}, metadata={"token_guard": {"mode": "off"}})
    note, asked = open_note(data)
    attempt = open_attempt(data, mode="enforce")
    assert attempt.note is note
    assert (attempt.mode, note) == ("enforce", {})
    assert (asked, data["metadata"]) == ({"mode": "off"}, {})
