"""What a provider's refusal of a request as too long teaches: the window for all that come, and what this call may try next."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from token_guard.limits import LimitChain
from token_guard.limits.overflows import Overflow
from token_guard.proxy import refusals
from token_guard.proxy.attempt import Attempt, Note
from token_guard.proxy.said import overflow_in, words_of

__all__ = ["Cap", "Retries"]

_LOG: Final = logging.getLogger("token_guard")

# Of what was refused, how much is tried next where the provider did not say what it takes.
_UNNAMED_SHARE: Final = 0.8
# Where it said how far the request was over: that much less, and a little for what differs from one text to the next.
_NAMED_SHARE: Final = 0.95
# What a reply leaves free beside a prompt that its provider has counted: the prompt is the same, so this is for a few tokens of its own.
_REPLY_SLACK: Final = 16
# Below is no chat model's window: a refusal of so little is not about size.
_SMALLEST_WINDOW: Final = 1_000

# After so many retries that were refused again within the span, a deployment gets none for the same span.
_VAIN_RETRIES: Final = 3
_SPAN_SECONDS: Final = 60.0
# Deployments have few ids; without a router the model's name stands in, and that may be anything.
_MAX_DEPLOYMENTS: Final = 4_096

_GUESSES: Final = ("inference", "default")
"""Sources that know nothing of the deployment itself."""
_REPLACEABLE: Final = ("learned", *_GUESSES)
"""Sources that a provider's own word replaces even with a larger window."""

_CLASS_NAMES: Final = re.compile(r"^(?:litellm\.\w+: )+")
_MAX_MESSAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Cap:
    """What the next attempt may have, in tokens: of the prompt as the guard counts it, of the reply as its provider does; None: no cap."""

    prompt: int | None = None
    reply: int | None = None


