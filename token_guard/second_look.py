"""A second look at a request that only the estimate makes too long: its count by the model's own vocabulary.

It answers two questions: whether the request can stay as it is after all, and whether what could not be compacted far enough fits all
the same. What is compacted is compacted by the estimate, with or without the extra, so that the second look changes one thing alone:
when the first compaction comes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from token_guard.budget import Scale
from token_guard.case import Case, scale_of
from token_guard.counting import Calibrations, Measure, Meter, own_meter_for
from token_guard.history.replay import Replayed
from token_guard.history.tally import Tally
from token_guard.history.thresholds import MIN_MESSAGES, levels, thresholds
from token_guard.settings import Settings
from token_guard.validity.repair import Repaired

__all__ = ["SecondLook", "own_key", "recounted"]

INLINE = 8_192
"""Up to so many characters a request may be handled on the event loop (proxy/threads.py), where nothing slow has a place."""

MOST_TEXTS = 8_192
"""Each text costs 45 us beside its characters. Of 190 recorded sessions the longest has fewer than 5,000; a request of more is no session,
and its estimate stands."""

LARGE_MESSAGE = 1_000
"""Tokens of a message that has the lowest trigger (history/thresholds.py)."""


@dataclass(frozen=True, slots=True)
class SecondLook:
    """Called with a case: the same counted by the model's own vocabulary. None where no package at hand ships one, where nothing is in
    doubt or the provider's word stands against the count, and where the request is too short to be off the event loop, too long to
    be counted in `settings.exact_seconds`, or in more texts than any session has.

    That depends on the request alone, never on what is remembered, so that every replica decides alike.
    """

    settings: Settings
    calibrations: Calibrations

    def __call__(self, case: Case) -> Case | None:
        if not self.settings.exact_seconds or not case.plan.doubt or case.cap is not None or case.guessed:
            return None
        texts = case.meter.texts(case.conversation.messages)
        if len(texts) > MOST_TEXTS:
            return None
        characters = sum(map(len, texts))
        meter = own_meter_for(case.base_model) if characters > INLINE else None  # a short request does not wait for it to be loaded
        if meter is None or meter.seconds(characters) > self.settings.exact_seconds:
            return None
        plan = Scale(doubt=meter.doubt)
        scale = scale_of(self.calibrations.get(own_key(case.learned_as)), plan)
        return replace(case, meter=meter, plan=plan, scale=scale, overhead=meter.overhead(case.conversation)).of(case.conversation)

    def quiet(self, own: Case, lenient: bool) -> Measure | None:
        """What a request counts, where nothing is to be done at that size; else None.

        That is up to the lowest trigger that a conversation of its kind can have: its shape may change on the way, and what was
        compacted once is not to come back.
        """
        measure = own.meter.measure(own.conversation)
        return replace(measure, decided_by="exact") if measure.tokens <= min(own.allowed, self._trigger(own, lenient)) else None

    def _trigger(self, own: Case, lenient: bool) -> int:
        messages = own.conversation.messages
        if lenient or len(messages) < MIN_MESSAGES:
            return own.allowed
        shares = thresholds(Tally().plus(messages, LARGE_MESSAGE * len(messages)), self.settings)
        return own.allowed if shares.trigger >= 1.0 else levels(shares, Tally(), own.room, own.fixed - own.overhead).trigger + own.overhead


def own_key(key: str) -> str:
    """What a calibration of counts by the model's own vocabulary is kept under, beside that of the estimates."""
    return f"{key} by its own"


def recounted(replayed: Replayed, repaired: Repaired, meter: Meter) -> Replayed:
    """The same with its sizes as another meter has them."""
    return replace(replayed, tokens=meter.messages(replayed.messages), history_tokens=meter.messages(repaired.messages))
