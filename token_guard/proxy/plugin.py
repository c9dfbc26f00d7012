"""The LiteLLM callback: what each hook hands on, and to whom.

LiteLLM calls `async_pre_call_hook` once for a client's request, `async_pre_call_deployment_hook` for each attempt (retry and
fallback too) with the client's original messages, and the headers hook before the first byte of the answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any

from litellm.exceptions import ContextWindowExceededError
from litellm.integrations.custom_logger import CustomLogger
from litellm.types.utils import CallTypes

from token_guard.budget import ContextLimit
from token_guard.counting import Calibrations, keep_large_counts
from token_guard.errors import ContextOverflowError, tell, where
from token_guard.guard import Guard
from token_guard.limits import Discovery, Learned, Served
from token_guard.proxy import refusals
from token_guard.proxy.alarms import Alarms
from token_guard.proxy.answers import Answers
from token_guard.proxy.attempt import Attempt, Note, note_of, open_attempt, open_note
from token_guard.proxy.callers import proxys_redis, router
from token_guard.proxy.fallbacks import offer_retry
from token_guard.proxy.fitting import CARRIED, EMBEDDINGS, Fitting, prompt_of
from token_guard.proxy.generate_content import goes_to_gemini
from token_guard.proxy.headers import bypassed_headers, history_headers, remark_headers
from token_guard.proxy.holding import Holding
from token_guard.proxy.learning import Learning
from token_guard.proxy.metrics import open_metrics
from token_guard.proxy.noting import LEVELS, Noting
from token_guard.proxy.overrides import Overrides
from token_guard.proxy.own_calls import is_own_call
from token_guard.proxy.passing import CALL_TYPE, api_of, open_passing_note, passing_note
from token_guard.proxy.prechecks import admissible
from token_guard.proxy.retries import Retries
from token_guard.proxy.retrieval import Retrieval
from token_guard.proxy.savings import forget_savings, record_savings
from token_guard.proxy.shadow import Shadow
from token_guard.proxy.summarizer import Summarizer
from token_guard.proxy.threads import away_from_the_loop, in_the_background
from token_guard.proxy.tracked import Tracked
from token_guard.proxy.unseen import POSITIONAL, Unseen
from token_guard.proxy.usage import Sent
from token_guard.report import Fitted
from token_guard.sessions import Tracking
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
    CallTypes.agenerate_content: "gemini.contents",
    CallTypes.agenerate_content_stream: "gemini.contents",
}
"""The wire format that a LiteLLM call type carries; calls of other types pass by."""

APIS_BY_NAME: Mapping[str, str] = {kind.value: api for kind, api in APIS.items() if kind}

GEMINI_CALLS = (CallTypes.agenerate_content, CallTypes.agenerate_content_stream)
GEMINI_NAMES = tuple(kind.value for kind in GEMINI_CALLS)
"""Calls that LiteLLM translates to chat where the model is not Gemini's: then the call inside is fitted, and this one passes by."""

LEARNED_LATER = (CallTypes.anthropic_messages, CallTypes.aresponses, *GEMINI_CALLS)
"""Calls whose success events do not hold what was forwarded in its own format, so that it is kept until then."""


