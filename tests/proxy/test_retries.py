"""Refused once, tried once more: the fallbacks that make litellm do it, and what each refusal teaches."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import litellm
import pytest
from litellm.litellm_core_utils.exception_mapping_utils import ExceptionCheckers
from litellm.types.utils import CallTypes

from token_guard.demo.conversation import conversation
from token_guard.demo.openai_rules import count_prompt
from token_guard.limits import Deployment, Learned, LimitChain
from token_guard.proxy.attempt import open_attempt
from token_guard.proxy.fallbacks import offer_retry, with_self_retries
from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.proxy.retries import Cap, Retries
from token_guard.settings import Settings
from token_guard.stores import MemoryStore

HISTORY = conversation()[:62]
NAMED = "This model's maximum context length is 16000 tokens. However, your messages resulted in 30000 tokens."
UNNAMED = "Your input exceeds the context window of this model. Please adjust your input and try again."
DEPLOYMENT = Deployment(id="d-1", group="main", model_info={"max_input_tokens": 64_000})


def own(group: str) -> dict[str, Any]:
    return {"model": group, "fallback_depth": 1}


class TestFallbacks:
    def test_a_group_is_the_first_of_its_own_fallbacks(self):
        assert with_self_retries("a", [{"a": ["b"]}, {"x": ["y"]}], None) == [{"a": [own("a"), "b"]}, {"b": [own("b")]}, {"x": ["y"]}]

    def test_without_any_the_generic_ones_stay_in_force(self):
        assert with_self_retries("a", None, [{"a": ["b"]}])[0] == {"a": [own("a"), "b"]}
        assert with_self_retries("a", None, [{"*": ["b"]}]) == [{"a": [own("a"), "b"]}, {"b": [own("b"), "b"]}]

    def test_where_some_exist_the_generic_ones_are_not_asked(self):
        """Nor does litellm ask them, once there is a list for context errors, even if it is about other groups."""
        assert with_self_retries("a", [{"x": ["y"]}], [{"a": ["b"]}])[0] == {"a": [own("a")]}

    def test_whatever_a_group_falls_back_to_is_tried_again_too(self):
        """Without an entry of its own litellm would go on with the list of the group that failed before."""
        groups = [next(iter(entry)) for entry in with_self_retries("a", None, [{"a": ["b", {"model": "c"}]}, {"b": ["a", "d"]}])]
        assert groups == ["a", "b", "c", "d"]

    @pytest.mark.parametrize("key", ["openai/a", "a"])
    def test_names_match_but_for_the_provider(self, key):
        assert with_self_retries("openai/a", [{key: ["b"]}], None)[0] == {"openai/a": [own("openai/a"), "b"]}

    @pytest.mark.parametrize("odd", [[], ["b"], [3, None], [{}], [{"a": None}], [{"a": "b"}]])
    def test_odd_lists_do_no_harm(self, odd):
        assert with_self_retries("a", odd, odd)[0] == {"a": [own("a")]}

    def test_the_lists_of_a_key_or_team_come_before_the_routers(self):
        data = {"model": "a", "router_settings_override": {"context_window_fallbacks": [{"a": ["c"]}]}}
        offer_retry(data, _router(context_window_fallbacks=[{"a": ["b"]}]), None)
        assert data["context_window_fallbacks"][0] == {"a": [own("a"), "c"]}

    def test_the_lists_of_the_request_come_first(self):
        data = {"model": "a", "context_window_fallbacks": [{"a": ["d"]}]}
        offer_retry(data, _router(context_window_fallbacks=[{"a": ["b"]}]), None)
        assert data["context_window_fallbacks"][0] == {"a": [own("a"), "d"]}

    @pytest.mark.parametrize("data", [{"model": "unknown"}, {"model": "a", "disable_fallbacks": True}, {"model": ["a"]}, {}])
    def test_what_no_router_serves_stays_as_it_is(self, data):
        before = dict(data)
        offer_retry(data, _router(), None)
        offer_retry(data, None, None)
        assert data == before

    def test_the_lists_of_the_router_are_not_changed(self):
        mine = [{"a": ["b"]}]
        offer_retry({"model": "a"}, _router(context_window_fallbacks=mine), None)
        assert mine == [{"a": ["b"]}]


def _router(**options: Any) -> litellm.Router:
    models = [{"model_name": name, "litellm_params": {"model": "openai/gpt-4o", "api_key": "none"}} for name in ("a", "b", "c", "d")]
    return litellm.Router(model_list=models, **options)


def refusal(text: str) -> litellm.ContextWindowExceededError:
    return litellm.ContextWindowExceededError(message=text, model="x", llm_provider="openai")


class Attempts:
    """One call to one deployment, with what its hooks would do."""

    def __init__(self, mode: str = "enforce") -> None:
        self.now = 0.0
        self.limits = LimitChain(environ={}, more=(Learned(MemoryStore(), 86_400),))
        self.mode = mode
        self.retries = Retries(self.limits, clock=lambda: self.now)

    def refused(self, kwargs: dict[str, Any], error: Exception) -> bool:
        return self.retries.refused(open_attempt(kwargs, mode=self.mode), error)

    def cap(self, kwargs: dict[str, Any]) -> Cap | None:
        return self.retries.cap(open_attempt(kwargs, mode=self.mode))

    def prompt_cap(self, kwargs: dict[str, Any]) -> int | None:
        cap = self.cap(kwargs)
        return cap.prompt if cap else None

    def call(self, number: int = 1, sent: int = 30_000) -> dict[str, Any]:
        note = {"sent": sent, "attempt": [number, 0]}
        return {
            "model": "openai/x",
            "model_info": {"id": "d-1", "max_input_tokens": 64_000},
            "metadata": {"token_guard": note},
            "custom_llm_provider": "openai",
        }

    def again(self, kwargs: dict[str, Any], sent: int = 24_000) -> None:
        kwargs["metadata"]["token_guard"] |= {"attempt": [kwargs["metadata"]["token_guard"]["attempt"][0], 1], "sent": sent}

    @property
    def window(self) -> int:
        return self.limits.resolve("openai/x", DEPLOYMENT).max_input_tokens

    def in_vain(self, number: int, text: str = UNNAMED) -> None:
        kwargs = self.call(number)
        self.refused(kwargs, refusal(text))
        self.cap(kwargs)
        self.again(kwargs)
        self.refused(kwargs, refusal(text))


class TestRefusals:
    def test_a_first_attempt_has_no_cap(self):
        one = Attempts()
        assert one.prompt_cap(one.call()) is None

    def test_a_named_window_is_learned(self):
        one, kwargs = Attempts(), Attempts().call()
        assert one.refused(kwargs, refusal(NAMED))
        assert one.window == 16_000

    def test_a_retry_is_smaller_by_what_the_provider_counted(self):
        one, kwargs = Attempts(), Attempts().call()
        one.refused(kwargs, refusal(NAMED))
        assert one.prompt_cap(kwargs) == pytest.approx(0.95 * 16_000, abs=1)

    def test_without_numbers_a_retry_has_four_fifths_and_the_next_request_too(self):
        one, kwargs = Attempts(), Attempts().call()
        one.refused(kwargs, refusal(UNNAMED))
        assert (one.prompt_cap(kwargs), one.window) == (24_000, 24_000)

    def test_what_was_refused_twice_is_not_sent_a_third_time(self):
        one, kwargs = Attempts(), Attempts().call()
        one.refused(kwargs, refusal(NAMED))
        one.again(kwargs)
        one.refused(kwargs, refusal(NAMED))
        with pytest.raises(litellm.ContextWindowExceededError, match="maximum context length is 16000") as raised:
            one.prompt_cap(kwargs)
        assert str(raised.value).count("litellm.ContextWindowExceededError") == 1

    def test_two_refusals_without_numbers_teach_nothing(self):
        one = Attempts()
        one.in_vain(1)
        assert one.window == 64_000

    def test_the_inner_call_of_a_translation_is_the_same_refusal(self):
        one, kwargs = Attempts(), Attempts().call()
        assert [one.refused(kwargs, refusal(UNNAMED)) for _ in range(2)] == [True, False]
        assert one.prompt_cap(kwargs) == 24_000

    def test_another_deployment_has_no_cap(self):
        one, kwargs = Attempts(), Attempts().call()
        one.refused(kwargs, refusal(UNNAMED))
        assert one.prompt_cap({**kwargs, "model_info": {"id": "d-2"}}) is None

    def test_a_larger_window_than_believed_is_not_learned_from_a_refusal(self):
        one, kwargs = Attempts(), Attempts().call()
        one.refused(kwargs, refusal("This model's maximum context length is 128000 tokens."))
        assert one.window == 64_000

    @pytest.mark.parametrize(
        "error",
        [
            ValueError("boom"),
            litellm.BadRequestError(message="tools are not supported", model="x", llm_provider="openai"),
            litellm.RateLimitError(message=NAMED, model="x", llm_provider="openai"),
        ],
    )
    def test_other_failures_teach_nothing(self, error):
        one, kwargs = Attempts(), Attempts().call()
        assert not one.refused(kwargs, error)
        assert (one.prompt_cap(kwargs), one.window) == (None, 64_000)

    def test_an_error_that_litellm_does_not_recognise_teaches_as_well(self):
        one, kwargs = Attempts(), Attempts().call()
        assert one.refused(kwargs, litellm.BadRequestError(message=NAMED, model="x", llm_provider="openai"))
        assert one.window == 16_000

    def test_what_litellm_takes_for_an_overflow_and_is_none_is_not_sent_again(self):
        one, kwargs = Attempts(), Attempts().call()
        error = refusal("Invalid 'messages[1].name': string too long. Expected a string with maximum length 64")
        assert not one.refused(kwargs, error)
        with pytest.raises(litellm.ContextWindowExceededError):
            one.prompt_cap(kwargs)

    @pytest.mark.parametrize("mode", ["observe", "off"])
    def test_where_nothing_is_compacted_a_named_window_is_still_learned(self, mode):
        one, kwargs = Attempts(mode), Attempts().call()
        one.refused(kwargs, refusal(NAMED))
        assert (one.prompt_cap(kwargs), one.window) == (None, 16_000)

    def test_a_refusal_of_next_to_nothing_teaches_no_window(self):
        one, kwargs = Attempts(), Attempts().call(sent=900)
        one.refused(kwargs, refusal(UNNAMED))
        assert one.window == 64_000


REPLY = "input length and `max_tokens` exceed context limit: 19494 + 50000 > 64000, decrease input length or `max_tokens` and try again"
VLLM = (
    "This model's maximum context length is 32768 tokens. However, you requested {reply} output tokens and your prompt contains at least "
    "{prompt} input tokens, for a total of at least {total} tokens."
)


class TestReplies:
    def after(self, text: str, sent: int = 20_000) -> Cap | None:
        one = Attempts()
        kwargs = one.call(sent=sent)
        one.refused(kwargs, refusal(text))
        return one.cap(kwargs)

    def test_where_the_prompt_alone_fits_the_reply_gives_way_and_the_prompt_stays(self):
        cap = self.after(REPLY)
        assert cap is not None
        assert cap.prompt is None
        assert 64_000 - 19_494 - 100 < cap.reply < 64_000 - 19_494

    def test_the_window_is_what_both_must_fit_into(self):
        one = Attempts()
        kwargs = one.call()
        one.refused(kwargs, refusal(REPLY.replace("64000", "48000")))
        assert one.window == 48_000

    def test_where_the_provider_stopped_counting_the_guards_own_count_says_what_is_left(self):
        cap = self.after(VLLM.format(reply=20_000, prompt=12_769, total=32_769), sent=14_000)
        assert cap is not None
        assert cap.prompt is None
        assert 32_768 - 14_000 * 1.06 < cap.reply < 32_768 - 14_000

    def test_where_hardly_a_reply_would_be_left_the_prompt_gives_way_too(self):
        cap = self.after(REPLY.replace("19494", "63900"), sent=63_900)
        assert cap is not None
        assert 0.9 * 64_000 < cap.prompt < 64_000 - 256
        assert cap.reply is not None
        assert 256 <= cap.reply < 50_000

    def test_a_prompt_that_is_too_long_by_itself_gives_way_as_before(self):
        cap = self.after("exceed context limit: 80000 + 16 > 64000", sent=80_000)
        assert cap is not None
        assert cap.prompt == pytest.approx(0.95 * 64_000, abs=40)


class TestGuesses:
    """Deployments whose window nobody knows: what was too long is forwarded as it is once, and its refusal teaches."""

    def unknown(self, sent: int, text: str, model: str = "openai/mystery") -> tuple[Attempts, dict[str, Any], Deployment]:
        one = Attempts()
        kwargs = {**one.call(sent=sent), "model": model, "model_info": {"id": "u-1"}}
        kwargs["metadata"]["model_group"] = "main"
        one.refused(kwargs, refusal(text))
        return one, kwargs, Deployment(id="u-1", group="main")

    def test_a_named_window_replaces_the_guess(self, caplog):
        one, _, place = self.unknown(50_000, "This model's maximum context length is 32768 tokens. However, you requested 51000 tokens")
        assert one.limits.resolve("openai/mystery", place).max_input_tokens == 32_768
        (line,) = [record.getMessage() for record in caplog.records if "was a guess" in record.getMessage()]
        assert "'openai/mystery' (deployment 'main')" in line
        assert "write `max_input_tokens: 32768` into its model_info" in line

    def test_a_refusal_that_names_nothing_leaves_the_guess_itself(self, caplog):
        one, kwargs, place = self.unknown(50_000, UNNAMED)
        assert one.prompt_cap(kwargs) == one.limits.resolve("openai/mystery", place).max_input_tokens == 8_192
        assert "`max_input_tokens: <tokens>`" in caplog.text

    def test_what_was_below_the_guess_is_no_reason_to_believe_it(self):
        one, kwargs, place = self.unknown(6_000, UNNAMED)
        assert one.prompt_cap(kwargs) == one.limits.resolve("openai/mystery", place).max_input_tokens == 4_800

    def test_the_warning_comes_once(self, caplog):
        one, kwargs, _ = self.unknown(50_000, UNNAMED)
        one.limits.forget_unnamed("openai/mystery", Deployment(id="u-1", group="main"))
        kwargs["metadata"]["token_guard"]["refused"] = {}
        one.refused(kwargs, refusal(UNNAMED))
        assert caplog.text.count("was a guess") == 1

    def test_windows_that_somebody_said_are_not_warned_of(self, caplog):
        one = Attempts()
        one.refused(one.call(), refusal(NAMED))
        assert "was a guess" not in caplog.text


class TestLimiter:
    def test_after_three_vain_retries_there_is_none_for_a_minute(self):
        one = Attempts()
        for number in range(3):
            one.in_vain(number)
        kwargs = one.call(9)
        one.refused(kwargs, refusal(UNNAMED))
        with pytest.raises(litellm.ContextWindowExceededError, match="exceeds the context window"):
            one.prompt_cap(kwargs)
        one.now += 60
        assert one.prompt_cap(kwargs) == 24_000

    def test_vain_retries_far_apart_do_not_count(self):
        one = Attempts()
        for number in range(3):
            one.in_vain(number)
            one.now += 31
        kwargs = one.call(9)
        one.refused(kwargs, refusal(UNNAMED))
        assert one.prompt_cap(kwargs) == 24_000

    def test_other_deployments_keep_theirs(self):
        one = Attempts()
        for number in range(3):
            one.in_vain(number)
        kwargs = {**one.call(9), "model_info": {"id": "d-2", "max_input_tokens": 64_000}}
        one.refused(kwargs, refusal(UNNAMED))
        assert one.prompt_cap(kwargs) == 24_000


class TestHooks:
    def kwargs(self, **more: Any) -> dict[str, Any]:
        return {
            "model": "openai/gpt-4o",
            "messages": HISTORY,
            "model_info": {"id": "d-1", "max_input_tokens": 64_000},
            "metadata": {"model_group": "main", "attempted_retries": 0, "token_guard": {}},
            "litellm_call_id": "call-1",
            "custom_llm_provider": "openai",
            **more,
        }

    @pytest.mark.parametrize("text", [NAMED, UNNAMED])
    def test_the_retry_is_compacted_below_what_was_refused(self, text):
        guard, kwargs = TokenGuardCallback(Settings()), self.kwargs()
        assert asyncio.run(guard.async_pre_call_deployment_hook(kwargs, CallTypes.acompletion)) is None
        asyncio.run(guard.async_post_call_failure_deployment_hook(kwargs, refusal(text), CallTypes.acompletion, None))
        hop = {**kwargs, "fallback_depth": 1, "metadata": {**kwargs["metadata"], "attempted_fallbacks": 1}}
        changed = asyncio.run(guard.async_pre_call_deployment_hook(hop, CallTypes.acompletion))
        assert changed is not None
        assert count_prompt(changed) < 16_000

    def retried(self, text: str, **more: Any) -> tuple[dict[str, Any] | None, dict[str, Any], str]:
        """What the first attempt forwards, what the second does after this refusal, and what the headers say of that."""
        guard, kwargs = TokenGuardCallback(Settings()), self.kwargs(**more)
        first = asyncio.run(guard.async_pre_call_deployment_hook(kwargs, CallTypes.acompletion))
        asyncio.run(guard.async_post_call_failure_deployment_hook(kwargs, refusal(text), CallTypes.acompletion, None))
        hop = {**kwargs, "fallback_depth": 1, "metadata": {**kwargs["metadata"], "attempted_fallbacks": 1}}
        second = asyncio.run(guard.async_pre_call_deployment_hook(hop, CallTypes.acompletion))
        found = asyncio.run(guard.async_post_call_response_headers_hook(kwargs, None, None))
        return first, second, found["x-token-guard-action"]

    @pytest.mark.parametrize("asked", [{"max_tokens": 20_000}, {"max_completion_tokens": 20_000}])
    def test_a_reply_that_is_too_long_is_shortened_and_the_messages_are_the_clients(self, asked):
        first, second, action = self.retried(
            "exceed context limit: 40000 + 20000 > 50000", model_info={"id": "d-1", "max_input_tokens": 128_000}, **asked
        )
        (field,) = asked
        assert (first, action) == (None, "clamped")
        assert second["messages"] == HISTORY
        assert 9_900 < second[field] < 10_000

    def test_a_reply_that_litellm_filled_in_is_set_where_the_client_asked_for_none(self):
        first, second, _ = self.retried("exceed context limit: 40000 + 20000 > 50000")
        assert first is None
        assert second["messages"] == HISTORY
        assert [9_900 < second[name] < 10_000 for name in ("max_tokens", "max_completion_tokens") if name in second] == [True]

    def test_where_the_first_attempt_was_compacted_the_second_is_too_with_the_shorter_reply(self):
        small = {"model_info": {"id": "d-1", "max_input_tokens": 24_000}}
        first, second, action = self.retried("exceed context limit: 9000 + 3000 > 11000", max_tokens=3_000, **small)
        assert (first["max_tokens"], action) == (3_000, "compacted")
        assert second["max_tokens"] <= 2_000
        assert count_prompt({"messages": second["messages"]}) + second["max_tokens"] <= 11_000

    def test_a_retry_that_cannot_fit_says_what_the_provider_said(self):
        rules = [{"role": "system", "content": "a rule of the house " * 5_000}, *HISTORY[1:]]
        with pytest.raises(litellm.ContextWindowExceededError, match=r"maximum context length is 16000 tokens\. However, your messages"):
            self.retried(NAMED, messages=rules)

    def test_litellm_learns_to_recognise_the_two_texts_that_it_takes_for_other_errors(self):
        TokenGuardCallback(Settings())
        recognise = ExceptionCheckers.is_error_str_context_window_exceeded
        decoder = "The decoder prompt (length 40000) is longer than the maximum model length of 32768."
        assert all(map(recognise, (UNNAMED, decoder, NAMED)))
        assert not any(map(recognise, ("tools are not supported", "string_above_max_length")))

    def test_it_is_taught_once(self):
        TokenGuardCallback(Settings())
        once = ExceptionCheckers.is_error_str_context_window_exceeded
        TokenGuardCallback(Settings())
        assert ExceptionCheckers.is_error_str_context_window_exceeded is once

    def test_it_can_be_left_untaught(self, monkeypatch):
        untaught = getattr(ExceptionCheckers.is_error_str_context_window_exceeded, "__wrapped__", None)
        monkeypatch.setattr(
            ExceptionCheckers,
            "is_error_str_context_window_exceeded",
            staticmethod(untaught or ExceptionCheckers.is_error_str_context_window_exceeded),
        )
        TokenGuardCallback(Settings(recognise_context_errors=False))
        assert not ExceptionCheckers.is_error_str_context_window_exceeded(UNNAMED)


class TestDeployments:
    """`async_filter_deployments`, with a proxy's router that has its own check switched on."""

    @pytest.fixture(autouse=True)
    def _proxy(self, monkeypatch):
        router = SimpleNamespace(enable_pre_call_checks=True)
        monkeypatch.setitem(__import__("sys").modules, "litellm.proxy.proxy_server", SimpleNamespace(llm_router=router))

    def deployments(self, *windows: int | None) -> list[dict[str, Any]]:
        return [
            {
                "model_name": "main",
                "litellm_params": {"model": "openai/gpt-4o"},
                "model_info": {"id": str(window), "max_input_tokens": window},
            }
            for window in windows
        ]

    def choose(self, deployments: Any, mode: str = "enforce", call_type: str = "acompletion") -> Any:
        guard = TokenGuardCallback(Settings(mode=mode))
        request = {"metadata": {"token_guard": {"call_type": call_type}}}
        return asyncio.run(guard.async_filter_deployments("main", deployments, HISTORY, request))

    def test_those_that_fit_are_preferred(self):
        assert [one["model_info"]["id"] for one in self.choose(self.deployments(8_000, 128_000, 16_000))] == ["128000"]

    def test_where_none_fits_the_limits_are_lifted_on_copies(self):
        deployments = self.deployments(8_000, 16_000)
        chosen = self.choose(deployments)
        assert [one["model_info"]["max_input_tokens"] for one in chosen] == [10**9, 10**9]
        assert [one["model_info"]["max_input_tokens"] for one in deployments] == [8_000, 16_000]

    def test_the_guard_goes_by_the_true_limit(self):
        assert [open_attempt(one).deployment.model_info for one in self.choose(self.deployments(8_000, 16_000))] == [
            {"id": "8000", "max_input_tokens": 8_000},
            {"id": "16000", "max_input_tokens": 16_000},
        ]
        [unknown] = self.choose([{**self.deployments(None)[0], "model_info": {"id": "u"}}])
        assert open_attempt(unknown).deployment.model_info == {"id": "u"}

    @pytest.mark.parametrize(("mode", "call_type"), [("observe", "acompletion"), ("off", "acompletion"), ("enforce", "aembedding")])
    def test_what_is_not_compacted_is_left_to_the_router(self, mode, call_type):
        deployments = self.deployments(8_000)
        assert self.choose(deployments, mode, call_type) is deployments

    def test_without_that_check_nothing_is_looked_at(self, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "litellm.proxy.proxy_server", SimpleNamespace(llm_router=SimpleNamespace()))
        deployments = self.deployments(8_000)
        assert self.choose(deployments) is deployments

    def test_a_failure_leaves_the_choice_to_the_router(self):
        odd = [{"model_info": 3}]
        assert self.choose(odd) is odd
