"""The LiteLLM callback: hooks in, the thread hop, the fail-open policy, headers and one log line out.

LiteLLM calls `async_pre_call_hook` once for a client's request, `async_pre_call_deployment_hook` for each attempt (retry and
fallback too) with the client's original messages, and the headers hook before the first byte of the answer.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Coroutine, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import litellm
from litellm.exceptions import ContextWindowExceededError
from litellm.integrations.custom_logger import CustomLogger
from litellm.types.utils import CallTypes

from token_guard.budget import ContextLimit
from token_guard.counting import Calibrations, keep_large_counts
from token_guard.errors import ContextOverflowError, where
from token_guard.guard import Guard
from token_guard.limits import Deployment, Discovery, Learned
from token_guard.proxy import refusals
from token_guard.proxy.attempt import (
    Note,
    deployment_of,
    forget_savings,
    is_new_attempt,
    note_of,
    open_note,
    record_savings,
    requested_mode,
)
from token_guard.proxy.embeddings import fit_inputs
from token_guard.proxy.headers import bypassed_headers, log_line, rejected_headers, report_headers
from token_guard.proxy.metrics import open_metrics
from token_guard.proxy.passing import CALL_TYPE, api_of, open_passing_note, passing_note
from token_guard.proxy.prechecks import admissible
from token_guard.proxy.retry import Retries, offer_retry
from token_guard.proxy.summarizer import Summarizer, is_summary_call
from token_guard.proxy.threads import away_from_the_loop
from token_guard.proxy.unseen import POSITIONAL, Unseen
from token_guard.proxy.usage import Sent, Usage, usage_of
from token_guard.report import Fitted
from token_guard.settings import Settings
from token_guard.stores import open_store

__all__ = ["APIS", "TokenGuardCallback"]

logger = logging.getLogger("token_guard")

APIS: Mapping[CallTypes | None, str] = {
    CallTypes.acompletion: "openai.chat",
    CallTypes.anthropic_messages: "anthropic.messages",
    CallTypes.aresponses: "openai.responses",
    CallTypes.responses: "openai.responses",
    CallTypes.atext_completion: "openai.completions",
}
"""The wire format that a LiteLLM call type carries; calls of other types pass by."""

LEARNED_LATER = (CallTypes.anthropic_messages, CallTypes.aresponses)
"""Calls whose success events do not hold what was forwarded in its own format, so that it is kept until then."""

EMBEDDINGS = "openai.embeddings"
"""Inputs without turns, which the main path does not know."""

UNTOUCHED = ("agenerate_content", "agenerate_content_stream")
"""Calls that are only marked as passed by; where litellm translates one, the call inside is fitted and says so."""

PROMPT_FIELDS = ("messages", "system", "input", "instructions", "prompt")
"""Where requests of these formats keep what may be long."""


class TokenGuardCallback(CustomLogger):
    """Fits every request to the deployment that receives it. One instance serves a whole proxy process.

    LiteLLM looks for hooks in the namespace of the instance's own class: in a subclass it would skip these.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        store = open_store(settings.store)
        keep_large_counts(store)
        learned = Learned(store, settings.limits.learned_ttl_seconds)
        discovery = Discovery.if_wanted(settings.limits.discovery, store)
        self.metrics = open_metrics()
        self.summarizer = Summarizer.if_wanted(settings, store, self._limit_of, observe=self._observe_summary)
        self.guard = Guard(settings, calibrations=Calibrations(store), sources=(learned, *discovery), summaries=self.summarizer)
        self.retries = Retries(self.guard.limits, settings.mode)
        if settings.recognise_context_errors:
            refusals.recognise_context_errors()
        threading.Thread(target=self.guard.warm_up, name="token_guard warm-up").start()
        self.unseen = Unseen()
        self.sent = Sent()
        self.failures = 0
        """Requests that the guard failed on, since the start."""

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str) -> dict[str, Any] | None:
        """Open the note of a client's request, and let it be tried again when a provider refuses it as too long.

        What passes through to a provider is fitted here: no other hook sees it.
        """
        if call_type == CALL_TYPE:
            return await self._pass_through(data, getattr(user_api_key_dict, "request_route", None))
        note = open_note(data)
        note["call_type"] = call_type
        if call_type in UNTOUCHED:
            note["headers"] = bypassed_headers()
        if self.settings.allow_request_mode:
            note["mode"] = requested_mode(data)
        try:
            if self._api_of(note):
                offer_retry(data, _router(), getattr(user_api_key_dict, "team_id", None))
        except Exception as error:  # the request itself needs no retry yet
            logger.warning("token_guard cannot offer a retry for %s (%s)", data.get("model"), where(error))
        return None

    async def async_filter_deployments(
        self,
        model: str,
        healthy_deployments: list[Any],
        messages: list[Any] | None,
        request_kwargs: dict[str, Any] | None = None,
        parent_otel_span: Any = None,
    ) -> list[Any]:
        """The deployments that the router's own check of context windows is to choose from, where it is switched on."""
        request = {**(request_kwargs or {}), **({"messages": messages} if messages is not None else {})}
        api = self._api_of(note_of(request))
        if api is None or not getattr(_router(), "enable_pre_call_checks", False):
            return healthy_deployments
        try:
            return await away_from_the_loop(_prompt(request), admissible, self.guard, model, healthy_deployments, request, api)
        except Exception as error:
            logger.warning("token_guard chose no deployment for %s (%s); the router's own check decides", model, where(error))
            return healthy_deployments

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: CallTypes | None) -> dict[str, Any] | None:
        """The arguments of one attempt, fitted to its deployment; None when they stay as they are."""
        api = self._fitted_as(call_type)
        note = note_of(kwargs)
        if call_type is CallTypes.acompletion and "messages" not in kwargs:
            self.unseen.notice(POSITIONAL)
        if api is None or is_summary_call() or not is_new_attempt(note, kwargs):
            return None
        forget_savings(kwargs)
        fitted = await self._guarded(self._fit(kwargs, api, note.get("mode")), kwargs, note, api)
        if fitted is None:
            return None
        changed = fitted.request is not kwargs
        if changed:
            record_savings(kwargs, fitted.report)
        forwarded = {**kwargs, **fitted.request} if changed else kwargs
        if call_type in LEARNED_LATER:
            self.sent.keep(api, forwarded)
        return forwarded if changed else None

    def log_pre_api_call(self, model: str, messages: Any, kwargs: Mapping[str, Any]) -> None:
        """Warn of calls that no hook above is asked about: this one alone is called for all."""
        style = kwargs.get("call_type")
        if self.settings.mode != "off" and not (style == "embedding" and self.settings.on_too_long == "pass"):
            self.unseen.notice(style)

    async def async_post_call_failure_deployment_hook(
        self, request_data: Mapping[str, Any], exception: Exception, call_type: CallTypes | None, fallback_depth: int | None = None
    ) -> None:
        """Learn from an attempt that the provider refused as too long."""
        if call_type not in APIS or refusals.is_own(exception):
            return
        if await asyncio.to_thread(self.retries.refused, request_data, exception) and self.metrics:
            self.metrics.context_error(str(request_data.get("model")))

    async def async_log_failure_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Learn from a stream that failed after it had begun: the failure hook above is not told of it."""
        error, attempt = kwargs.get("exception"), kwargs.get("litellm_params")
        if kwargs.get("stream") and isinstance(error, Exception) and not refusals.is_own(error) and isinstance(attempt, Mapping):
            await asyncio.to_thread(self.retries.refused_inside, {**attempt, "model": kwargs.get("model")}, error)

    async def async_log_success_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Learn from what the provider counted, off the event loop."""
        try:
            usage = usage_of(kwargs) or self.sent.usage_of(kwargs)
            if usage is not None and self.guard.calibrations.wants_sample(usage.deployment.id):
                await asyncio.to_thread(self._learn, usage)
        except Exception as error:  # the request is answered: what cannot be learned from it is no failure of it
            logger.info("token_guard learned nothing from a response (%s)", where(error))

    async def async_post_call_response_headers_hook(
        self,
        data: dict[str, Any],
        user_api_key_dict: Any,
        response: Any,
        request_headers: dict[str, str] | None = None,
        litellm_call_info: dict[str, Any] | None = None,
    ) -> dict[str, str] | None:
        """What was done to the request, as headers of its answer, be it whole, a stream or an error."""
        return (note_of(data) or passing_note()).get("headers") if self.settings.headers else None

    async def _pass_through(self, body: dict[str, Any], route: str | None) -> dict[str, Any] | None:
        """The body of a call that litellm only passes on, fitted to the model that it names; None when it stays as it is."""
        note, api = open_passing_note(), api_of(body, route)
        if api is None:
            return None
        process = partial(self.guard.process, api=api)
        fitted = await self._guarded(away_from_the_loop(_prompt(body), process, body), body, note, api)
        return None if fitted is None or fitted.request is body else dict(fitted.request)

    async def _guarded(self, fitting: Coroutine[Any, Any, Fitted], kwargs: Mapping[str, Any], note: Note, api: str) -> Fitted | None:
        """What fitting gives, noted and counted; None where it failed and the original goes on."""
        try:
            return self._noted(await fitting, kwargs, note)
        except ContextOverflowError as error:
            note["headers"] = rejected_headers(error)
            raise refusals.overflow(error, _provider(kwargs), api=api, headers=note["headers"] if self.settings.headers else {}) from None
        except (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError, ContextWindowExceededError):
            raise
        except BaseException as error:  # tokenizers in Rust panic with a BaseException
            self._fail(error, kwargs, note)
            return None

    def _fitted_as(self, call_type: CallTypes | None) -> str | None:
        """The format by which a call is to be fitted; None for one that passes by."""
        if call_type is CallTypes.aembedding and self.settings.on_too_long != "pass":
            return EMBEDDINGS
        return APIS.get(call_type)

    async def _fit(self, kwargs: Mapping[str, Any], api: str, mode: str | None) -> Fitted:
        if api == EMBEDDINGS:
            return await self._fit_inputs(kwargs, mode)
        cap = self.retries.cap(kwargs)
        process = partial(self.guard.process, api=api, deployment=deployment_of(kwargs), mode=mode, at_most=cap)
        with self._on_behalf_of(kwargs, mode):
            return await away_from_the_loop(_prompt(kwargs), process, kwargs)

    def _on_behalf_of(self, kwargs: Mapping[str, Any], mode: str | None) -> AbstractContextManager[None]:
        """What is only observed wants no summaries."""
        wants = self.summarizer and (mode or self.settings.mode) == "enforce"
        return self.summarizer.on_behalf_of(kwargs) if self.summarizer and wants else nullcontext()

    def _limit_of(self, model: str, deployment: Deployment | None) -> ContextLimit:
        return self.guard.limits.resolve(model, deployment)

    def _observe_summary(self, outcome: str) -> None:
        if self.metrics:
            self.metrics.summaries.labels(outcome).inc()

    async def _fit_inputs(self, kwargs: Mapping[str, Any], mode: str | None) -> Fitted:
        reject = self.settings.on_too_long == "reject"
        mode = mode or self.settings.mode
        process = partial(fit_inputs, limits=self.guard.limits, deployment=deployment_of(kwargs), reject=reject, mode=mode)
        return await away_from_the_loop(kwargs.get("input"), process, kwargs)

    def _api_of(self, note: Note) -> str | None:
        """The format of a request that is to be rewritten; None where it is only looked at, or not even that."""
        if (note.get("mode") or self.settings.mode) != "enforce":
            return None
        return next((api for kind, api in APIS.items() if kind and kind.value == note.get("call_type")), None)

    def _learn(self, usage: Usage) -> None:
        request = usage.request
        counts = (litellm.token_counter(model=request["model"], messages=messages) for messages in usage.guessed if _are_messages(messages))
        counted = next((count for count in counts if count == usage.prompt_tokens), None)
        correction = self.guard.learn(
            request, usage.prompt_tokens, api=usage.api, deployment=usage.deployment, estimate=usage.estimate, litellm_count=counted
        )
        if correction and self.metrics:
            self.metrics.learned(request["model"], correction)

    def _noted(self, fitted: Fitted, kwargs: Mapping[str, Any], note: Note) -> Fitted:
        note["headers"] = report_headers(fitted.report)
        note["estimate"] = fitted.report.tokens_after if fitted.report.action == "compacted" else None
        note["sent"] = fitted.report.tokens_after
        if self.metrics:
            self.metrics.observe(fitted.report)
        if fitted.request is not kwargs:
            logger.info(log_line(fitted.report))
        return fitted

    def _fail(self, error: BaseException, kwargs: Mapping[str, Any], note: Note) -> None:
        """The fail-open policy: count, log one line without any content, and let the original through, or refuse."""
        self.failures += 1
        note["failures"] = note.get("failures", 0) + 1
        note["headers"] = bypassed_headers()
        forward = self.settings.on_error == "forward"
        outcome = "the original is forwarded" if forward else "the request is refused"
        logger.warning("token_guard failed on a request for %s (%s); %s", kwargs.get("model"), where(error), outcome)
        if not forward:
            raise refusals.failed(str(kwargs.get("model")), _provider(kwargs))


def _router() -> Any:
    """The router of the proxy that this process is; None without one."""
    return getattr(sys.modules.get("litellm.proxy.proxy_server"), "llm_router", None)


def _prompt(kwargs: Mapping[str, Any]) -> list[Any]:
    return [kwargs.get(field) for field in PROMPT_FIELDS]


def _are_messages(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(message, dict) and "role" in message for message in value)


def _provider(kwargs: Mapping[str, Any]) -> str:
    return str(kwargs.get("custom_llm_provider") or "")