class TokenGuardCallback(CustomLogger):
    """Fits every request to the deployment that receives it. One instance serves a whole proxy process.

    LiteLLM looks for hooks in the namespace of the instance's own class: in a subclass it would skip these.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.metrics = open_metrics()
        store = open_store(settings.store, observe=self._observe_store, proxys_redis=proxys_redis)
        keep_large_counts(store)
        learned = Learned(store, settings.limits.learned_ttl_seconds)
        discovery = Discovery.if_wanted(settings.limits.discovery, store)
        self.store = store
        tracking = Tracking(store, settings.sessions.retention_seconds) if settings.sessions.enabled else None
        self.holding = Holding.if_wanted(settings, store, self._observe_history)
        self.retrieval = Retrieval.if_wanted(settings, store, self._observe_retrieval)
        self.alarms = Alarms(self.metrics.alarm if self.metrics else lambda _alarm: None)
        self.noting = Noting(self.metrics, self.alarms, LEVELS[settings.log_level], Tracked(tracking) if tracking else None)
        self.answers = Answers(self.metrics, self.alarms, self.noting.recent)
        self.overrides = Overrides(settings, self._observe_ignored)
        told = {"observe": self._observe_summary, "charge": self.answers.debts.owe}
        self.summarizer = Summarizer.if_wanted(settings, store, self._limit_of, **told)
        known = Calibrations(store)
        self.guard = Guard(settings, calibrations=known, sources=(learned, *discovery), summaries=self.summarizer, carried=CARRIED)
        self.shadow = Shadow.if_wanted(settings, self.guard, store, observe=self._observe_shadow)
        self.retries = Retries(self.guard.limits, min_output_tokens=settings.min_output_tokens)
        if settings.recognise_context_errors:
            refusals.recognise_context_errors()
        in_the_background(self.guard.warm_up, "token_guard warm-up")
        self.unseen = Unseen()
        self.sent = Sent()
        self._ready: set[str] = set()
        self.failures = 0
        """Requests that the guard failed on, since the start."""

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str) -> dict[str, Any] | None:
        """Open the note of a client's request, and let it be tried again when a provider refuses it as too long.

        What passes through to a provider is fitted here: no other hook sees it.
        """
        if call_type == CALL_TYPE:
            return await self._pass_through(data, user_api_key_dict)
        note, asked = open_note(data)
        note["call_type"] = call_type
        self.overrides.note(data, user_api_key_dict, note, asked)
        if self.holding and self.overrides.mode(note, str(data.get("model") or "")) != "off":
            await self.holding.begin(data, note, APIS_BY_NAME.get(call_type, ""))
        if call_type in GEMINI_NAMES:  # until an attempt says otherwise
            note["headers"] = bypassed_headers()
        try:
            if self._rewrites(note, data.get("model")):
                offer_retry(data, router(), getattr(user_api_key_dict, "team_id", None))
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
        if not getattr(router(), "enable_pre_call_checks", False):
            return healthy_deployments
        request = {**(request_kwargs or {}), **({"messages": messages} if messages is not None else {})}
        api = self._rewrites(note_of(request), model)
        if api is None:
            return healthy_deployments
        try:
            return await away_from_the_loop(prompt_of(request), admissible, self.guard, model, healthy_deployments, request, api)
        except Exception as error:
            logger.warning("token_guard chose no deployment for %s (%s); the router's own check decides", model, where(error))
            return healthy_deployments

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: CallTypes | None) -> dict[str, Any] | None:
        """The arguments of one attempt, fitted to its deployment; None when they stay as they are."""
        if call_type is CallTypes.acompletion and "messages" not in kwargs:
            self.unseen.notice(POSITIONAL)
        attempt = self._attempt(kwargs, self._api_of(call_type, kwargs))
        if not attempt.api or is_own_call() or not attempt.begin():
            return None
        if self.retrieval and self.retrieval.answers(attempt):
            return None
        forget_savings(attempt)
        offering = self.retrieval.offered(attempt) if self.retrieval else attempt
        fitted = await self._guarded(offering, self.fitting(offering))
        if fitted is None:
            return None
        if self.retrieval and offering is not attempt:
            tell(self.retrieval.keep, offering, fitted)
        forwarded = self._forwarded(offering, fitted, learned_later=call_type in LEARNED_LATER)
        return forwarded if offering is attempt else forwarded or dict(offering.request)

    def log_pre_api_call(self, model: str, messages: Any, kwargs: Mapping[str, Any]) -> None:
        """Warn of calls that no hook above is asked about: this one alone is called for all."""
        style = kwargs.get("call_type")
        if self.settings.mode != "off" and not (style == "embedding" and self.settings.on_too_long == "pass"):
            self.unseen.notice(style)

    async def async_post_call_failure_deployment_hook(
        self, request_data: Mapping[str, Any], exception: Exception, call_type: CallTypes | None, fallback_depth: int | None = None
    ) -> None:
        """Learn from an attempt that the provider refused as too long."""
        api = "" if call_type is CallTypes.aembedding else self._api_of(call_type, request_data)
        if not api or refusals.is_own(exception):
            return
        attempt = self._attempt(request_data, api)
        if await asyncio.to_thread(self.retries.refused, attempt, exception) and self.metrics:
            tell(self.metrics.context_error, attempt.model)

    async def async_log_failure_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Learn from a stream that failed after it had begun: the failure hook above is not told of it."""
        error, params = kwargs.get("exception"), kwargs.get("litellm_params")
        if kwargs.get("stream") and isinstance(params, Mapping):
            self.noting.ended_badly(params)
        if kwargs.get("stream") and isinstance(error, Exception) and not refusals.is_own(error) and isinstance(params, Mapping):
            attempt = self._attempt({**params, "model": kwargs.get("model")})
            await asyncio.to_thread(self.retries.refused_inside, attempt, error)

    async def async_logging_hook(self, kwargs: dict[str, Any], result: Any, call_type: str) -> tuple[dict[str, Any], Any]:
        """Say what an answer tells of prompt cache and savings, before any logger of LiteLLM's writes of it."""
        if not is_own_call():
            await self.answers(kwargs)
        return kwargs, result

    async def async_log_success_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Learn from what the provider counted; not of the guard's own calls, whose messages LiteLLM is told to hide from events."""
        if is_own_call():
            return
        await Learning(self.guard, self.sent, self.noting.learned, self._ready)(kwargs)
        if self.shadow:
            tell(self.shadow.answered, kwargs)

    async def async_post_call_failure_hook(
        self, request_data: dict[str, Any], original_exception: Exception, user_api_key_dict: Any, traceback_str: str | None = None
    ) -> None:
        """Note a client's request that got no answer, after its last attempt, and wait for none any more."""
        self.noting.ended_badly(request_data)
        self.answers.failed(request_data)
        if self.shadow:
            tell(self.shadow.failed, request_data)

    async def async_post_call_response_headers_hook(
        self,
        data: dict[str, Any],
        user_api_key_dict: Any,
        response: Any,
        request_headers: dict[str, str] | None = None,
        litellm_call_info: dict[str, Any] | None = None,
    ) -> dict[str, str] | None:
        """What was done to the request, as headers of its answer, be it whole, a stream or an error."""
        return self._headers(note_of(data) or passing_note())

    @property
    def fitting(self) -> Fitting:
        """What fits an attempt, with this callback's guard."""
        return Fitting(self.guard, self.retries, self.summarizer, self.settings)

    async def _pass_through(self, body: dict[str, Any], auth: Any) -> dict[str, Any] | None:
        """The body of a call that litellm only passes on, fitted to the model that it names; None when it stays as it is."""
        note, api = open_passing_note(), api_of(body, getattr(auth, "request_route", None))
        if api is None:
            return None
        self.overrides.note({}, auth, note, {})
        # the body is the client's: whatever stands in it is no deployment, no litellm parameter and no option
        attempt = replace(self._attempt({}, api, note), request=body, model=str(body["model"]))
        fitted = await self._guarded(attempt, self.fitting.passing(attempt))
        return None if fitted is None or fitted.request is body else dict(fitted.request)

    def _attempt(self, arguments: Mapping[str, Any], api: str = "", note: Note | None = None) -> Attempt:
        return self.overrides.applied(open_attempt(arguments, api=api, mode=self.settings.mode, note=note))

    async def _guarded(self, attempt: Attempt, fitting: Coroutine[Any, Any, Fitted]) -> Fitted | None:
        """What fitting gives, noted; None where it failed and the original goes on: the fail-open policy."""
        try:
            fitted = await fitting
            self.noting.done(attempt, fitted)
            return fitted
        except ContextOverflowError as error:
            self.noting.refused(attempt, error)
            said = self.retries.words_of(attempt)
            if said:  # the provider itself knows better than we do what it takes
                raise refusals.repeated(said, attempt.model, attempt.provider) from None
            raise refusals.overflow(error, attempt.provider, api=attempt.api, headers=self._headers(attempt.note) or {}) from None
        except (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError, ContextWindowExceededError):
            raise
        except BaseException as error:  # tokenizers in Rust panic with a BaseException
            self.failures += 1
            forwarded = self.settings.on_error == "forward"
            self.noting.failed(attempt, error, "forwarded" if forwarded else "refused")
            if not forwarded:
                raise refusals.failed(attempt.model, attempt.provider) from None
            return None

    def _forwarded(self, attempt: Attempt, fitted: Fitted, *, learned_later: bool) -> dict[str, Any] | None:
        """The arguments that are to be used instead of the attempt's own; None where those are right."""
        changed = fitted.request is not attempt.request
        record_savings(attempt, fitted.report, changed=changed)
        self.answers.keep(attempt, fitted)
        if self.shadow:
            tell(self.shadow.keep, attempt, fitted)
        forwarded = {**attempt.request, **fitted.request} if changed else attempt.request
        if learned_later:
            self.sent.keep(attempt.api, forwarded)
        return dict(forwarded) if changed else None

    def _headers(self, note: Note) -> dict[str, str] | None:
        told = {**(note.get("headers") or {}), **history_headers(note.get("history") or ""), **remark_headers(note.get("remark") or "")}
        return told or None if self.settings.headers else None

    def _api_of(self, call_type: CallTypes | None, request: Mapping[str, Any]) -> str:
        """The format by which a call is to be fitted; empty for one that passes by."""
        if call_type in GEMINI_CALLS and not goes_to_gemini(request):
            return ""
        if call_type is CallTypes.aembedding and self.settings.on_too_long != "pass":
            return EMBEDDINGS
        return APIS.get(call_type, "")

    def _rewrites(self, note: Note, group: Any) -> str | None:
        """The format of a request that is to be rewritten; None where it is only looked at, or not even that."""
        if self.overrides.mode(note, str(group or "")) != "enforce":
            return None
        return APIS_BY_NAME.get(str(note.get("call_type")))

    def _limit_of(self, served: Served) -> ContextLimit:
        return served.limit(self.guard.limits)

    def _observe_store(self, what: str, number: int) -> None:
        if self.metrics:
            tell(self.metrics.store, what, number)

    def _observe_history(self, outcome: str) -> None:
        if self.metrics:
            self.metrics.histories.labels(outcome).inc()

    def _observe_retrieval(self, outcome: str) -> None:
        if self.metrics:
            self.metrics.retrievals.labels(outcome).inc()

    def _observe_ignored(self, place: str) -> None:
        if self.metrics:
            self.metrics.ignored.labels(place).inc()

    def _observe_summary(self, outcome: str) -> None:
        if self.metrics:
            self.metrics.summaries.labels(outcome).inc()

    def _observe_shadow(self, outcome: str) -> None:
        if self.metrics:
            self.metrics.shadows.labels(outcome).inc()
