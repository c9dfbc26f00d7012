"""Options for one deployment, team, key or request: who is heeded, and what is said to those who are not."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from litellm.types.utils import CallTypes

from token_guard.demo.conversation import conversation
from token_guard.limits import Deployment
from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.settings import Settings

HISTORY = conversation()
SHORT = [{"role": "user", "content": "Hello"}]


def answered(
    guard: TokenGuardCallback,
    *,
    info: Any = None,
    key: Any = None,
    team: Any = None,
    asked: Any = None,
    headers: Any = None,
    place: str = "metadata",
    messages: Any = HISTORY,
) -> dict[str, str]:
    """The headers of an answer to a request that asks for options in these places."""
    data = {
        "model": "openai/gpt-4o",
        "messages": messages,
        "model_info": {"id": "d", "max_input_tokens": 16_000, "token_guard": info or {}},
        "metadata": {"model_group": "m", "user_api_key_hash": "h"},
        "proxy_server_request": {"headers": headers or {}},
        "litellm_call_id": "c",
    }
    if asked is not None:
        data[place] = {**data.get(place, {}), "token_guard": asked}
    auth = SimpleNamespace(metadata={"token_guard": key or {}}, team_metadata={"token_guard": team or {}}, team_id=None)

    async def call() -> Any:
        await guard.async_pre_call_hook(auth, None, data, "acompletion")
        await guard.async_pre_call_deployment_hook(data, CallTypes.acompletion)
        return await guard.async_post_call_response_headers_hook(data, auth, None)

    return asyncio.run(call())


def guarded(**options: Any) -> TokenGuardCallback:
    return TokenGuardCallback(Settings(**options))


@pytest.mark.parametrize("place", ["info", "key", "team"])
def test_operators_choose_by_deployment_key_and_team(place: str) -> None:
    told = answered(guarded(), **{place: {"mode": "observe"}})
    assert (told["x-token-guard-action"], told["x-token-guard-would"]) == ("observed", "compacted")
    assert "x-token-guard-remark" not in told


def test_the_key_stands_above_the_team_and_the_team_above_the_deployment() -> None:
    guard = guarded()
    assert answered(guard, info={"mode": "off"}, team={"mode": "observe"})["x-token-guard-action"] == "observed"
    assert answered(guard, team={"mode": "off"}, key={"mode": "enforce"})["x-token-guard-action"] == "compacted"


def test_an_allowed_client_stands_above_them_all() -> None:
    guard = guarded(client_overrides=["mode"])
    assert answered(guard, key={"mode": "off"}, headers={"x-token-guard-mode": "observe"})["x-token-guard-action"] == "observed"
    assert answered(guard, key={"mode": "off"}, asked={"mode": "observe"})["x-token-guard-action"] == "observed"


@pytest.mark.parametrize("how", [{"asked": {"strategy": "sliding_window"}}, {"headers": {"x-token-guard-strategy": "sliding_window"}}])
def test_a_strategy_is_the_clients_only_where_it_is_allowed(how: Any) -> None:
    usual = answered(guarded())["x-token-guard-passes"]
    heeded = answered(guarded(client_overrides=["strategy"]), **how)
    ignored = answered(guarded(client_overrides=["mode"]), **how)
    assert heeded["x-token-guard-passes"].startswith("truncate;") != usual.startswith("truncate;")
    assert ignored["x-token-guard-passes"] == usual
    assert ignored["x-token-guard-remark"].endswith("is not heeded: client_overrides does not allow strategy")


def test_thresholds_of_one_deployment_leave_those_of_another_alone() -> None:
    guard, fixed = guarded(), {"thresholds": "fixed", "trigger": 0.5, "target": 0.2}
    before, low, after = (int(answered(guard, info=info)["x-token-guard-tokens-after"]) for info in ({}, fixed, {}))
    assert low < before == after


def test_the_same_options_are_the_same_guard_and_decide_as_settings_do() -> None:
    options = {"thresholds": "fixed", "trigger": 0.5, "target": 0.2}
    guard = guarded()
    assert guard.guard.with_options(options) is guard.guard.with_options(dict(options))
    alone = answered(guarded(**options))["x-token-guard-tokens-after"]
    assert answered(guard, key=options)["x-token-guard-tokens-after"] == alone


@pytest.mark.parametrize(
    ("asked", "remark"),
    [
        ({"mode": "loud"}, "metadata.token_guard.mode 'loud' is no mode; allowed: enforce, observe, off"),
        ({"trigger": 7}, "metadata.token_guard.trigger '7' is not heeded: trigger: Input should be less than or equal to 1"),
        ({"trigger": 0.3}, "metadata.token_guard.trigger '0.3' is not heeded: target (0.4) must be below trigger (0.3)"),
        ({"store": "x"}, "metadata.token_guard.store is no option of one request; allowed: mode, strategy, policy"),
        ({"a\r\nb": 1}, "metadata.token_guard.a\\r\\nb is no option of one request"),
    ],
)
def test_what_is_wrong_is_answered_and_warned_of_once(asked: Any, remark: str, caplog: pytest.LogCaptureFixture) -> None:
    guard = guarded(client_overrides=["mode", "trigger"])
    with caplog.at_level(logging.WARNING, "token_guard"):
        told = [answered(guard, asked=asked, messages=SHORT) for _ in range(2)]
    assert [each["x-token-guard-action"] for each in told] == ["none", "none"]
    assert all(each["x-token-guard-remark"].startswith(remark) for each in told)
    assert len([record for record in caplog.records if record.getMessage().startswith(f"a client's {remark}")]) == 1


def test_a_wrong_option_of_the_operators_is_warned_of_and_not_told_to_clients(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "token_guard"):
        told = answered(guarded(), key={"mode": "loud"}, info={"trigger": "high"}, messages=SHORT)
    assert (told["x-token-guard-action"], "x-token-guard-remark" in told) == ("none", False)
    assert "a key's metadata.token_guard.mode 'loud' is no mode" in caplog.text
    assert "a deployment's model_info.token_guard.trigger 'high' is not heeded" in caplog.text


def test_what_is_ignored_has_a_metric() -> None:
    client = pytest.importorskip("prometheus_client", reason="the extra `metrics` is not installed")
    labels = ("token_guard_overrides_ignored_total", {"place": "client"})
    before = client.REGISTRY.get_sample_value(*labels) or 0.0
    answered(guarded(), asked={"mode": "off", "trigger": 0.9}, messages=SHORT)
    assert client.REGISTRY.get_sample_value(*labels) == before + 2


@pytest.mark.parametrize("place", ["metadata", "litellm_metadata"])
def test_what_a_client_says_to_the_guard_goes_no_further(place: str) -> None:
    """On routes where the proxy keeps its fields in a place of their own, the client's metadata go to the provider."""
    guard, data = guarded(), {"model": "m", "messages": SHORT, "metadata": {"user_id": "u"}}
    if place == "litellm_metadata":
        data["litellm_metadata"] = {"model_group": "m"}
    data["metadata"]["token_guard"] = {"mode": "off"}
    asyncio.run(guard.async_pre_call_hook(None, None, data, "acompletion"))
    assert "mode" not in data[place]["token_guard"]
    assert place == "metadata" or data["metadata"] == {"user_id": "u"}


def test_what_is_only_asked_about_has_the_options_of_key_and_deployment_but_for_the_mode() -> None:
    overrides = guarded(client_overrides=["trigger"]).overrides
    deployment = Deployment(model_info={"token_guard": {"policy": "overflow", "strategy": "summarization", "max_input_tokens": 9}})
    auth = SimpleNamespace(
        team_metadata={"token_guard": {"mode": "off"}}, metadata={"token_guard": {"strategy": "sliding_window", "store": "x"}}
    )
    assert overrides.options_of(auth, deployment) == {"policy": "overflow", "strategy": "sliding_window"}
    assert overrides.options_of(SimpleNamespace(), None) == {}


def test_an_old_name_lets_clients_choose_a_mode() -> None:
    assert Settings(allow_request_mode=True).client_overrides == ("mode",)
    assert Settings(allow_request_mode=False).client_overrides == ()
