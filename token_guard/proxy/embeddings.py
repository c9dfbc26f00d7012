"""Inputs of embeddings: each has the model's window for itself; one that is longer is cut at its end, or refused by its number."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from token_guard.budget import Budget, ContextLimit
from token_guard.case import counted_as
from token_guard.compaction.shorten import LONG_LINE, ROUNDS
from token_guard.counting import Measure, Meter, meter_for
from token_guard.errors import InputTooLongError
from token_guard.formats.embeddings import Input, inputs_of, with_inputs
from token_guard.limits import Deployment, LimitChain
from token_guard.report import Fitted, Quality, Report, Step

__all__ = ["beginning", "fit_inputs"]

LONG_WORD = 200
"""A word of more characters than this is not a word to a reader: it may be cut inside."""

ENOUGH = 0.99
"""A cut that fills this share of the window is not worth another count."""


def fit_inputs(
    request: Mapping[str, Any],
    limits: LimitChain,
    deployment: Deployment | None = None,
    *,
    reject: bool = False,
    mode: str = "enforce",
) -> Fitted:
    """The request, or a copy in which no input is longer than the model's window.

    The report's counts are those of the longest input, as that is what the window limits. Raises InputTooLongError with `reject`.
    """
    started = time.perf_counter()
    model = str(request.get("model") or "")
    rule = _rule(request, limits, deployment)
    before = [rule.measure(one) for one in inputs_of(request)]
    if mode == "off":
        return Fitted(request, _report("bypassed", model, rule, before, before, started))
    if mode == "observe":
        return Fitted(request, _observed(_fitted(request, rule, before, started, reject=False).report, reject=reject))
    return _fitted(request, rule, before, started, reject=reject)


def beginning(text: str, max_tokens: int, meter: Meter) -> str:
    """The beginning of a text in at most `max_tokens` tokens: whole lines, whole words where a line is very long."""
    kept, too_long = "", len(text)
    guess = too_long * max_tokens // max(1, meter.text(text))
    for _ in range(ROUNDS):
        cut = _without_the_last_piece(text[:guess])
        tokens = meter.text(cut)
        if ENOUGH * max_tokens <= tokens <= max_tokens:
            return cut
        if tokens > max_tokens:
            too_long = guess
        else:
            kept = max(kept, cut, key=len)
        guess = min(too_long - 1, max(len(kept) + 1, guess * max_tokens // max(1, tokens)))
    return kept


@dataclass(frozen=True, slots=True)
class _Rule:
    """What one input may have, and how it is counted and cut."""

    limit: ContextLimit
    allowed: int
    meter: Meter

    def measure(self, value: Input) -> Measure:
        if value is None:
            return Measure(0, "bound")
        return self.meter.measure_text(value, self.allowed) if isinstance(value, str) else Measure(len(value), "count")

    def cut(self, value: Input) -> Input:
        if value is None:
            return None
        return beginning(value, self.allowed, self.meter) if isinstance(value, str) else value[: self.allowed]


def _fitted(request: Mapping[str, Any], rule: _Rule, before: Sequence[Measure], started: float, *, reject: bool) -> Fitted:
    """The request with each input that is too long cut to what is allowed."""
    inputs, model = inputs_of(request), str(request.get("model") or "")
    tokens = [measure.tokens for measure in before]
    if max(tokens, default=0) <= rule.allowed:
        return Fitted(request, _report("none" if inputs else "bypassed", model, rule, before, before, started))
    if reject:
        place = next(place for place, count in enumerate(tokens) if count > rule.allowed)
        window, source = rule.limit.max_input_tokens, rule.limit.source
        raise InputTooLongError(model=model, place=place, tokens=tokens[place], allowed=rule.allowed, window=window, limit_source=source)
    cut = [rule.cut(one) if count > rule.allowed else one for one, count in zip(inputs, tokens, strict=True)]
    return Fitted(with_inputs(request, cut), _report("compacted", model, rule, before, [rule.measure(one) for one in cut], started))


def _observed(report: Report, *, reject: bool) -> Report:
    """The report on a request that is only looked at, by the one on the request cut to what is allowed."""
    if reject and report.action == "compacted":
        return replace(report, action="observed", would="rejected", tokens_after=report.tokens_before, steps=(), quality=Quality())
    return replace(report, action="observed", would=report.action)


def _rule(request: Mapping[str, Any], limits: LimitChain, deployment: Deployment | None) -> _Rule:
    model = str(request.get("model") or "")
    limit = limits.resolve(model, deployment, request)
    meter = meter_for(counted_as(model, deployment))
    return _Rule(limit, limit.max_input_tokens - meter.margin(limit.max_input_tokens), meter)


def _report(
    action: Literal["none", "bypassed", "compacted"],
    model: str,
    rule: _Rule,
    before: Sequence[Measure],
    after: Sequence[Measure],
    started: float,
) -> Report:
    total, left = (sum(measure.tokens for measure in measures) for measures in (before, after))
    return Report(
        action,
        model,
        rule.limit,
        Budget(rule.allowed, rule.allowed, rule.allowed, 0),
        _longest(before),
        _longest(after),
        "bound" if all(measure.decided_by == "bound" for measure in before) else "count",
        steps=(Step("truncate", total, left),) if action == "compacted" else (),
        quality=Quality(left / total if action == "compacted" else 1.0),
        seconds=time.perf_counter() - started,
    )


def _longest(measures: Sequence[Measure]) -> int:
    return max((measure.tokens for measure in measures), default=0)


def _without_the_last_piece(text: str) -> str:
    """The text without its last line, which was cut somewhere; without its last word where that line is very long."""
    for end, longest in ((text.rfind("\n"), LONG_LINE), (text.rfind(" "), LONG_WORD)):
        if 0 < end >= len(text) - longest:
            return text[:end]
    return text
