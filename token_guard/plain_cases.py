"""What is the same for many requests is decided once: the cases of plain requests, which ask the same model for the same reply, and the
reports on short chats, which differ in the sizes of their texts alone."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, fields, make_dataclass, replace
from functools import lru_cache, partial
from typing import Any, TypeVar

from token_guard.budget import Budget
from token_guard.case import Case
from token_guard.counting import Calibrations
from token_guard.formats.plain_chat import SHORT_FIELDS, short_chat
from token_guard.history.tally import Tally
from token_guard.history.thresholds import MIN_MESSAGES, Depth
from token_guard.limits import Deployment, LimitChain
from token_guard.outcome import is_clamped
from token_guard.report import Fitted, Report

__all__ = ["PlainCases", "ShortChats"]

T = TypeVar("T")

REPLY = ("max_tokens", "max_completion_tokens", "max_output_tokens")

FIELDS = frozenset({"model", "messages", "system", "input", "instructions", "temperature", "top_p", "stream", *REPLY})
"""Fields of a request that is no more than its messages and the length of the reply."""

KEPT = 64
"""Cases that are kept at a time."""

SIZES = 1_024
"""Sizes of short chats whose budget is kept."""

CHAT = "openai.chat"


class PlainCases:
    """The cases of the last plain requests, each for as long as nothing new is known of its model."""

    def __init__(self, limits: LimitChain, calibrations: Calibrations) -> None:
        self._limits = limits
        self._calibrations = calibrations
        self._cases: dict[Hashable, Case] = {}

    def get(self, api: str, request: Mapping[str, Any]) -> Case | None:
        """The case of a request; None where it is not plain, or where another one has to be opened."""
        key = _key(api, request)
        case = self._cases.get(key) if key else None
        return case if case and self.is_current(case, request) else None

    def is_current(self, case: Case, request: Mapping[str, Any], deployment: Deployment | None = None) -> bool:
        """Whether nothing new is known of its model, and the request asks for no other window."""
        model = case.conversation.model
        limit = self._limits.resolve(model, deployment, request)
        return case.limit is limit and case.calibration is self._calibrations.get(case.learned_as)

    def keep(self, api: str, request: Mapping[str, Any], case: Case) -> None:
        """Remember the case of a request, where that is plain."""
        if key := _key(api, request):
            if len(self._cases) >= KEPT:
                self._cases.clear()
            self._cases[key] = _bare(case)


def _bare(case: Case) -> Case:
    """The case without the request that it was opened for."""
    return replace(case, conversation=replace(case.conversation, request={}))


def _key(api: str, request: Mapping[str, Any]) -> Hashable:
    """What cases are alike by; None for requests that are not plain."""
    model = request.get("model")
    if not FIELDS.issuperset(request) or type(model) is not str:
        return None
    reply = [request.get(name) for name in REPLY]
    return (api, model, *reply) if all(tokens is None or type(tokens) is int for tokens in reply) else None


# -- short chats ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Alike:
    """What is the same for short chats that are alike: all of the report on one of them but the tokens, and how many they may have."""

    case: Case
    report: Report
    budget: Callable[[int], Budget]
    most: int
    deployment: Deployment | None


class ShortChats:
    """The reports on short chats that certainly fit, made in a few microseconds from the report on an earlier one that was alike.

    That is safe because nothing but the sizes of their texts tells two such chats apart. They are words alone, in a few messages, without
    any field that bears on a prompt (`short_chat`), so that no rule of tools, media, thinking or formats can apply; the same model is
    asked for the same reply, at the same deployment, by as many messages, with the same cap; and nothing new is known of the model. Then
    all that is said of them follows from the proven bound on their tokens; and up to `most` it is that they are forwarded as they are.
    Whatever is larger, or different in any way, takes the usual path.
    """

    def __init__(self, cases: PlainCases, clock: Callable[[], float], carried: frozenset[str] = frozenset()) -> None:
        """`carried` are fields beside those of a chat that bear on no prompt, whatever is in them."""
        self._fields = SHORT_FIELDS | carried
        self._cases = cases
        self._clock = clock
        self._alike: dict[Hashable, _Alike] = {}

    def get(
        self, api: str | None, request: Mapping[str, Any], deployment: Deployment | None, cap: int | None, started: float
    ) -> Fitted | None:
        """The request with the report on it; None where the usual path has to decide."""
        chat = short_chat(request, self._fields) if api is None or api == CHAT else None
        if chat is None:
            return None
        alike = self._alike.get((chat[0], cap, deployment.id if deployment else None))
        if alike is None or alike.deployment != deployment:
            return None
        case, first = alike.case, alike.report
        tokens = case.overhead + case.meter.most(chat[1])
        if tokens > alike.most or (cap is None and not self._cases.is_current(case, request, deployment)):
            return None
        budget, margin = alike.budget(tokens), first.margin
        known = _report(
            "none",
            first.model,
            first.limit,
            budget,
            tokens,
            tokens,
            "bound",
            margin,
            correction=first.correction,
            seconds=self._clock() - started,
        )
        return _fitted(request, known)

    def keep(
        self,
        api: str,
        request: Mapping[str, Any],
        deployment: Deployment | None,
        cap: int | None,
        case: Case,
        report: Report,
        depth: Callable[[Case, Tally], Depth],
    ) -> None:
        """Remember the report on a request that fits, where that is a short chat whose window is not of its own."""
        chat = short_chat(request, self._fields) if api == CHAT else None
        if chat is None or len(chat[1]) >= MIN_MESSAGES or (cap is None and not self._cases.is_current(case, request, deployment)):
            return
        if len(self._alike) >= KEPT:
            self._alike.clear()
        most = bisect_left(range(case.allowed + 1), True, key=partial(is_clamped, case)) - 1
        goes, overhead, told = depth(case, Tally.guessed(len(chat[1]), 0, 0)), case.overhead, report.budget
        allowed, trigger, reserved = told.allowed, told.trigger, told.reserved_output
        budget = lru_cache(SIZES)(lambda tokens: Budget(allowed, trigger, goes.at(tokens).target + overhead, reserved))
        place = chat[0], cap, deployment.id if deployment else None
        self._alike[place] = _Alike(_bare(case), report, budget, most, deployment)


def _quick(cls: type[T]) -> type[T]:
    """A constructor of a frozen dataclass that takes a third of the time: it gives the fields to an object of an open class with the
    same slots, which is of the frozen class from then on; a frozen object is given each of its fields by a call."""

    def close(made: Any) -> None:
        made.__class__ = cls

    told = [(one.name, one.type, field(default=one.default)) for one in fields(cls)]  # type: ignore[arg-type]
    return make_dataclass(cls.__name__, told, namespace={"__post_init__": close}, slots=True)


_report, _fitted = _quick(Report), _quick(Fitted)
