"""The hooks, called as LiteLLM calls them, with a real guard; and through litellm's own Router and SDK without a proxy."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import litellm
import pytest
from litellm.types.utils import CallTypes

from token_guard.demo.conversation import conversation
from token_guard.demo.openai_rules import Refusal
from token_guard.demo.upstream import Upstream
from token_guard.errors import ConfigError
from token_guard.proxy.installation import build_callback, install
from token_guard.proxy.metrics import Metrics
from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.sessions import CompactionLog
from token_guard.settings import Settings

HISTORY = conversation()
SHORT = [{"role": "user", "content": "Hello"}]
TOO_LARGE = [{"role": "system", "content": "the secret of the house " * 9_000}, *SHORT]
SECRET = "the secret of the house"


def arguments(messages: Any = HISTORY, **more: Any) -> dict[str, Any]:
    """What the router hands to the deployment hook, in the parts that matter."""
    return {
        "model": "openai/gpt-4o",
        "messages": messages,
        "api_base": "http://127.0.0.1:1/v1",
        "api_key": "none",
        "model_info": {"id": "d-1", "max_input_tokens": 16_000},
        "metadata": {"model_group": "main", "attempted_retries": 0, "user_api_key_hash": "h", "token_guard": {}},
        "litellm_call_id": "call-1",
        "litellm_logging_obj": object(),
        "custom_llm_provider": "openai",
        **more,
    }


def callback(**options: Any) -> TokenGuardCallback:
    return TokenGuardCallback(Settings(**options))


def attempt(guard: TokenGuardCallback, kwargs: Any, call_type: CallTypes | None = CallTypes.acompletion) -> dict[str, Any] | None:
    return asyncio.run(guard.async_pre_call_deployment_hook(kwargs, call_type))


def headers(guard: TokenGuardCallback, data: dict[str, Any]) -> dict[str, str] | None:
    return asyncio.run(guard.async_post_call_response_headers_hook(data, None, None))


class Failing:
    """Stands in for a guard that has a bug."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.calls = 0

    def process(self, request: Any, **options: Any) -> Any:
        self.calls += 1
        raise self.error


def failing(error: BaseException, **options: Any) -> TokenGuardCallback:
    guard = callback(**options)
    guard.guard = Failing(error)  # type: ignore[assignment]
    return guard


def test_a_request_over_the_limit_is_rewritten_and_nothing_else_changes():
    kwargs = arguments()
    before = copy.deepcopy(HISTORY)
    changed = attempt(callback(), kwargs)
    assert changed is not None
    assert changed["messages"] is not kwargs["messages"]
    assert len(json.dumps(changed["messages"])) < 64_000
    assert all(changed[key] is value for key, value in kwargs.items() if key != "messages")
    assert kwargs["messages"] == before


def test_a_request_that_fits_is_not_touched():
    assert attempt(callback(), arguments(SHORT)) is None


@pytest.mark.parametrize("call_type", [None, CallTypes.aembedding, CallTypes.aimage_generation, CallTypes.atext_completion])
def test_calls_of_other_types_pass_by(call_type):
    assert attempt(callback(), arguments(), call_type) is None


@pytest.mark.parametrize(
    "messages", [None, "text", 7, [], ["text", 3], [{}], [{"role": None, "content": 4}], [{"role": "user", "content": [5]}]]
)
def test_what_is_no_conversation_passes_by(messages):
    guard = callback()
    assert attempt(guard, arguments(messages)) is None
    assert guard.failures == 0


@pytest.mark.parametrize("odd", [{"metadata": None}, {"metadata": "text"}, {"model_info": None}, {"model_info": "x"}, {"api_base": None}])
def test_arguments_as_the_sdk_gives_them_without_a_router_are_enough(odd):
    kwargs = {**arguments(), **odd}
    assert attempt(callback(limits={"models": {"gpt-4o": 16_000}}), kwargs) is not None


