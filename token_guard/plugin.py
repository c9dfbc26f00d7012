"""The LiteLLM callback: hooks in, the thread hop, the fail-open policy, headers and one log line out.

LiteLLM calls `async_pre_call_hook` once per client request, `async_pre_call_deployment_hook` once per attempt (retry and
fallback too) with the client's original messages, and the headers hook before the first byte of the answer.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from functools import cache
from pathlib import Path
from traceback import extract_tb
from typing import Any

import litellm
from litellm.integrations.custom_logger import CustomLogger
from litellm.types.utils import CallTypes

from token_guard import refusals
from token_guard.errors import ConfigError, ContextOverflowError
from token_guard.guard import Guard
from token_guard.limits import Deployment
from token_guard.report import Fitted, Report
from token_guard.settings import Settings

__all__ = ["TokenGuardCallback", "build_callback", "install"]

logger = logging.getLogger("token_guard")

APIS: Mapping[CallTypes | None, str] = {CallTypes.acompletion: "openai.chat"}
"""Which wire format a LiteLLM call type carries; calls of other types pass by."""

MODES = ("enforce", "observe", "off")
NOTE = "token_guard"
"""Key of our dict in the request's metadata. Nested, since the router copies the metadata for each fallback, but not deeply."""

INLINE_CHARACTERS = 16_384
"""Up to this much text is handled on the event loop: a hop to a thread costs more than counting it (benchmarks/)."""

STARTUP_FAILURE = 3
"""Exit status by which uvicorn and gunicorn know that a worker cannot start, and stop instead of starting it again."""

Metadata = MutableMapping[str, Any]


class TokenGuardCallback(CustomLogger):
    """Fits every request to the deployment that receives it. One instance serves a whole proxy process.

    LiteLLM looks for hooks in the class's own namespace: they would be skipped on a subclass.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.guard = Guard(settings)
        self.failures = 0
        """Requests that the guard failed on, since the start."""

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str) -> None:
        """Open the note of one client request, which all its attempts and the headers hook share."""
        metadata = _metadata(data)
        if metadata is not None:
            metadata[NOTE] = {"mode": _requested_mode(data) if self.settings.allow_request_mode else None}

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: CallTypes | None) -> dict[str, Any] | None:
        """The arguments of one attempt, fitted to its deployment; None when nothing is to change."""
        api = APIS.get(call_type)
        note = _note(kwargs)
        if api is None or not _is_new_attempt(note, kwargs):
            return None
        try:
            fitted = await self._fit(kwargs, api, note.get("mode"))
            return self._accept(fitted, kwargs, note)
        except ContextOverflowError as error:
            note["headers"] = {"action": "rejected", "tokens-before": str(error.tokens)}
            raise refusals.overflow(error, kwargs.get("custom_llm_provider") or "") from None
        except (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException as error:  # tokenizers in Rust panic with a BaseException
            return self._fail(error, kwargs, note)

    async def async_post_call_response_headers_hook(
        self,
        data: dict[str, Any],
        user_api_key_dict: Any,
        response: Any,
        request_headers: dict[str, str] | None = None,
        litellm_call_info: dict[str, Any] | None = None,
    ) -> dict[str, str] | None:
        """What was done to the request, as x-token-guard-* headers of its answer, be it a stream or an error."""
        headers = _note(data).get("headers")
        if not self.settings.headers or not headers:
            return None
        return {f"x-token-guard-{name}": value for name, value in headers.items()}

    async def _fit(self, kwargs: Mapping[str, Any], api: str, mode: Any) -> Fitted:
        options = {"api": api, "deployment": _deployment(kwargs), "mode": mode}
        if _is_short(kwargs.get("messages"), INLINE_CHARACTERS):
            return self.guard.process(kwargs, **options)
        return await asyncio.to_thread(self.guard.process, kwargs, **options)

    def _accept(self, fitted: Fitted, kwargs: dict[str, Any], note: Metadata) -> dict[str, Any] | None:
        report = fitted.report
        note["headers"] = _headers(report)
        if fitted.request is kwargs:
            return None
        logger.info(
            "%s %s: %d -> %d tokens, limit %d (%s), passes: %s, %.1f ms",
            *(report.action, report.model, report.tokens_before, report.tokens_after, report.limit.max_input_tokens),
            *(report.limit.source, _passes(report) or "none", report.seconds * 1_000),
        )
        return {**kwargs, **fitted.request}

    def _fail(self, error: BaseException, kwargs: Mapping[str, Any], note: Metadata) -> None:
        """Apply the fail-open policy: count, one log line without any content, and forward the original or refuse."""
        self.failures += 1
        note["failures"] = note.get("failures", 0) + 1
        note["headers"] = {"action": "bypassed"}
        forward = self.settings.on_error == "forward"
        outcome = "the original is forwarded" if forward else "the request is refused"
        logger.warning("token_guard failed on a request for %s (%s); %s", kwargs.get("model"), _where(error), outcome)
        if not forward:
            raise refusals.failed(str(kwargs.get("model")), kwargs.get("custom_llm_provider") or "")


@cache
def build_callback() -> TokenGuardCallback:
    """The callback of this process, with the settings of `callback_settings.token_guard`.

    Raises ConfigError when they are wrong; in a proxy that is starting, writes its line to stderr and ends the process.
    """
    try:
        return TokenGuardCallback(_configured())
    except ConfigError as error:
        if not _is_starting_proxy():
            raise
        # Anything raised here reaches the operator below eighty lines of traceback, and SystemExit does not end uvicorn.
        sys.stdout.flush()
        print(f"token_guard: {error}", file=sys.stderr, flush=True)
        os._exit(STARTUP_FAILURE)


def install(settings: Settings | None = None) -> TokenGuardCallback:
    """Register the callback for litellm used without a proxy, and return it; an installed one with the same settings stays.

    Asynchronous calls only: litellm asks nobody before a synchronous one (use `fit` there).
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


