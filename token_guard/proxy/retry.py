"""What happens when a provider refuses a request as too long: its window is learned, and the same call tries once more.

LiteLLM tries again by itself: before routing, every model group is made the first of its own fallbacks for context errors. So the
retry is an attempt as any other, it gets the client's original messages, and streams and the user's own fallbacks work as ever.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from token_guard.limits import LimitChain
from token_guard.limits.overflows import Overflow
from token_guard.proxy import refusals
from token_guard.proxy.attempt import Note, deployment_of, note_of
from token_guard.proxy.said import overflow_in, words_of

__all__ = ["Retries", "offer_retry", "with_self_retries"]

# A second key beside the model makes the entry another attempt than the group itself, which litellm would skip as already made.
# This one litellm overwrites with the true depth, so that it reaches nobody.
_SECOND_KEY: Final = {"fallback_depth": 1}

# Of what was refused, how much is tried next where the provider did not say what it takes.
_UNNAMED_SHARE: Final = 0.8
# Where it said how far the request was over: that much less, and a little for what differs from one text to the next.
_NAMED_SHARE: Final = 0.95
# Below is no chat model's window: a refusal of so little is not about size.
_SMALLEST_WINDOW: Final = 1_000

# After so many retries that were refused again within the span, a deployment gets none for the same span.
_VAIN_RETRIES: Final = 3
_SPAN_SECONDS: Final = 60.0
# Deployments have few ids; without a router the model's name stands in, and that may be anything.
_MAX_DEPLOYMENTS: Final = 4_096

_GUESSES: Final = ("learned", "inference", "default")
"""Sources that a provider's own word replaces even with a larger window."""

_CLASS_NAMES: Final = re.compile(r"^(?:litellm\.\w+: )+")
_MAX_MESSAGE: Final = 1_000


def offer_retry(data: dict[str, Any], router: Any, team: str | None) -> None:
    """Let the router try a request again on its own model group after a context error; only where a router serves that group."""
    model = data.get("model")
    if router is None or not isinstance(model, str) or data.get("disable_fallbacks") or not router.get_model_list(model, team):
        return
    current = _fallbacks(data, router, "context_window_fallbacks")
    data["context_window_fallbacks"] = with_self_retries(model, current, _fallbacks(data, router, "fallbacks"))


def _fallbacks(data: Mapping[str, Any], router: Any, name: str) -> Sequence[Any] | None:
    """Those of the request, of its key or team, or of the router, as litellm looks for them."""
    if name in data:
        found = data[name]
    else:
        override = data.get("router_settings_override") or {}
        found = override.get(name) if override.get(name) is not None else getattr(router, name, None)
    return found if isinstance(found, Sequence) else None


def with_self_retries(model: str, current: Sequence[Any] | None, generic: Sequence[Any] | None) -> list[Any]:
    """The fallbacks for context errors, in which a group, and each that it may fall back to, stands before its own.

    Without such fallbacks (`current` is None) litellm takes the generic ones, but not where a list exists: so they are copied.

    >>> with_self_retries("a", [{"a": ["b"]}], None)[0]
    {'a': [{'model': 'a', 'fallback_depth': 1}, 'b']}
    """
    chosen = generic if current is None else current
    groups = _reachable(model, (chosen or (), generic or ()))
    mine = [{group: [{"model": group, **_SECOND_KEY}, *_targets(group, chosen or ())]} for group in groups]
    return [*mine, *(entry for entry in current or () if not (isinstance(entry, Mapping) and entry.keys() & set(groups)))]


def _reachable(model: str, lists: Sequence[Sequence[Any]]) -> Sequence[str]:
    groups = [model]
    for group in groups:  # grows while it is walked
        targets = (target for fallbacks in lists for target in _targets(group, fallbacks))
        groups += [name for name in dict.fromkeys(map(_name, targets)) if name and name not in groups]
    return groups