def test_an_attempt_is_rewritten_once_and_the_next_one_from_the_original_again():
    guard, kwargs = callback(), arguments()
    first = attempt(guard, kwargs)
    inner = attempt(guard, {**kwargs, "messages": first["messages"]})
    kwargs["metadata"]["attempted_retries"] = 1
    retry = attempt(guard, kwargs)
    assert inner is None
    assert retry["messages"] == first["messages"]


def test_history_that_the_server_holds_is_not_edited_where_litellm_fills_it_in():
    guard, outer = callback(), arguments(input="Go on.", previous_response_id="resp_1")
    del outer["messages"]
    assert attempt(guard, outer, CallTypes.aresponses) is None
    assert attempt(guard, {**outer, "messages": HISTORY}) is None
    assert headers(guard, outer)["x-token-guard-action"] == "bypassed"


def test_the_next_request_with_the_same_metadata_is_a_new_one():
    guard, kwargs = callback(), arguments()
    assert attempt(guard, kwargs) is not None
    assert attempt(guard, {**kwargs, "litellm_call_id": "call-2"}) is not None


def test_metadata_of_the_callers_own_is_left_alone():
    mine = {"campaign": "spring"}
    attempt(callback(), arguments(metadata=mine))
    assert mine == {"campaign": "spring"}


def test_a_fallback_that_copies_the_metadata_shares_the_note_with_the_answer():
    guard, data = callback(), arguments()
    asyncio.run(guard.async_pre_call_hook(None, None, data, "acompletion"))
    hop = {**data, "metadata": {**data["metadata"], "attempted_fallbacks": 1}, "model_info": {"id": "d-2", "max_input_tokens": 32_000}}
    attempt(guard, hop)
    assert headers(guard, data)["x-token-guard-limit"] == "32000"


def test_headers_carry_the_report():
    guard, kwargs = callback(), arguments()
    attempt(guard, kwargs)
    found = headers(guard, kwargs)
    assert found["x-token-guard-action"] == "compacted"
    assert int(found["x-token-guard-tokens-before"]) > 50_000
    assert int(found["x-token-guard-tokens-after"]) <= 16_000
    assert (found["x-token-guard-limit"], found["x-token-guard-limit-source"]) == ("16000", "deployment")
    assert "summarize;removed=" in found["x-token-guard-passes"]
    assert 0 < float(found["x-token-guard-retention"]) <= 1


def test_headers_can_be_switched_off():
    guard, kwargs = callback(headers=False), arguments()
    attempt(guard, kwargs)
    assert headers(guard, kwargs) is None


def test_an_answer_without_an_attempt_has_no_headers():
    assert headers(callback(), {"metadata": {}}) is None


@pytest.mark.parametrize(
    ("allowed", "asked", "action"), [(True, "Off", "bypassed"), (True, "loud", "compacted"), (False, "off", "compacted")]
)
def test_a_client_chooses_its_mode_only_where_the_operator_allows_it(allowed, asked, action):
    guard = callback(client_overrides=["mode"] if allowed else [])
    data = arguments(proxy_server_request={"headers": {"x-token-guard-mode": asked}})
    asyncio.run(guard.async_pre_call_hook(None, None, data, "acompletion"))
    attempt(guard, data)
    assert headers(guard, data)["x-token-guard-action"] == action


def test_a_rewritten_request_is_one_log_line_without_content(caplog):
    guard = callback()
    with caplog.at_level(logging.INFO, logger="token_guard"):
        attempt(guard, arguments(SHORT))
        attempt(guard, arguments())
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert line.startswith("compacted openai/gpt-4o: ")
    assert "limit 16000 (deployment), " in line
    assert "summarize;removed=" in line
    assert "ledger" not in line


class Panic(BaseException):
    """As a tokenizer in Rust raises: not an Exception."""