class Retries:
    """The refusals of each call, in its note, and of each deployment, in memory; thread-safe."""

    def __init__(self, limits: LimitChain, *, min_output_tokens: int = 256, clock: Callable[[], float] = time.monotonic) -> None:
        """A reply shorter than `min_output_tokens` is not worth a prompt left whole."""
        self._limits = limits
        self._shortest_reply = min_output_tokens
        self._clock = clock
        self._lock = threading.Lock()
        self._vain: dict[str, deque[float]] = {}
        self._warned: set[str] = set()

    def cap(self, attempt: Attempt) -> Cap | None:
        """What this attempt may have because its deployment refused more before; None where it refused nothing.

        Raises the provider's own refusal again, without asking it, when another attempt is of no use.
        """
        refused = _refused(attempt.note).get(attempt.place)
        if refused is None:
            return None
        cap = Cap(refused["prompt"], refused["reply"])
        if refused["times"] > 1 or not (cap.prompt or cap.reply) or self._is_tired(attempt.place):
            raise refusals.repeated(refused["message"], attempt.model, attempt.provider)
        return cap

    def words_of(self, attempt: Attempt) -> str:
        """What this attempt's deployment said when it refused an earlier one of the same call; empty where it refused none."""
        refused = _refused(attempt.note).get(attempt.place)
        return str(refused["message"]) if refused else ""

    def refused(self, attempt: Attempt, error: Exception) -> bool:
        """Learn from a failed attempt; whether it failed because the request was too long, when this is the first word of it."""
        overflow = overflow_in(error)
        before = _refused(attempt.note).get(attempt.place)
        if (overflow is None and not refusals.is_context_error(error)) or (before and before["attempt"] == attempt.note.get("attempt")):
            return False
        if attempt.mode == "enforce":
            self._remember(attempt, error, overflow)
        elif overflow and overflow.window:
            self._learn(attempt, overflow.window)
        return overflow is not None

    def refused_inside(self, attempt: Attempt, error: Exception) -> bool:
        """Learn from a stream that began with HTTP 200 and then said that the request was too long; whether it named the window.

        The answer has begun, so that nothing can be retried: the next request is right.
        """
        overflow = overflow_in(error)
        if overflow is None or overflow.window is None:
            return False
        self._learn(attempt, overflow.window)
        return True

    def _remember(self, attempt: Attempt, error: Exception, overflow: Overflow | None) -> None:
        note, place = attempt.note, attempt.place
        times = _refused(note).get(place, {"times": 0})["times"] + 1
        cap = self._next(attempt, overflow) if overflow else Cap()
        message = _CLASS_NAMES.sub("", words_of(error))[:_MAX_MESSAGE]
        record = {"times": times, "prompt": cap.prompt, "reply": cap.reply, "attempt": note.get("attempt"), "message": message}
        note.setdefault("refused", {})[place] = record
        if times > 1:
            self._was_in_vain(place)
        if overflow and overflow.window:
            self._learn(attempt, overflow.window)
        elif times > 1:  # then it was not about size, or nobody can say about which
            self._limits.forget_unnamed(attempt.model, attempt.deployment)
        elif (cap.prompt or 0) >= _SMALLEST_WINDOW:
            self._learn_unnamed(attempt, cap.prompt or 0)

    def _next(self, attempt: Attempt, overflow: Overflow) -> Cap:
        """What is tried next: a shorter reply where the prompt alone fits, else a smaller prompt."""
        sent = int(attempt.note.get("sent", 0))
        counted = _counted(overflow, sent)
        if overflow.window is None:
            return Cap(prompt=self._unnamed(attempt, sent))
        if counted is None:
            return Cap(prompt=int(sent * _share(overflow.window, overflow.requested)))
        reply = overflow.window - counted - _REPLY_SLACK
        if overflow.reply and reply >= min(self._shortest_reply, overflow.reply):
            return Cap(reply=reply)
        least = min(overflow.reply or 0, self._shortest_reply)
        share = _share(overflow.window - least, counted)
        room = overflow.window - int(counted * share) - _REPLY_SLACK
        return Cap(int(sent * share), max(room, least) if overflow.reply and overflow.reply > room else None)

    def _unnamed(self, attempt: Attempt, sent: int) -> int:
        """Less than was refused; where the window is a guess that a larger request was tried against, no more than that."""
        believed = attempt.limit(self._limits)
        less = int(sent * _UNNAMED_SHARE)
        return min(less, believed.max_input_tokens) if believed.source in _GUESSES else less

    def _learn(self, attempt: Attempt, window: int) -> None:
        believed = attempt.limit(self._limits)
        if window < believed.max_input_tokens or believed.source in _REPLACEABLE:
            self._limits.learn(attempt.model, attempt.deployment, window)
        if believed.source in _GUESSES:
            self._warn(attempt, f"its provider's refusal says that it is {window:,} tokens", str(window))

    def _learn_unnamed(self, attempt: Attempt, window: int) -> None:
        believed = attempt.limit(self._limits)
        self._limits.learn(attempt.model, attempt.deployment, window, named=False)
        if believed.source in _GUESSES:
            self._warn(attempt, f"its provider refused a request without naming it, so {window:,} tokens are assumed for now", "<tokens>")

    def _warn(self, attempt: Attempt, what: str, tokens: str) -> None:
        """Say once what to write so that the next start does not cost a refusal again."""
        with self._lock:
            first = attempt.place not in self._warned and len(self._warned) < _MAX_DEPLOYMENTS
            self._warned.add(attempt.place) if first else None
        if first:
            name = attempt.deployment.group or attempt.place
            _LOG.warning(
                "the context window of %r (deployment %r) was a guess: %s; write `max_input_tokens: %s` into its model_info",
                *(attempt.model, name, what, tokens),
            )

    def _was_in_vain(self, key: str) -> None:
        with self._lock:
            if len(self._vain) >= _MAX_DEPLOYMENTS:
                self._vain.clear()
            self._vain.setdefault(key, deque(maxlen=_VAIN_RETRIES)).append(self._clock())

    def _is_tired(self, key: str) -> bool:
        with self._lock:
            vain = tuple(self._vain.get(key, ()))
        return len(vain) == _VAIN_RETRIES and vain[-1] - vain[0] <= _SPAN_SECONDS and self._clock() < vain[-1] + _SPAN_SECONDS


def _refused(note: Note) -> Mapping[str, Any]:
    found = note.get("refused")
    return found if isinstance(found, Mapping) else {}


def _share(window: int, requested: int | None) -> float:
    return _NAMED_SHARE * min(1.0, window / requested) if requested else _UNNAMED_SHARE


def _counted(overflow: Overflow, sent: int) -> int | None:
    """What the provider counted of the prompt; None where it did not say.

    vLLM ("at least N input tokens") stops counting where the request is certainly too long: there our own count says more, with a
    little for what its tokenizer finds more.
    """
    if overflow.prompt is None or overflow.window is None or not overflow.reply or overflow.prompt > overflow.window:
        return overflow.prompt
    stopped = overflow.prompt + overflow.reply <= overflow.window + 1
    return max(overflow.prompt, int(sent / _NAMED_SHARE)) if stopped else overflow.prompt
