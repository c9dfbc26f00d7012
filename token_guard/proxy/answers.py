"""What an answer says of a request that was fitted: how its prompt cache fared, what was saved in truth; told to the span, the metrics,
the alarms and LiteLLM's spend log before any of these is written."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from token_guard.errors import tell, where
from token_guard.formats import FORMATS
from token_guard.proxy.alarms import Alarm, Alarms
from token_guard.proxy.attempt import KEY, Attempt, metadata_of
from token_guard.proxy.callers import caller_of, owner_of
from token_guard.proxy.fields import CACHE_READ, CACHE_WRITE
from token_guard.proxy.metrics import Metrics
from token_guard.proxy.prompt_cache import LEAST_CACHED, Answered, Cached, PromptCaches, Turn, cached_in, turn_of
from token_guard.proxy.savings import Debts, Saved, saved_tokens, settle_savings
from token_guard.proxy.threads import away_from_the_loop
from token_guard.proxy.tracing import trace
from token_guard.report import Fitted, Report
from token_guard.sessions import Recent

__all__ = ["Answers"]

_LOG: Final = logging.getLogger("token_guard")

_WAITING: Final = 256
"""Requests kept until they are answered; one more, and the first that began is given up: its savings then stay what was removed."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """One attempt that went on, until its answer."""

    attempt: Attempt
    fitted: Fitted = field(repr=False)


class Answers:
    """Called with success events of LiteLLM's, before they are logged; thread-safe."""

    def __init__(self, metrics: Metrics | None, alarms: Alarms, recent: Recent, caches: PromptCaches | None = None) -> None:
        self._metrics = metrics
        self._recent = recent
        self._alarms = alarms
        self._caches = caches or PromptCaches()
        self.debts = Debts()
        self._waiting: dict[str, _Sent] = {}
        self._lock = threading.Lock()

    def keep(self, attempt: Attempt, fitted: Fitted) -> None:
        """Remember what an attempt forwards, where it is long enough for a prompt cache; a later attempt takes its place."""
        call = str(attempt.request.get("litellm_call_id") or "")
        if not call or attempt.api not in FORMATS or fitted.report.tokens_before < LEAST_CACHED:
            return
        with self._lock:
            self._waiting.pop(call, None)
            self._waiting[call] = _Sent(attempt, fitted)
            if len(self._waiting) > _WAITING:
                del self._waiting[next(iter(self._waiting))]

    def failed(self, event: Mapping[str, Any]) -> None:
        """Forget a call that got no answer."""
        with self._lock:
            self._waiting.pop(str(event.get("litellm_call_id")), None)

    async def __call__(self, event: Mapping[str, Any]) -> None:
        """Tell what there is to tell; nothing is raised: the request is answered."""
        with self._lock:
            sent = self._waiting.pop(str(event.get("litellm_call_id")), None)
        try:
            cached = cached_in(event)
            if cached is None:
                return
            self._count(str(event.get("model") or ""), cached)
            parameters = event.get("litellm_params") or {}
            tell(trace, parameters, lambda: {CACHE_READ: cached.read, CACHE_WRITE: cached.written})
            saved = await self._answered(sent, cached, event) if sent is not None else None
            tell(self._kept, event, sent.attempt.request if sent else parameters, cached, saved)
        except Exception as error:
            _LOG.info("token_guard learned nothing of the prompt cache from a response (%s)", where(error))

    async def _answered(self, sent: _Sent, cached: Cached, event: Mapping[str, Any]) -> Saved | None:
        attempt, report = sent.attempt, sent.fitted.report
        request, forwarded = attempt.request, sent.fitted.request
        turn = await away_from_the_loop(request.get("messages"), turn_of, request, forwarded, attempt.api, report)
        if turn is None:
            return None
        caller = caller_of(request)
        answered = self._caches.answered((turn.session, attempt.place, caller), turn, cached)
        if answered.cause:
            self._collapsed(report, answered, cached)
        return self._saved(turn, answered, cached, event, caller, report) if forwarded is not request else None

    def _saved(self, turn: Turn, answered: Answered, cached: Cached, event: Mapping[str, Any], caller: str, report: Report) -> Saved:
        """Settle what was saved: in the spend log, and in the metric."""
        tokens = saved_tokens(turn.tokens_before, turn.tokens_after, would_be_read=answered.without_guard, read=cached.read)
        saved = self.debts.settle(caller, tokens, _price(event))
        metadata = metadata_of(event.get("litellm_params") or {}, KEY)
        if isinstance(metadata, dict) and KEY in metadata:
            settle_savings(metadata, report, saved)
        if self._metrics:
            self._metrics.save(report.model, saved.net)
        return saved

    def _kept(self, event: Mapping[str, Any], request: Mapping[str, Any], cached: Cached, saved: Saved | None) -> None:
        """Put an answer among the last hour's."""
        figures = {"prompt": cached.prompt, "read": cached.read, "wrote": cached.written, "saved": saved.net if saved else 0}
        self._recent.answered(str(event.get("model") or ""), owner_of(request), price=_price(event), **figures)

    def _collapsed(self, report: Report, answered: Answered, cached: Cached) -> None:
        figures = f"{cached.read:,} of {answered.expected:,} tokens read again"
        self._alarms(Alarm("prompt_cache_collapsed", answered.cause or "", report.model, figures))

    def _count(self, model: str, cached: Cached) -> None:
        if self._metrics:
            self._metrics.prompted(model, {"uncached": cached.uncached, "cache_read": cached.read, "cache_write": cached.written})


def _price(event: Mapping[str, Any]) -> float:
    """What a prompt token of this deployment costs, as LiteLLM knows it; 0 where it does not."""
    known = ((event.get("standard_logging_object") or {}).get("model_map_information") or {}).get("model_map_value") or {}
    price = known.get("input_cost_per_token") if isinstance(known, Mapping) else None
    return float(price) if isinstance(price, int | float) and price > 0 else 0.0