@pytest.mark.parametrize("messages", [SHORT, HISTORY])
@pytest.mark.parametrize("error", [ValueError(SECRET), RecursionError(SECRET), Panic(SECRET), StopIteration(SECRET)])
def test_when_the_guard_fails_the_original_goes_on_and_one_line_without_content_is_logged(caplog, messages, error):
    guard, kwargs = failing(error), arguments(messages)
    assert attempt(guard, kwargs) is None
    assert guard.failures == kwargs["metadata"]["token_guard"]["failures"] == 1
    assert headers(guard, kwargs) == {"x-token-guard-action": "bypassed"}
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("token_guard failed on a request for openai/gpt-4o (")
    assert SECRET not in line


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_ends_a_task_or_a_process_is_let_through(error):
    with pytest.raises(error):
        attempt(failing(error()), arguments(SHORT))


def test_an_operator_may_have_requests_refused_when_the_guard_fails():
    with pytest.raises(litellm.InternalServerError, match="on_error is 'reject'") as caught:
        attempt(failing(ValueError(SECRET), on_error="reject"), arguments())
    assert SECRET not in str(caught.value)


def test_what_cannot_fit_is_a_context_error_with_the_arithmetic():
    guard, kwargs = callback(), arguments(TOO_LARGE)
    with pytest.raises(litellm.ContextWindowExceededError, match=r"maximum context length.*\(system 4\d,\d{3}, tools"):
        attempt(guard, kwargs)
    assert headers(guard, kwargs)["x-token-guard-action"] == "rejected"


def test_a_refusal_says_what_the_request_counted_and_of_which_window():
    guard, kwargs = callback(), arguments(TOO_LARGE, max_tokens=3_000)
    with pytest.raises(litellm.ContextWindowExceededError) as caught:
        attempt(guard, kwargs)
    found, text = headers(guard, kwargs), str(caught.value)
    assert (found["x-token-guard-limit"], found["x-token-guard-limit-source"]) == ("16000", "deployment")
    assert found["x-token-guard-tokens-before"] == found["x-token-guard-tokens-after"]
    assert "This model's maximum context length is 16,000 tokens (from model_info)." in text
    assert f"count {int(found['x-token-guard-tokens-after']):,} (system" in text


def sample(name: str, **labels: str) -> float:
    prometheus_client = pytest.importorskip("prometheus_client", reason="the extra `metrics` is not installed")
    return prometheus_client.REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_refused_request_is_counted_once_though_it_is_offered_to_the_same_deployment_again(caplog):
    guard, kwargs = callback(), arguments(TOO_LARGE)
    series = (("token_guard_requests_total", {"action": "rejected"}), ("token_guard_rejections_total", {"part": "system"}))
    before = [sample(name, model="gpt-4o", **labels) for name, labels in series]
    with caplog.at_level(logging.INFO, logger="token_guard"):
        for depth in range(2):
            hop = {**kwargs, "metadata": {**kwargs["metadata"], "attempted_fallbacks": depth}}
            with pytest.raises(litellm.ContextWindowExceededError):
                attempt(guard, hop)
    assert [sample(name, model="gpt-4o", **labels) for name, labels in series] == [count + 1 for count in before]
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["rejected openai/gpt-4o"]


def test_failures_of_the_guard_have_a_metric():
    before = sample("token_guard_failures_total", model="gpt-4o")
    attempt(failing(ValueError(SECRET)), arguments(SHORT))
    assert sample("token_guard_failures_total", model="gpt-4o") == before + 1


@pytest.mark.parametrize("observer", [(Metrics, "observe"), (CompactionLog, "observe")], ids=lambda observer: observer[0].__name__)
def test_an_observer_that_fails_discards_no_compaction(caplog, monkeypatch, observer):
    def fail(*_: Any) -> None:
        raise ValueError(SECRET)

    monkeypatch.setattr(*observer, fail)
    kwargs = arguments()
    with caplog.at_level(logging.WARNING, "token_guard"):
        sent = attempt(callback(), kwargs)
    assert sent is not None
    assert len(json.dumps(sent["messages"])) < len(json.dumps(HISTORY))
    assert "an observer failed (ValueError" in caplog.text
    assert SECRET not in caplog.text


