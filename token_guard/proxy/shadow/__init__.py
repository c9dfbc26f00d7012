"""Asks again, behind an answered request, what its model would have done over the whole history: seldom, within a budget, for a comparison.

Nothing here is on a request's way: it begins when the request has been answered, waits in a bounded queue, and works on its turn.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import replace
from typing import Any, Final, Protocol

from cachetools import LRUCache

from token_guard.errors import where
from token_guard.formats.repeating import REPEATED, can_be_repeated, repeated
from token_guard.guard import Guard
from token_guard.proxy.attempt import BROUGHT, Attempt
from token_guard.proxy.callers import router
from token_guard.proxy.shadow.trial import Comparing, Trial
from token_guard.report import Fitted, Report
from token_guard.settings import Settings
from token_guard.settings.shadow import ShadowSettings
from token_guard.shadow import Book, Records, Tally

__all__ = ["ENDED", "Shadow", "ShadowStore"]

_LOG: Final = logging.getLogger("token_guard")

ENDED: Final[Mapping[str, str]] = {
    "compared": "asked three times, and counted",
    "does not fit": "the whole request is larger than the model's window allows: there is nothing to compare with",
    "another format": "only chat completions, Messages and Responses can be asked again: nothing comes of other requests to this model",
    "not repeatable": "its provider would do more than answer: run tools, continue a conversation that it keeps",
    "too dear": "a single comparison may cost more than shadow.budget_per_day: raise it, or take a model with a smaller window or price",
    "over budget": "the day's budget is spent or reserved",
    "no price": "nobody says what the model costs: set input_cost_per_token and output_cost_per_token of the deployment",
    "queue full": "others were still being compared",
    "no answer": "a reply without a call or a word, or with a call that was cut short",
    "timeout": "a reply that took longer than shadow.timeout_seconds",
    "failed": "a call that was refused or went wrong; none is made for five minutes then",
}
"""How a comparison can end."""

_LOUD: Final = ("no price", "too dear", "another format")
"""What an operator has to change, if a comparison is ever to come of it."""

# Requests of up to megabytes each, kept until they are answered and until it is their turn.
_WAITING: Final = 64
_QUEUED: Final = 32
# A comparison takes three replies, half a minute or so: two at a time are 200 an hour.
_AT_A_TIME: Final = 2
_REMEMBERED: Final = 10_000

# A call that fails counts toward its deployment's cooldown like any other: clients must not lose a deployment for a comparison.
_REST_SECONDS: Final = 300.0


class ShadowStore(Protocol):
    """What is needed of a store."""

    def get(self, section: str, key: str) -> str | None: ...
    def put(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> None: ...
    def claim(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> str: ...
    def keys(self, section: str) -> tuple[str, ...]: ...
    def flush(self) -> bool: ...


class Shadow:
    """Compares what models do next over whole and compacted requests; one a process, thread-safe."""

    def __init__(
        self,
        settings: Settings,
        guard: Guard,
        store: ShadowStore,
        *,
        observe: Callable[[str], None] = lambda _ended: None,
        draw: Callable[[], float] = random.random,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`observe` is told how each comparison ended; `draw` decides which are made; `now` is in seconds since 1970."""
        self._options: ShadowSettings = settings.shadow
        self._observe = observe
        self._draw = draw
        self._now = now
        self._rests_until = 0.0
        self._comparing = Comparing(settings.shadow, guard, Book(settings.shadow.budget_per_day, store, now))
        self._records = Records(store, now)
        self._lock = threading.Lock()
        self._waiting: dict[str, Trial] = {}
        self._queue: deque[Trial] = deque()
        self._seen: LRUCache[tuple[str, str, int], bool] = LRUCache(_REMEMBERED)
        self._running: set[asyncio.Task[None]] = set()
        self._told: set[str] = set()

    @classmethod
    def if_wanted(cls, settings: Settings, guard: Guard, store: ShadowStore, **options: Any) -> Shadow | None:
        """One where models are named."""
        return cls(settings, guard, store, **options) if settings.shadow.models else None

    def keep(self, attempt: Attempt, fitted: Fitted) -> None:
        """Remember an attempt that goes on, where it is to be compared when it is answered; a later attempt takes its place."""
        call, report = str(attempt.request.get("litellm_call_id") or ""), fitted.report
        with self._lock:
            self._waiting.pop(call, None)
        if not call or not self._is_named(attempt, report):
            return None
        obstacle = _obstacle(attempt, report)
        if obstacle in _LOUD:  # said at the first one, and counted among those that are drawn
            self._say(attempt.model, obstacle)
        if not self._is_drawn(attempt, report):
            return None
        if obstacle:
            return self._end(attempt.model, obstacle)
        with self._lock:
            kept = replace(attempt, request={"model": attempt.request.get("model"), **repeated(attempt.api, attempt.request)})
            self._waiting[call] = Trial(kept, fitted, asyncio.get_running_loop())
            if len(self._waiting) > _WAITING:
                del self._waiting[next(iter(self._waiting))]
        return None

    def failed(self, event: Mapping[str, Any]) -> None:
        """Forget a request that got no answer."""
        with self._lock:
            self._waiting.pop(str(event.get("litellm_call_id")), None)

    def answered(self, event: Mapping[str, Any]) -> None:
        """Put an answered request into the queue, where it was kept for that."""
        with self._lock:
            trial = self._waiting.pop(str(event.get("litellm_call_id")), None)
        if trial is None:
            return
        try:
            # a context of its own: what was set for the request does not hold for what outlives it
            trial.loop.call_soon_threadsafe(self._enqueue, trial, context=Context())
        except RuntimeError:  # the loop is closed: the process ends
            return

    def _is_named(self, attempt: Attempt, report: Report) -> bool:
        """Whether an attempt is one of a compacted request to a model that the operator named."""
        return attempt.deployment.group in self._options.models and "compacted" in (report.action, report.would) and router() is not None

    def _is_drawn(self, attempt: Attempt, report: Report) -> bool:
        """Whether an attempt was drawn, and is the first one drawn of its model and compaction: the turns between two compactions
        are too much alike to count as many."""
        if self._now() < self._rests_until or self._draw() >= self._options.share:
            return False
        session = report.session or str(attempt.request.get("litellm_call_id"))
        place = attempt.deployment.group, session, report.epochs
        with self._lock:
            if place in self._seen:
                return False
            self._seen[place] = True
        return True

    def _enqueue(self, trial: Trial) -> None:
        if len(self._queue) >= _QUEUED:
            return self._end(trial.attempt.model, "queue full")
        self._queue.append(trial)
        if len(self._running) < _AT_A_TIME:
            task = trial.loop.create_task(self._work())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return None

    async def _work(self) -> None:
        """Compare what waits, until nothing does; nothing is raised into a task that nobody waits for."""
        while self._queue:
            trial = self._queue.popleft()
            try:
                ended, tally = await self._comparing(trial)
            except (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError):
                raise
            except BaseException as error:  # tokenizers in Rust panic with a BaseException
                ended, tally = "failed", Tally()
                _LOG.info("token_guard compared nothing for %s (%s)", trial.attempt.model, where(error))
            if ended in ("failed", "timeout"):
                self._rests_until = self._now() + _REST_SECONDS
            await asyncio.to_thread(self._end, trial.attempt.model, ended, tally)

    def _end(self, model: str, ended: str, tally: Tally | None = None) -> None:
        """Count how a comparison ended, and say so."""
        self._records.add(model, replace(tally or Tally(), ended={ended: 1}))
        self._observe(ended)
        self._say(model, ended)

    def _say(self, model: str, ended: str) -> None:
        """What an operator has to change is said loudly, and once."""
        is_news = ended in _LOUD and ended not in self._told
        self._told.add(ended)
        level = logging.WARNING if is_news else logging.INFO if ended == "compared" else logging.DEBUG
        _LOG.log(level, "token_guard shadow of %s: %s (%s)", model, ended, ENDED[ended])


def _obstacle(attempt: Attempt, report: Report) -> str:
    """Why nothing can come of comparing an attempt, in the words of `ENDED`; empty where something can."""
    if attempt.api not in REPEATED:
        return "another format"
    if not can_be_repeated(attempt.api, attempt.request) or BROUGHT in attempt.deployment.model_info:
        return "not repeatable"
    return "does not fit" if report.tokens_before > report.budget.allowed else ""
