"""One recorded session through a guard: what it would have done to each request, and what the prompts would have cost."""

from __future__ import annotations

import functools
import json
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Self

from token_guard.budget import ContextLimit
from token_guard.conversation import Conversation
from token_guard.counting import Meter, meter_for
from token_guard.errors import ContextOverflowError
from token_guard.formats import Unreadable, format_for
from token_guard.guard import Guard
from token_guard.limits import Deployment, LimitChain
from token_guard.report import Report
from token_guard.settings import Settings
from token_guard.simulation.bill import Bill, Piece, PromptCache
from token_guard.simulation.prices import Prices, prices_of
from token_guard.simulation.totals import Side, Total

__all__ = ["Options", "Sent", "Session", "Variant", "models_of", "trial"]

DEFAULT_MODEL = "gpt-4o"
"""The model of a request that names none."""

LOST = 0.1
"""Share of what should be in a provider's cache that has to be missing before it counts as lost; less is the simulation's own error."""

PAIRS = 4
"""A provider's counts from which a correction is read; with fewer the estimate stands."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request of a session: when it was sent, in seconds; what answered it; what the provider counted of it: its prompt, and how
    much of that it read from its cache."""

    request: Mapping[str, Any] = field(repr=False)
    at: float | None = None
    reply: Mapping[str, Any] | None = field(default=None, repr=False)
    counted: tuple[int, int | None] | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """Requests that follow each other."""

    name: str
    sent: tuple[Sent, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """A guard to try: its settings as JSON, and the windows of the models that it will meet."""

    settings: str
    windows: tuple[tuple[str, ContextLimit], ...]

    @classmethod
    def of(cls, settings: str, models: Iterable[str]) -> Self:
        """With the windows that these models have here: the environment and the limit files of another machine have no say in them."""
        chain = LimitChain(**Settings.model_validate_json(settings).limits.of_the_chain)
        return cls(settings, tuple((model, chain.look_up(model)) for model in models))


@dataclass(frozen=True, slots=True)
class Options:
    """How a trial is run: with which guard and, to compare, which other; the model, and a hard cap on prompts, instead of those of the
    log."""

    variant: Variant
    against: Variant | None = None
    model: str | None = None
    max_input_tokens: int | None = None


def models_of(sessions: Iterable[Session], model: str | None) -> list[str]:
    """The models that sessions are replayed for, in the order of their first requests; `model` is instead of those of the log."""
    return [model] if model else list(dict.fromkeys(_model(sent) for session in sessions for sent in session.sent))


def trial(session: Session, options: Options) -> list[Total]:
    """The totals of a session, one for each model in it; the same wherever it is run."""
    by_model: dict[str, list[Sent]] = {}
    for sent in session.sent:
        model = options.model or _model(sent)
        by_model.setdefault(model, []).append(replace(sent, request={**sent.request, "model": model}))
    return [_Trial(model, options).run(sent) for model, sent in by_model.items()]


def _model(sent: Sent) -> str:
    return str(sent.request.get("model") or DEFAULT_MODEL)


@dataclass(frozen=True, slots=True)
class _Windows:
    """The source of limits that has been asked already: it stands for the deployments of the log."""

    by_model: Mapping[str, ContextLimit]
    name: str = "deployment"

    def __call__(self, model: str, _deployment: Deployment | None) -> ContextLimit | None:
        return self.by_model.get(model)

    def why(self, _model: str, _deployment: Deployment | None) -> str:
        return "looked up before the replay"


@functools.lru_cache(maxsize=4)
def _guard(variant: Variant) -> Guard:
    settings = Settings.model_validate_json(variant.settings)
    windows = _Windows(dict(variant.windows))
    limits = settings.limits.model_copy(update={"order": (windows.name,), "files": ()})
    return Guard(settings.model_copy(update={"limits": limits}), sources=(windows,))


@dataclass(frozen=True, slots=True)
class _Prompt:
    """A request as a provider sees it: pieces that are cached, and what they count by the guard's own meter."""

    pieces: tuple[Piece, ...]
    bytes: int

    @property
    def tokens(self) -> float:
        return sum(piece.tokens for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class _Correction:
    """From the guard's tokens to the provider's: what is in front of every prompt and in no log, and by which factor texts count more."""

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, prompt: _Prompt) -> list[Piece]:
        first, *rest = prompt.pieces
        head = Piece(first.digest, first.tokens * self.slope + self.offset)
        return [head, *(Piece(piece.digest, piece.tokens * self.slope) for piece in rest)]

    def of(self, prompt: _Prompt, counted: int | None) -> _Correction:
        """The same for one prompt of which the provider has told the size."""
        tokens = prompt.tokens * self.slope + self.offset
        share = counted / tokens if counted and tokens else 1.0
        return _Correction(self.slope * share, self.offset * share)


@dataclass(frozen=True, slots=True)
class _Moment:
    """One request of a trial: when it was sent and what answered it, how the provider counts, and how much of its prompt the provider's
    cache still had, where it had lost the rest."""

    sent: Sent
    prompt: _Prompt
    at: float
    reply: Piece | None
    correct: _Correction
    left: int | None = None

    def bill(self, prompt: _Prompt, cache: PromptCache) -> Bill:
        """The bill of what is sent at this moment."""
        pieces = self.correct(prompt)
        if self.left is not None:
            cache.forget(pieces, self.left)
        return cache.send(pieces, self.at, self.reply)


class _Trial:
    """The requests of one session for one model."""

    def __init__(self, model: str, options: Options) -> None:
        self._options = options
        self._meter: Meter = meter_for(model)
        self._prices: Prices = prices_of(model)
        self._total = Total(model, priced_as=self._prices.name if self._prices.known else "", sessions=1)
        self._guards = [_guard(variant) for variant in (options.variant, options.against) if variant]
        self._sides = [self._total.after, *([Side()] if options.against else [])]
        self._total.other = self._sides[1] if options.against else None

    def run(self, sent: Sequence[Sent]) -> Total:
        """The total of the requests, in their order."""
        before, caches = PromptCache(self._prices), [PromptCache(self._prices) for _ in self._guards]
        last: list[Report | None] = [None] * len(self._guards)
        for moment in self._moments(sent, before):
            self._note_before(moment, moment.bill(moment.prompt, before))
            for place, guard in enumerate(self._guards):
                last[place] = self._guarded(guard, place, moment, caches[place]) or last[place]
        for side, report in zip(self._sides, last, strict=True):
            if report is not None:
                side.quality.note_session(report)
        return self._total

    def _moments(self, sent: Sequence[Sent], cache: PromptCache) -> Iterator[_Moment]:
        prompts = [(one, prompt) for one in sent if (prompt := self._prompt(one.request)) is not None]
        self._total.before.actions["unreadable"] += len(sent) - len(prompts)
        correct = _correction([(prompt.tokens, one.counted[0]) for one, prompt in prompts if one.counted])
        times = _times(one.at for one, _ in prompts)
        for (one, prompt), at in zip(prompts, times, strict=True):
            exactly = correct.of(prompt, one.counted[0] if one.counted else None)
            left = self._left(one, cache.would_read(exactly(prompt), at))
            yield _Moment(one, prompt, at, self._reply(one.reply), exactly, left)

    def _left(self, one: Sent, would_read: int) -> int | None:
        """What the provider's cache had left of a prompt, where it had lost a good part: how long its client paused is in no log."""
        if one.at is not None or one.counted is None or one.counted[1] is None or one.counted[1] >= (1.0 - LOST) * would_read:
            return None
        self._total.provider.pauses += 1
        return one.counted[1]

    def _note_before(self, moment: _Moment, bill: Bill) -> None:
        one, prompt = moment.sent, moment.prompt
        self._total.requests += 1
        self._total.before.tokens += round(prompt.tokens)
        self._total.before.bytes += prompt.bytes
        self._total.before.bill += bill
        if one.counted is None or one.counted[1] is None:
            return
        counted, read = one.counted[0], min(one.counted[0], one.counted[1])
        writes = counted - read if self._prices.write != self._prices.plain else 0
        plain = counted - read - writes
        self._total.provider.requests += 1
        self._total.provider.counted += Bill(plain, read, writes, self._prices.cost(plain, read, writes))
        self._total.provider.simulated += bill

    def _guarded(self, guard: Guard, place: int, moment: _Moment, cache: PromptCache) -> Report | None:
        """Send one request through a guard; the report on it where it was compacted."""
        one, prompt = moment.sent, moment.prompt
        side = self._sides[place]
        try:
            fitted = guard.process(one.request, max_input_tokens=self._options.max_input_tokens, mode="enforce")
        except ContextOverflowError as error:
            side.actions["refused"] += 1
            if place == 0:
                self._note_window(error.window, error.limit_source, error.tokens_before, None)
            return None
        report = fitted.report
        side.actions[report.action] += 1
        if place == 0:
            self._note_window(report.limit.max_input_tokens, report.limit.source, round(prompt.tokens), one.request)
        forwarded = prompt if fitted.request is one.request else self._prompt(fitted.request) or prompt
        side.tokens += round(forwarded.tokens)
        side.bytes += forwarded.bytes
        side.bill += moment.bill(forwarded, cache)
        if report.action != "compacted":
            return None
        side.quality.note(report)
        return report

    def _note_window(self, window: int, source: str, tokens: int, request: Mapping[str, Any] | None) -> None:
        self._total.window, self._total.source = window, source
        self._total.note_size(tokens)
        reply = next(
            (request[key] for key in ("max_tokens", "max_completion_tokens", "max_output_tokens") if request and request.get(key)), 0
        )
        self._total.overflowing += tokens + (reply if isinstance(reply, int) else 0) > window

    def _prompt(self, request: Mapping[str, Any]) -> _Prompt | None:
        format_ = format_for(None, request)
        conversation = format_.parse(request) if format_ else Unreadable("unknown shape")
        if isinstance(conversation, Unreadable):
            return None
        messages = [Piece(hash(message), self._meter.message(message)) for message in conversation.messages]
        return _Prompt((self._head(conversation), *messages), _bytes(request))

    def _head(self, conversation: Conversation) -> Piece:
        return Piece(0, self._meter.overhead(conversation))

    def _reply(self, reply: Mapping[str, Any] | None) -> Piece | None:
        """The message that answered: behind its prompt in the cache of a provider that keeps replies."""
        format_ = format_for(None, {"messages": [reply]}) if reply is not None else None
        conversation = format_.parse({"messages": [reply]}) if format_ else None
        if not isinstance(conversation, Conversation) or len(conversation.messages) != 1:
            return None
        (message,) = conversation.messages
        return Piece(hash(message), self._meter.message(message))


_SIZES: dict[int, tuple[object, int]] = {}
"""Bytes of messages by their identity, with the message, so that no other one can come to have it."""


def _bytes(request: Mapping[str, Any]) -> int:
    """About how many bytes a request is on the wire; each message is written once for all the requests that it is in."""
    messages = request.get("messages")
    if not isinstance(messages, list):
        return len(json.dumps(request, default=str))
    if len(_SIZES) > 200_000:  # noqa: PLR2004
        _SIZES.clear()
    size = 0
    for message in messages:
        known = _SIZES.get(id(message))
        if known is None or known[0] is not message:
            known = _SIZES[id(message)] = (message, len(json.dumps(message, default=str)))
        size += known[1] + 2
    return size + len(json.dumps({key: value for key, value in request.items() if key not in ("messages", "tools")}, default=str))


def _times(given: Iterable[float | None]) -> Iterator[float]:
    """When requests were sent; one without a time comes a second after the one before it."""
    now = 0.0
    for at in given:
        now = now + 1.0 if at is None else at
        yield now


def _correction(pairs: Sequence[tuple[float, int]]) -> _Correction:
    """What a provider's own counts teach of the guard's: medians, which a few requests that were rewritten do not move.

    >>> _correction([(1_000, 21_500), (2_000, 23_000), (3_000, 24_500), (4_000, 26_000)])
    _Correction(slope=1.5, offset=20000.0)
    """
    if len(pairs) < PAIRS:
        return _Correction()
    steps = [(after[1] - before[1]) / (after[0] - before[0]) for before, after in pairwise(pairs) if after[0] > before[0]]
    slope = min(2.5, max(0.5, statistics.median(steps))) if steps else 1.0
    return _Correction(slope, max(0.0, statistics.median(counted - slope * tokens for tokens, counted in pairs)))
