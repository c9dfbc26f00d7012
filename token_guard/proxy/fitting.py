"""Fitting one attempt to the deployment that receives it, away from the event loop."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from token_guard.guard import Guard
from token_guard.proxy.attempt import Attempt
from token_guard.proxy.embeddings import fit_inputs
from token_guard.proxy.retries import Cap, Retries
from token_guard.proxy.summarizer import Summarizer
from token_guard.proxy.threads import away_from_the_loop
from token_guard.report import Fitted
from token_guard.settings import Settings

__all__ = ["EMBEDDINGS", "Fitting", "prompt_of"]

EMBEDDINGS = "openai.embeddings"
"""Inputs without turns, which the main path does not know."""

PROMPT_FIELDS = ("messages", "system", "input", "instructions", "prompt")
"""Where requests of these formats keep what may be long."""

WHOLE = ("none", "clamped")
"""What was done to a request whose messages stayed as they were."""


def prompt_of(request: Mapping[str, Any]) -> list[Any]:
    """What of a request may be long."""
    return [request.get(field) for field in PROMPT_FIELDS]


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
            return await away_from_the_loop(prompt_of(attempt.request), self._fitted, attempt, cap)

    async def passing(self, attempt: Attempt) -> Fitted:
        """The same for a call that litellm only passes on: no deployment was chosen for it, and nobody tries it again."""
        process = partial(self.guard.process, api=attempt.api)
        return await away_from_the_loop(prompt_of(attempt.request), process, attempt.request)

    def _fitted(self, attempt: Attempt, cap: Cap | None) -> Fitted:
        process = partial(self.guard.process, api=attempt.api, deployment=attempt.deployment, mode=attempt.mode)
        if cap is None:
            return process(attempt.request, at_most=None)
        if cap.reply is None:
            return process(attempt.request, at_most=cap.prompt)
        lowered = self.guard.with_reply(attempt.request, cap.reply, api=attempt.api, deployment=attempt.deployment)
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