def test_a_mode_that_is_none_is_answered_and_warned_of_once(caplog):
    guard = callback(client_overrides=["mode"])
    for number in range(2):
        data = arguments(SHORT, proxy_server_request={"headers": {"x-token-guard-mode": "loud\r\nx: y"}}, litellm_call_id=str(number))
        asyncio.run(guard.async_pre_call_hook(None, None, data, "acompletion"))
        attempt(guard, data)
    assert headers(guard, data)["x-token-guard-action"] == "none"
    remark = headers(guard, data)["x-token-guard-remark"]
    assert remark == "x-token-guard-mode 'loud\\r\\nx: y' is no mode; allowed: enforce, observe, off"
    assert [record.getMessage() for record in caplog.records if "is no mode" in record.getMessage()] == [f"a client's {remark}"]


def test_a_mode_where_clients_may_choose_none_is_answered():
    guard, data = callback(), arguments(SHORT, proxy_server_request={"headers": {"x-token-guard-mode": "off"}})
    asyncio.run(guard.async_pre_call_hook(None, None, data, "acompletion"))
    attempt(guard, data)
    assert headers(guard, data)["x-token-guard-remark"] == "x-token-guard-mode is not heeded: client_overrides does not allow mode"


@pytest.mark.parametrize("spaces", [("metadata",), ("litellm_metadata", "metadata")])
def test_the_note_is_found_where_the_router_has_made_a_place_of_its_own(spaces):
    """As for generateContent, whose attempt is bridged to a chat."""
    guard, data = callback(), arguments()
    asyncio.run(guard.async_pre_call_hook(None, None, data, "agenerate_content"))
    inner = {**data, "litellm_metadata": {"model_group": "main", "attempted_retries": 0}} if len(spaces) > 1 else data
    assert attempt(guard, inner) is not None
    assert headers(guard, data)["x-token-guard-action"] == "compacted"


def test_savings_are_recorded_for_the_spend_log_beside_the_operators_own_fields():
    kwargs = arguments()
    kwargs["metadata"]["spend_logs_metadata"] = {"team": "billing"}
    attempt(callback(), kwargs)
    savings, fields = kwargs["metadata"]["compression_savings"], kwargs["metadata"]["spend_logs_metadata"]
    assert savings["tokens_saved"] == savings["tokens_before"] - savings["tokens_after"] > 40_000
    assert fields["team"] == "billing"
    assert fields["token_guard"]["action"] == "compacted"


def test_savings_of_an_attempt_that_failed_are_not_those_of_its_fallback():
    guard, kwargs = callback(), arguments()
    attempt(guard, kwargs)
    hop = {**kwargs, "metadata": {**kwargs["metadata"], "attempted_fallbacks": 1}, "model_info": {"id": "d-2", "max_input_tokens": 200_000}}
    assert attempt(guard, hop) is None
    assert "compression_savings" not in hop["metadata"]
    assert hop["metadata"]["spend_logs_metadata"]["token_guard"]["action"] == "none"


def test_metadata_stays_json():
    kwargs = arguments()
    attempt(callback(), kwargs)
    assert json.loads(json.dumps(kwargs["metadata"])) == kwargs["metadata"]


