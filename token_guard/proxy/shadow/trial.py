"""One comparison: the two requests, the money, the three calls, the verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from token_guard.conversation import Conversation
from token_guard.formats import FORMATS
from token_guard.formats.repeating import repeated, reply_of
from token_guard.formats.replies import LEAST_THINKING
from token_guard.guard import Guard
from token_guard.proxy.attempt import Attempt
from token_guard.proxy.shadow.calls import Answered, ask, rates_of
from token_guard.proxy.threads import POOL
from token_guard.report import Fitted
from token_guard.settings.shadow import ShadowSettings
from token_guard.shadow import Action, Book, Rates, Reservation, Tally, agreement

__all__ = ["Comparing", "Trial"]

_CALLER: Final = "token_guard shadow"
"""Takes its turn among the callers of the proxy's threads."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One answered request that is to be asked again."""

    attempt: Attempt
    fitted: Fitted = field(repr=False)
    loop: asyncio.AbstractEventLoop = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Pair:
    """The two requests of a trial, and what each costs at most."""

    whole: Mapping[str, Any] = field(repr=False)
    compacted: Mapping[str, Any] = field(repr=False)
    whole_cost: float
    compacted_cost: float


@dataclass(frozen=True, slots=True)
class Comparing:
    """Called with a trial: how it ended, in the words of `ENDED`, and what is to be counted of it."""

    options: ShadowSettings
    guard: Guard
    book: Book

    async def __call__(self, trial: Trial) -> tuple[str, Tally]:
        attempt = trial.attempt
        rates = rates_of(attempt.model, attempt.deployment)
        if rates is None:
            return "no price", Tally()
        pair = await POOL(_CALLER, lambda: self._pair(trial, rates))
        if pair is None:
            return "not repeatable", Tally()
        most = 2 * pair.whole_cost + pair.compacted_cost
        if most > self.options.budget_per_day:
            return "too dear", Tally()
        reserved = await asyncio.to_thread(self.book.reserve, most)
        if reserved is None:
            return "over budget", Tally()
        return await self._asked(attempt, pair, rates, reserved)

    async def _asked(self, attempt: Attempt, pair: _Pair, rates: Rates, reserved: Reservation) -> tuple[str, Tally]:
        """The three calls, one after the other: a provider has the whole prompt in its cache when it comes again."""
        answered, spent, replies = Answered(0.0), 0.0, list[Action | None]()
        for fields, most in ((pair.whole, pair.whole_cost), (pair.whole, pair.whole_cost), (pair.compacted, pair.compacted_cost)):
            answered = await ask(attempt.api, attempt.deployment, fields, rates, most, self.options.timeout_seconds)
            spent += answered.cost
            replies.append(Action.of(reply_of(attempt.api, answered.answer)) if answered.answer is not None else None)
            if replies[-1] is None:
                break
        await asyncio.to_thread(self.book.settle, reserved, spent)
        match replies:
            case [Action() as whole, Action() as again, Action() as compacted]:
                return "compared", replace(Tally.of(agreement(whole, again), agreement(whole, compacted)), spent=spent)
        return answered.wrong or "no answer", Tally(spent=spent)

    def _pair(self, trial: Trial, rates: Rates) -> _Pair | None:
        """The requests of a trial; None where one of them cannot be made."""
        attempt, fitted = trial.attempt, trial.fitted
        if fitted.report.would:  # it was only looked at
            fitted = self.guard.apart().process(attempt.request, api=attempt.api, deployment=attempt.deployment, mode="enforce")
        whole, compacted = (self._fields(attempt, request) for request in (attempt.request, {**attempt.request, **fitted.request}))
        if whole is None or compacted is None:
            return None
        sizes = fitted.report.tokens_before, fitted.report.tokens_after
        return _Pair(whole, compacted, *(self._most(rates, tokens, fitted.report.margin) for tokens in sizes))

    def _most(self, rates: Rates, tokens: int, margin: float) -> float:
        return rates.cost(tokens * (1 + margin), max(self.options.max_output_tokens, LEAST_THINKING + 1))

    def _fields(self, attempt: Attempt, request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What to ask with, and no longer a reply than is paid for."""
        parsed = FORMATS[attempt.api].parse(request)
        if not isinstance(parsed, Conversation):
            return None
        asked = parsed.max_output_tokens or self.options.max_output_tokens
        lowered = replace(parsed, max_output_tokens=min(asked, self.options.max_output_tokens))
        return repeated(attempt.api, FORMATS[attempt.api].render(lowered))
