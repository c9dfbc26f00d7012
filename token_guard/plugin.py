"""The LiteLLM callback: hooks in, the thread hop, the fail-open policy, headers and one log line out.

LiteLLM calls `async_pre_call_hook` once for a client's request, `async_pre_call_deployment_hook` for each attempt (retry and
fallback too) with the client's original messages, and the headers hook before the first byte of the answer.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from traceback import extract_tb
from typing import Any

import litellm
from litellm.integrations.custom_logger import CustomLogger
from litellm.types.utils import CallTypes

from token_guard import refusals
from token_guard.attempt import Note, deployment_of, forget_savings, is_new_attempt, note_of, open_note, record_savings, requested_mode
from token_guard.counting import Calibrations, keep_large_counts
from token_guard.errors import ConfigError, ContextOverflowError
from token_guard.guard import Guard
from token_guard.headers import bypassed_headers, passes, rejected_headers, report_headers
from token_guard.limits import Deployment
from token_guard.metrics import open_metrics
from token_guard.report import Fitted, Report
from token_guard.settings import Settings
from token_guard.stores import open_store
from token_guard.usage import Usage, usage_of

__all__ = ["TokenGuardCallback", "build_callback", "install"]

logger = logging.getLogger("token_guard")

APIS: Mapping[CallTypes | None, str] = {CallTypes.acompletion: "openai.chat"}
"""The wire format that a LiteLLM call type carries; calls of other types pass by."""

INLINE_CHARACTERS = 8_192
"""Up to this much text is handled on the event loop: the hop to a thread takes 40 us, a request of this size 80 us (1 ms when new)."""

STARTUP_FAILURE = 3
"""The exit status by which uvicorn and gunicorn know that a worker cannot start, and stop instead of starting it again."""


class TokenGuardCallback(CustomLogger):
    """Fits every request to the deployment that receives it. One instance serves a whole proxy process.

    LiteLLM looks for hooks in the namespace of the instance's own class: in a subclass it would skip these.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        store = open_store(settings.store)
        keep_large_counts(store)
        self.guard = Guard(settings, calibrations=Calibrations(store))
        self.metrics = open_metrics()
        threading.Thread(target=self.guard.warm_up, name="token_guard warm-up").start()
        self.failures = 0
        """Requests that the guard failed on, since the start."""

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str) -> None:
        """Open the note of a client's request."""
        note = open_note(data)
        if self.settings.allow_request_mode:
            note["mode"] = requested_mode(data)

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: CallTypes | None) -> dict[str, Any] | None:
        """The arguments of one attempt, fitted to its deployment; None when they stay as they are."""
        api = APIS.get(call_type)
        note = note_of(kwargs)
        if api is None or not is_new_attempt(note, kwargs):
            return None
        forget_savings(kwargs)
        try:
            return self._accept(await self._fit(kwargs, api, note.get("mode")), kwargs, note)
        except ContextOverflowError as error:
            note["headers"] = rejected_headers(error)
            raise refusals.overflow(error, _provider(kwargs)) from None
        except (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException as error:  # tokenizers in Rust panic with a BaseException
            self._fail(error, kwargs, note)
            return None

    async def async_log_success_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Learn from what the provider counted, off the event loop."""
        try:
            usage = usage_of(kwargs)
            if usage is not None and self.guard.calibrations.wants_sample(usage.deployment.id):
                await asyncio.to_thread(self._learn, usage)
        except Exception as error:  # the request is answered: what cannot be learned from it is no failure of it
            logger.info("token_guard learned nothing from a response (%s)", _where(error))

    async def async_post_call_response_headers_hook(
        self,
        data: dict[str, Any],
        user_api_key_dict: Any,
        response: Any,
        request_headers: dict[str, str] | None = None,
        litellm_call_info: dict[str, Any] | None = None,
    ) -> dict[str, str] | None:
        """What was done to the request, as headers of its answer, be it whole, a stream or an error."""
        return note_of(data).get("headers") if self.settings.headers else None

    async def _fit(self, kwargs: Mapping[str, Any], api: str, mode: str | None) -> Fitted:
        deployment = deployment_of(kwargs)
        if _is_short(kwargs.get("messages"), INLINE_CHARACTERS):
            return self._process(kwargs, api, deployment, mode)
        return await asyncio.to_thread(self._process, kwargs, api, deployment, mode)

    def _process(self, kwargs: Mapping[str, Any], api: str, deployment: Deployment, mode: str | None) -> Fitted:
        try:
            return self.guard.process(kwargs, api=api, deployment=deployment, mode=mode)
        except StopIteration as error:  # before Python 3.12 a future cannot hold it: whoever awaits the thread would wait for ever
            raise RuntimeError("StopIteration") from error

    def _learn(self, usage: Usage) -> None:
        request = usage.request
        counted = litellm.token_counter(model=request["model"], messages=request["messages"]) if usage.guessed else None
        correction = self.guard.learn(
            request, usage.prompt_tokens, deployment=usage.deployment, estimate=usage.estimate, litellm_count=counted
        )
        if correction and self.metrics:
            self.metrics.learned(request["model"], correction)

    def _accept(self, fitted: Fitted, kwargs: dict[str, Any], note: Note) -> dict[str, Any] | None:
        note["headers"] = report_headers(fitted.report)
        note["estimate"] = fitted.report.tokens_after if fitted.report.action == "compacted" else None
        if self.metrics:
            self.metrics.observe(fitted.report)
        if fitted.request is kwargs:
            return None
        record_savings(kwargs, fitted.report)
        logger.info(_line(fitted.report))
        return {**kwargs, **fitted.request}

    def _fail(self, error: BaseException, kwargs: Mapping[str, Any], note: Note) -> None:
        """The fail-open policy: count, log one line without any content, and let the original through, or refuse."""
        self.failures += 1
        note["failures"] = note.get("failures", 0) + 1
        note["headers"] = bypassed_headers()
        forward = self.settings.on_error == "forward"
        outcome = "the original is forwarded" if forward else "the request is refused"
        logger.warning("token_guard failed on a request for %s (%s); %s", kwargs.get("model"), _where(error), outcome)
        if not forward:
            raise refusals.failed(str(kwargs.get("model")), _provider(kwargs))


@cache
def build_callback() -> TokenGuardCallback:
    """The callback of this process, with the settings of `callback_settings.token_guard`.

    Raises ConfigError when they are wrong; in a proxy that is starting, writes its line to stderr and ends the process.
    """
    try:
        return TokenGuardCallback(_configured())
    except ConfigError as error:
        if not _is_in_a_proxy():
            raise
        # What is raised here reaches the operator above and below eighty lines of traceback, and SystemExit does not end uvicorn.
        sys.stdout.flush()
        print(f"token_guard: {error}", file=sys.stderr, flush=True)
        os._exit(STARTUP_FAILURE)


def install(settings: Settings | None = None) -> TokenGuardCallback:
    """Register the callback for litellm used without a proxy, and return it; one with the same settings stays.

    It sees asynchronous calls only: litellm asks no callback before a synchronous one (use `fit` there).
    """
    installed = [callback for callback in litellm.callbacks if isinstance(callback, TokenGuardCallback)]
    if installed and settings in (None, installed[0].settings):
        return installed[0]
    callback = TokenGuardCallback(settings) if settings else build_callback()
    litellm.callbacks = [other for other in litellm.callbacks if other not in installed] + [callback]
    return callback


def _configured() -> Settings:
    sections = litellm.callback_settings or {}
    if not isinstance(sections, Mapping):
        raise ConfigError(f"callback_settings must be a mapping of sections, not {type(sections).__name__}")
    return Settings.load(sections.get("token_guard"))


def _is_in_a_proxy() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return "litellm.proxy.proxy_server" in sys.modules


def _provider(kwargs: Mapping[str, Any]) -> str:
    return str(kwargs.get("custom_llm_provider") or "")


def _is_short(value: Any, characters: int) -> bool:
    """Whether all texts in a JSON value together have at most so many characters; stops as soon as they have more."""
    waiting = [value]
    while waiting and characters >= 0:
        value = waiting.pop()
        if isinstance(value, str):
            characters -= len(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return characters >= 0


def _line(report: Report) -> str:
    limit = f"{report.limit.max_input_tokens} ({report.limit.source})"
    counts = f"{report.tokens_before} -> {report.tokens_after} tokens"
    return f"{report.action} {report.model}: {counts}, limit {limit}, {passes(report) or 'no pass'}, {report.seconds * 1_000:.1f} ms"


def _where(error: BaseException) -> str:
    """The class of an error and the line that raised it; never its message, which may quote the request."""
    frames = extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