@pytest.fixture
def litellm_callbacks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A litellm without callbacks and without a built callback, put back afterwards."""
    monkeypatch.setattr(litellm, "callbacks", [])
    monkeypatch.setattr(litellm, "callback_settings", {})
    build_callback.cache_clear()
    yield
    build_callback.cache_clear()


@pytest.mark.usefixtures("litellm_callbacks")
class TestBuilding:
    def test_settings_come_from_the_callback_settings(self):
        litellm.callback_settings = {"token_guard": {"trigger": 0.7}}
        assert build_callback().settings.trigger == 0.7

    def test_there_is_one_callback_in_a_process(self):
        assert build_callback() is build_callback()

    @pytest.mark.parametrize("section", [{"token_guard": {"triger": 1}}, {"token_guard": 3}, ["token_guard"]])
    def test_wrong_settings_raise_outside_a_proxy(self, section):
        litellm.callback_settings = section
        with pytest.raises(ConfigError):
            build_callback()

    @pytest.mark.parametrize(("module", "set_aside"), [("litellm.proxy.proxy_server", True), ("litellm", False)])
    def test_what_a_proxy_has_loaded_is_not_gone_through_for_garbage_again(self, module, set_aside):
        """That holds its event loop for half a second; the objects of other programs are their own business."""
        lines = f"""
            import asyncio, gc, {module}, token_guard
            async def start():
                assert token_guard.callback and gc.get_freeze_count() > 100_000 * {set_aside} - 1
                assert {set_aside} or gc.get_freeze_count() == 0
            asyncio.run(start())
        """
        environ = {**os.environ, "TOKEN_GUARD_STORE": "memory:"}
        subprocess.run([sys.executable, "-c", textwrap.dedent(lines)], check=True, env=environ, timeout=300, capture_output=True)

    def test_hooks_are_defined_on_the_class_itself(self):
        hooks = {
            "async_filter_deployments",
            "async_post_call_failure_deployment_hook",
            "async_post_call_response_headers_hook",
            "async_pre_call_deployment_hook",
            "async_pre_call_hook",
            "log_pre_api_call",
        }
        assert hooks <= vars(type(build_callback())).keys()

    def test_install_is_idempotent(self):
        first = install()
        assert install() is install(first.settings) is first
        assert litellm.callbacks == [first]

    def test_install_with_other_settings_replaces_the_first(self):
        install()
        second = install(Settings(trigger=0.7))
        assert litellm.callbacks == [second]


@pytest.mark.usefixtures("litellm_callbacks")
class TestWithoutAProxy:
    def test_an_installed_guard_fits_what_the_sdk_sends(self):
        install(Settings(limits={"models": {"gpt-4o": 16_000}}))
        with Upstream(16_000) as upstream:
            call = litellm.acompletion(model="openai/gpt-4o", messages=HISTORY, api_base=upstream.url, api_key="none")
            assert asyncio.run(call).choices[0].message.content

    def test_the_router_falls_back_from_what_cannot_fit(self):
        install()
        with Upstream(16_000) as small, Upstream(64_000) as large:
            router = _router({"small": (small, 16_000), "large": (large, 64_000)}, context_window_fallbacks=[{"small": ["large"]}])
            asyncio.run(router.acompletion(model="small", messages=TOO_LARGE))
            assert (len(small.bodies), len(large.bodies)) == (0, 1)

    def test_a_refused_request_is_not_tried_again(self):
        guard = install(Settings(on_error="reject"))
        guard.guard = Failing(ValueError(SECRET))  # type: ignore[assignment]
        with Upstream(16_000) as upstream, pytest.raises(litellm.InternalServerError):
            asyncio.run(_router({"main": (upstream, 16_000)}, num_retries=3).acompletion(model="main", messages=HISTORY))
        assert (guard.guard.calls, upstream.bodies) == (1, [])

    def test_every_retry_sends_the_same_rewrite(self):
        install()
        outages = iter([Refusal("down", type="server_error", param=None, status=503)] * 2)
        with Upstream(16_000, check=lambda request: next(outages, None)) as upstream:
            # of one deployment alone some versions of litellm try nothing again
            asyncio.run(_router({"main": (upstream, 16_000)}, copies=2, num_retries=2).acompletion(model="main", messages=HISTORY))
            first, *others = upstream.bodies
            assert others == [first, first]


def _router(deployments: dict[str, tuple[Upstream, int]], *, copies: int = 1, **options: Any) -> litellm.Router:
    models = [
        {
            "model_name": name,
            "litellm_params": {"model": "openai/gpt-4o", "api_base": upstream.url, "api_key": "none"},
            "model_info": {"id": f"{name}-{number}", "max_input_tokens": window},
        }
        for name, (upstream, window) in deployments.items()
        for number in range(copies)
    ]
    return litellm.Router(model_list=models, disable_cooldowns=True, retry_after=0, **options)
