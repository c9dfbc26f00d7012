"""Fitting one attempt to the deployment that receives it, away from the event loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from token_guard.formats.retrieval import offers
from token_guard.guard import Guard
from token_guard.proxy.attempt import Attempt
from token_guard.proxy.callers import caller_of
from token_guard.proxy.embeddings import fit_inputs
from token_guard.proxy.retries import Cap, Retries
from token_guard.proxy.summarizer import Summarizer
from token_guard.proxy.threads import away_from_the_loop, in_time
from token_guard.report import Fitted
from token_guard.settings import Settings

__all__ = ["CARRIED", "EMBEDDINGS", "Fitting", "prompt_of"]

logger = logging.getLogger("token_guard")

EMBEDDINGS = "openai.embeddings"
"""Inputs without turns, which the main path does not know."""

PROMPT_FIELDS = (
    *("messages", "system", "input", "instructions", "prompt"),
    *("tools", "functions", "tool_choice", "response_format", "text", "documents", "extra_body", "context_management", "model"),
    *("chat_template_kwargs", "contents", "systemInstruction", "system_instruction", "config"),
)
"""Where requests of these formats keep what takes time to look at."""

CARRIED = frozenset(
    (
        *("api_base", "api_key", "api_version", "custom_llm_provider", "model_info", "organization", "timeout", "stream_timeout"),
        *("metadata", "litellm_metadata", "proxy_server_request", "secret_fields", "litellm_logging_obj", "_context_compaction_state"),
        *("litellm_call_id", "litellm_trace_id", "litellm_session_id", "client", "shared_session", "caching", "max_retries", "num_retries"),
        *("fallbacks", "context_window_fallbacks", "fallback_depth", "tags", "allow_client_keepalive_override", "use_in_pass_through"),
        *("use_litellm_proxy", "use_xai_oauth", "merge_reasoning_content_in_choices", "input_cost_per_token", "output_cost_per_token"),
        *("stream_options", "n", "seed", "stop", "user", "logit_bias", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs"),
    )
)
"""What LiteLLM adds to the arguments of a call, and how tokens of the answer are chosen: nothing of it is in a prompt. What tells a window
(`model_info`, headers of the client's) is looked at apart."""

FIRST_SHARE = 0.6
"""Of the time that a request may take, what compaction has before the cheapest way is taken in its stead."""

WHOLE = ("none", "clamped")
"""What was done to a request whose messages stayed as they were."""


def prompt_of(request: Mapping[str, Any]) -> list[Any]:
    """What of a request may take time to look at."""
    return [value for field in PROMPT_FIELDS if (value := request.get(field)) is not None]


@dataclass(frozen=True, slots=True)
class Fitting:
    """Called with an attempt: its request as it is to be forwarded. Raises what the guard raises, and a refusal that is known already."""

    guard: Guard
    retries: Retries
    summarizer: Summarizer | None
    settings: Settings

    async def __call__(self, attempt: Attempt) -> Fitted:
        """Fit it, in a thread where it is long."""
        if attempt.api == EMBEDDINGS:
            return await away_from_the_loop(attempt.request.get("input"), self._inputs, attempt)
        cap = self.retries.cap(attempt)
        with self._on_behalf_of(attempt):
            return await self._in_time(attempt, partial(self._fitted, cap=cap))

    async def passing(self, attempt: Attempt) -> Fitted:
        """The same for a call that litellm only passes on: no deployment was chosen for it, and nobody tries it again."""
        return await self._in_time(attempt, _passed)

    async def _in_time(self, attempt: Attempt, fitted: Callable[[Guard, Attempt], Fitted]) -> Fitted:
        """What fitting gives within the time that a request may take: where compaction takes too long, or many others were before it,
        the cheapest way decides. Raises TimeoutError when that takes too long, too, once it has begun."""
        seconds, caller = self.settings.max_overhead_ms / 1_000, caller_of(attempt.request)
        chosen = self.guard.with_options(attempt.options) if attempt.options else self.guard
        guard = chosen.keyed if offers(attempt.request.get("tools")) else chosen
        weighed = prompt_of(attempt.request)
        try:
            return await in_time(weighed, partial(fitted, guard, attempt), caller=caller, seconds=FIRST_SHARE * seconds)
        except TimeoutError:
            logger.warning("token_guard took too long with a request for %s; the oldest goes, and nothing else is done", attempt.model)
            hurried = partial(fitted, guard.hurried, attempt)
            return await in_time(weighed, hurried, caller=caller, seconds=(1 - FIRST_SHARE) * seconds, hasty=True)

    def _fitted(self, guard: Guard, attempt: Attempt, cap: Cap | None) -> Fitted:
        process = partial(guard.process, api=attempt.api, deployment=attempt.deployment, mode=attempt.mode)
        if cap is None:
            return process(attempt.request, at_most=None)
        if cap.reply is None:
            return process(attempt.request, at_most=cap.prompt)
        lowered = guard.with_reply(attempt.request, cap.reply, api=attempt.api, deployment=attempt.deployment)
        if cap.prompt is None and attempt.note.get("action") in WHOLE:
            return lowered
        done = process(lowered.request, at_most=cap.prompt)
        shorter = done.report.max_output_tokens or lowered.report.max_output_tokens
        action = lowered.report.action if done.report.action == "none" else done.report.action
        return replace(done, report=replace(done.report, action=action, max_output_tokens=shorter))

    def _inputs(self, attempt: Attempt) -> Fitted:
        reject = self.settings.on_too_long == "reject"
        return fit_inputs(attempt.request, self.guard.limits, attempt.deployment, reject=reject, mode=attempt.mode)

    def _on_behalf_of(self, attempt: Attempt) -> AbstractContextManager[None]:
        """What is only observed wants no summaries."""
        wants = self.summarizer and attempt.mode == "enforce"
        return self.summarizer.on_behalf_of(attempt.request) if self.summarizer and wants else nullcontext()


def _passed(guard: Guard, attempt: Attempt) -> Fitted:
    return guard.process(attempt.request, api=attempt.api, mode=attempt.mode)
