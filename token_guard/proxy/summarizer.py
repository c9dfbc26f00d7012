"""Has a language model write about what compactions took out: in the background, seldom, and on behalf of the caller.

A request never waits for a text. Whatever goes wrong here, the extract stays.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import litellm
from cachetools import TTLCache
from litellm.exceptions import Timeout

from token_guard.budget import ContextLimit
from token_guard.case import counted_as
from token_guard.compaction.notes import clean, free_tokens
from token_guard.compaction.strategies import passes
from token_guard.counting import meter_for
from token_guard.history.summaries import OpenNote, Texts, TextStore
from token_guard.history.summary_prompt import VERSION, summary_prompt
from token_guard.limits import Deployment, Served
from token_guard.proxy.allowance import Allowance
from token_guard.proxy.callers import caller_of, identity_of, may_call, router, served
from token_guard.proxy.own_calls import begin_own_call, is_own_call
from token_guard.proxy.threads import POOL
from token_guard.settings import Settings

__all__ = ["Summarizer"]

_LOG: Final = logging.getLogger("token_guard")

# Texts under way at a time in one process: enough for an hour's calls at ten seconds each.
_MAX_RUNNING: Final = 8
# What did not come is asked for again after this while, and so is what was refused.
_ASKED_AGAIN_SECONDS: Final = 600.0
_MAX_ASKED: Final = 10_000

_FAILED: Final = ("timeout", "failed")


@dataclass(frozen=True, slots=True)
class _Caller:
    identity: Mapping[str, Any] = field(repr=False)
    loop: asyncio.AbstractEventLoop


_caller: Final[ContextVar[_Caller | None]] = ContextVar("token_guard_caller", default=None)


class Summarizer:
    """Writes texts for open notes with the model of the settings; one a process, thread-safe."""

    def __init__(
        self,
        settings: Settings,
        store: TextStore,
        limit_of: Callable[[Served], ContextLimit],
        *,
        observe: Callable[[str], None] = lambda _outcome: None,
        charge: Callable[..., None] = lambda _caller, **_spent: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`limit_of` gives a model's window; `observe` is told how each wish for a text ended, `charge` what a text
        cost its caller: `money` where that is known, else `tokens`."""
        self._options = settings.summarizer
        self._model = self._options.model or ""
        self._passes = passes(settings)
        self._texts = Texts(store, f"{self._model}/{VERSION}", self._options.ttl_seconds)
        self._limit_of = limit_of
        self._observe = observe
        self._charge = charge
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: TTLCache[str, bool] = TTLCache(_MAX_ASKED, _ASKED_AGAIN_SECONDS, timer=clock)
        self._running: set[asyncio.Task[None]] = set()
        self._allowance = Allowance(self._options.max_calls_per_hour, clock, store)
        self._told: set[str] = set()

    @classmethod
    def if_wanted(cls, settings: Settings, store: TextStore, *arguments: Any, **options: Any) -> Summarizer | None:
        """A summariser where a model is configured."""
        return cls(settings, store, *arguments, **options) if settings.summarizer.model else None

    @contextmanager
    def on_behalf_of(self, kwargs: Mapping[str, Any]) -> Iterator[None]:
        """What is wanted inside is wanted by this request: its caller pays, and its caller's rights count."""
        token = _caller.set(_Caller(identity_of(kwargs), asyncio.get_running_loop()))
        try:
            yield
        finally:
            _caller.reset(token)

    def settled(self, key: str) -> str | None:
        """The text that stands for these messages from now on, for good; None where the extract stays, for good."""
        return self._texts.settled(key)

    def wanted(self, note: OpenNote) -> None:
        """Start writing a text, unless that was done lately, or nobody asks who could be charged for it."""
        caller = _caller.get()
        if caller is None or is_own_call() or not self._is_first(note.key):
            return
        try:
            # a context of its own: what was set for the request does not hold for what outlives it
            caller.loop.call_soon_threadsafe(partial(self._start, note, caller), context=Context())
        except RuntimeError:  # the loop is closed: the process ends
            return

    def _is_first(self, key: str) -> bool:
        with self._lock:
            if key in self._asked or len(self._running) >= _MAX_RUNNING or self._allowance.rests:
                return False
            self._asked[key] = True
            return True

    def _start(self, note: OpenNote, caller: _Caller) -> None:
        task = caller.loop.create_task(self._ended(note, caller))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _ended(self, note: OpenNote, caller: _Caller) -> None:
        """Write a text, and tell how that ended; nothing is raised into a task that nobody waits for."""
        started = self._clock()
        reason = ""
        try:
            outcome = await asyncio.wait_for(self._written(note, caller), self._options.timeout_seconds)
        except (TimeoutError, Timeout):
            outcome = "timeout"
        except (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException as error:  # tokenizers in Rust panic with a BaseException
            outcome, reason = "failed", f" ({type(error).__name__})"
        if outcome in (*_FAILED, "written", "late"):  # the model was asked
            self._allowance.judge(failed=outcome in _FAILED)
        self._observe(outcome)
        self._log(outcome, reason, self._clock() - started)

    async def _written(self, note: OpenNote, caller: _Caller) -> str:
        """Have the model write a text, and keep it; in one word what came of it."""
        if not await asyncio.to_thread(self._is_mine, note.key):
            return "elsewhere"
        if not await may_call(self._model, caller.identity):
            return "denied"
        prompt = await POOL(caller_of({"metadata": caller.identity}), partial(self._prompt, note))
        if prompt is None:
            return "no room"
        if not await asyncio.to_thread(self._allowance.take):
            return "over budget"
        text = clean(await self._answer(prompt, caller.identity))
        if not text:
            raise ValueError("an empty answer")
        return "written" if await asyncio.to_thread(self._texts.offer, note.key, text) else "late"

    def _is_mine(self, key: str) -> bool:
        """Whether the key is still open and no other replica is writing about it."""
        return not self._texts.is_decided(key) and self._texts.lease(key, uuid.uuid4().hex, self._options.timeout_seconds)

    def _prompt(self, note: OpenNote) -> list[dict[str, str]] | None:
        """The chat messages of the call, within the smallest window that the model's name stands for."""
        known = served(self._model) or [Served(self._model, Deployment())]
        limit, one = min(((self._limit_of(one), one) for one in known), key=lambda each: each[0].max_input_tokens)
        meter = meter_for(counted_as(one.model, one.deployment))
        free = min(free_tokens(note.note, meter), self._options.max_output_tokens)
        spoken = 0 if limit.separate_output else self._options.max_output_tokens
        left = max(0, limit.max_input_tokens - spoken)
        room = left - meter.margin(left)
        return summary_prompt(note, min(room, self._options.max_input_tokens), free, meter, self._passes) if free > 0 else None

    async def _answer(self, messages: list[dict[str, str]], identity: Mapping[str, Any]) -> str:
        """What the model says, asked through the proxy's router where there is one: by no other way than the caller could."""
        models = router()
        call = partial(models.acompletion, disable_fallbacks=True) if models else litellm.acompletion
        begin_own_call()
        response = await call(
            model=self._model,
            messages=messages,
            max_tokens=self._options.max_output_tokens,
            stream=False,
            num_retries=0,
            timeout=self._options.timeout_seconds,
            turn_off_message_logging=True,  # whatever the caller's own logs may hold
            metadata={**identity, "spend_logs_metadata": {"token_guard": {"action": "summary"}}},
        )
        self._charge(caller_of({"metadata": identity}), **_spent_on(response))
        return str(response.choices[0].message.content or "")

    def _log(self, outcome: str, reason: str, seconds: float) -> None:
        """One line, without any content; what an operator has to change is said loudly, and once."""
        loud = outcome in ("denied", "over budget", "no room") and outcome not in self._told
        self._told.add(outcome)
        level = logging.WARNING if loud or outcome in _FAILED else logging.INFO
        _LOG.log(level, "token_guard summary by %s: %s%s, %.1f s", self._model, outcome, reason, seconds)


def _spent_on(response: Any) -> dict[str, float]:
    """What an answer cost, as LiteLLM has worked it out; its tokens where it has not."""
    money = (getattr(response, "_hidden_params", None) or {}).get("response_cost")
    if isinstance(money, int | float) and money > 0:
        return {"money": float(money)}
    return {"tokens": float(getattr(getattr(response, "usage", None), "total_tokens", 0) or 0)}
