"""Windows that providers named, or gave away, when they refused a request."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from token_guard.budget import ContextLimit
from token_guard.limits.source import Deployment
from token_guard.limits.tokens import read_tokens

__all__ = ["Learned", "LearnedStore", "learned_as"]

SECTION: Final = "learned"

# How long a window stays that no provider named, that is only known to be too small for what was refused.
UNNAMED_TTL_SECONDS: Final = 3_600.0


class LearnedStore(Protocol):
    """What is needed of a store."""

    def get(self, section: str, key: str) -> str | None: ...

    def put(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> None: ...

    def delete(self, section: str, key: str) -> None: ...

    def keys(self, section: str) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class _Fact:
    window: int
    at: float
    named: bool


@dataclass(frozen=True, slots=True)
class Learned:
    """Windows from refusals, kept in a store, where they survive a restart and reach other replicas; forgotten after a while."""

    store: LearnedStore
    ttl_seconds: float
    clock: Callable[[], float] = time.time
    name: str = "learned"

    def __call__(self, model: str, deployment: Deployment | None) -> ContextLimit | None:
        """The learned window of the deployment, or of the model where there is none."""
        fact = self._fact(learned_as(model, deployment))
        return ContextLimit(fact.window, source=self.name) if fact else None

    def why(self, model: str, deployment: Deployment | None) -> str:
        """How it was learned."""
        fact = self._fact(learned_as(model, deployment))
        if fact is None:
            return ""
        return "named by the provider in a refusal" if fact.named else "below what the provider refused without naming a window"

    @property
    def knows_any(self) -> bool:
        """Whether anything was learned of any deployment."""
        return bool(self.store.keys(SECTION))

    def learn(self, model: str, deployment: Deployment | None, window: int, *, named: bool = True) -> None:
        """Remember a window; one that no provider named never replaces a smaller one that is known."""
        key = learned_as(model, deployment)
        known = self._fact(key)
        if named or known is None or window < known.window:
            fact = _Fact(window, self.clock(), named)
            written = json.dumps({"max_input_tokens": window, "at": fact.at, "named": named})
            self.store.put(SECTION, key, written, ttl_seconds=self._ttl(fact))

    def forget_unnamed(self, model: str, deployment: Deployment | None) -> None:
        """Forget a window that no provider named."""
        key = learned_as(model, deployment)
        fact = self._fact(key)
        if fact and not fact.named:
            self.store.delete(SECTION, key)

    def _fact(self, key: str) -> _Fact | None:
        text = self.store.get(SECTION, key)
        fact = _read(text) if text else None
        if fact is None:
            return None
        return fact if self.clock() < fact.at + self._ttl(fact) else None

    def _ttl(self, fact: _Fact) -> float:
        return self.ttl_seconds if fact.named else min(self.ttl_seconds, UNNAMED_TTL_SECONDS)


def learned_as(model: str, deployment: Deployment | None) -> str:
    """What a learned window is kept under: the deployment that answers, or the model's name without one."""
    return deployment.id if deployment and deployment.id else model


def _read(text: str) -> _Fact | None:
    """What was written; None when the text is no such thing (a store may be shared with other versions)."""
    try:
        value = json.loads(text)
        window = read_tokens(value["max_input_tokens"])
        return _Fact(window, float(value["at"]), bool(value["named"])) if window else None
    except (ValueError, KeyError, TypeError):
        return None