def _is_starting_proxy() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return "litellm.proxy.proxy_server" in sys.modules


def _metadata(data: Mapping[str, Any]) -> Metadata | None:
    # The proxy keeps its own fields in one of two places; where both exist, this one is not the client's.
    found = data.get("litellm_metadata") or data.get("metadata")
    return found if isinstance(found, dict) else None


def _note(data: Mapping[str, Any]) -> Metadata:
    """The note of this request; outside the proxy a new one, kept only where the router's metadata can hold it."""
    metadata = _metadata(data)
    if metadata is None:
        return {}
    if "model_group" in metadata:  # else it may be a dict of the caller's own
        metadata.setdefault(NOTE, {})
    note = metadata.get(NOTE)
    return note if isinstance(note, dict) else {}


def _is_new_attempt(note: Metadata, kwargs: Mapping[str, Any]) -> bool:
    """Whether this attempt has not been here: LiteLLM calls again, inside an attempt, when it translates between formats."""
    metadata = _metadata(kwargs) or {}
    attempt = [
        kwargs.get("litellm_call_id"),
        (kwargs.get("model_info") or {}).get("id"),
        metadata.get("attempted_retries"),
        metadata.get("attempted_fallbacks"),
        kwargs.get("_agentic_loop_depth"),
    ]
    if note.get("attempt") == attempt:
        return False
    note["attempt"] = attempt
    return True


def _requested_mode(data: Mapping[str, Any]) -> str | None:
    headers = (data.get("proxy_server_request") or {}).get("headers") or {}
    mode = str(headers.get("x-token-guard-mode", "")).lower()
    return mode if mode in MODES else None


def _deployment(kwargs: Mapping[str, Any]) -> Deployment:
    info = kwargs.get("model_info") or {}
    group = (_metadata(kwargs) or {}).get("model_group") or ""
    return Deployment(id=str(info.get("id") or ""), group=group, api_base=str(kwargs.get("api_base") or ""), model_info=info)


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


def _headers(report: Report) -> dict[str, str]:
    headers = {
        "action": report.action,
        "tokens-before": str(report.tokens_before),
        "tokens-after": str(report.tokens_after),
        "limit": str(report.limit.max_input_tokens),
        "limit-source": report.limit.source,
        "passes": _passes(report),
        "retention": f"{report.retention:.3g}",
    }
    return {name: value for name, value in headers.items() if value}


def _passes(report: Report) -> str:
    """The passes that changed something and the tokens that each removed, e.g. `mask_observations;removed=812, truncate;removed=7`."""
    removed: dict[str, int] = {}
    for step in report.steps:
        if step.outcome == "applied":
            removed[step.name] = removed.get(step.name, 0) + step.tokens_before - step.tokens_after
    return ", ".join(f"{name};removed={tokens}" for name, tokens in removed.items())


def _where(error: BaseException) -> str:
    """The class of an error and the line that raised it; never its message, which may quote the request."""
    frames = extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