def _targets(group: str, fallbacks: Sequence[Any]) -> Sequence[Any]:
    """Where a group falls back to: by its name, by its name but for the provider, else where all do."""
    entries = [(str(key), targets) for entry in fallbacks if isinstance(entry, Mapping) for key, targets in entry.items()]
    tests: tuple[Callable[[str], bool], ...] = (
        lambda key: key == group,
        lambda key: group in (key.partition("/")[2], f"{group.partition('/')[0]}/{key}"),
        lambda key: key == "*",
    )
    found = next((targets for test in tests for key, targets in entries if test(key)), ())
    return found if isinstance(found, Sequence) and not isinstance(found, str) else ()


def _name(target: Any) -> str:
    name = target.get("model") if isinstance(target, Mapping) else target
    return name if isinstance(name, str) else ""


class Retries:
    """The refusals of each call, in its note, and of each deployment, in memory; thread-safe."""

    def __init__(self, limits: LimitChain, mode: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._mode = mode
        self._clock = clock
        self._lock = threading.Lock()
        self._vain: dict[str, deque[float]] = {}

    def cap(self, kwargs: Mapping[str, Any]) -> int | None:
        """The tokens that this attempt may have because its deployment refused more before; None where it refused nothing.

        Raises the provider's own refusal again, without asking it, when another attempt is of no use.
        """
        key = _key(kwargs)
        refused = _refused(note_of(kwargs)).get(key)
        if refused is None:
            return None
        if refused["times"] > 1 or not refused["cap"] or self._is_tired(key):
            raise refusals.repeated(refused["message"], str(kwargs.get("model")), str(kwargs.get("custom_llm_provider") or ""))
        return int(refused["cap"])

    def refused(self, kwargs: Mapping[str, Any], error: Exception) -> bool:
        """Learn from a failed attempt; whether it failed because the request was too long, when this is the first word of it."""
        note = note_of(kwargs)
        overflow = overflow_in(error)
        before = _refused(note).get(_key(kwargs))
        if (overflow is None and not refusals.is_context_error(error)) or (before and before["attempt"] == note.get("attempt")):
            return False
        if (note.get("mode") or self._mode) == "enforce":
            self._remember(note, kwargs, error, overflow)
        elif overflow and overflow.window:
            self._learn(kwargs, overflow.window)
        return overflow is not None

    def refused_inside(self, kwargs: Mapping[str, Any], error: Exception) -> bool:
        """Learn from a stream that began with HTTP 200 and then said that the request was too long; whether it named the window.

        The answer has begun, so that nothing can be retried: the next request is right.
        """
        overflow = overflow_in(error)
        if overflow is None or overflow.window is None:
            return False
        self._learn(kwargs, overflow.window)
        return True

    def _remember(self, note: Note, kwargs: Mapping[str, Any], error: Exception, overflow: Overflow | None) -> None:
        key = _key(kwargs)
        times = _refused(note).get(key, {"times": 0})["times"] + 1
        cap = int(note.get("sent", 0) * _share(overflow)) if overflow else 0
        message = _CLASS_NAMES.sub("", words_of(error))[:_MAX_MESSAGE]
        note.setdefault("refused", {})[key] = {"times": times, "cap": cap, "attempt": note.get("attempt"), "message": message}
        if times > 1:
            self._was_in_vain(key)
        if overflow and overflow.window:
            self._learn(kwargs, overflow.window)
        elif times > 1:  # then it was not about size, or nobody can say about which
            self._limits.forget_unnamed(_model(kwargs), deployment_of(kwargs))
        elif cap >= _SMALLEST_WINDOW:
            self._limits.learn(_model(kwargs), deployment_of(kwargs), cap, named=False)

    def _learn(self, kwargs: Mapping[str, Any], window: int) -> None:
        model, deployment = _model(kwargs), deployment_of(kwargs)
        believed = self._limits.resolve(model, deployment)
        if window < believed.max_input_tokens or believed.source in _GUESSES:
            self._limits.learn(model, deployment, window)

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


def _share(overflow: Overflow) -> float:
    if overflow.window is None or not overflow.requested:
        return _UNNAMED_SHARE
    return _NAMED_SHARE * min(1.0, overflow.window / overflow.requested)


def _key(kwargs: Mapping[str, Any]) -> str:
    return deployment_of(kwargs).id or _model(kwargs)


def _model(kwargs: Mapping[str, Any]) -> str:
    return str(kwargs.get("model") or "")
