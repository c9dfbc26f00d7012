"""Cases of plain requests: what is decided before messages are looked at is the same for all that ask the same model for the same reply."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

from token_guard.case import Case
from token_guard.counting import Calibrations
from token_guard.limits import LimitChain

__all__ = ["PlainCases"]

REPLY = ("max_tokens", "max_completion_tokens", "max_output_tokens")

FIELDS = frozenset({"model", "messages", "system", "input", "instructions", "temperature", "top_p", "stream", *REPLY})
"""Fields of a request that is no more than its messages and the length of the reply."""

KEPT = 64
"""Cases that are kept at a time."""


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
        if case is None:
            return None
        model = case.conversation.model
        is_current = case.limit is self._limits.resolve(model) and case.calibration is self._calibrations.get(model)
        return case if is_current else None

    def keep(self, api: str, request: Mapping[str, Any], case: Case) -> None:
        """Remember the case of a request, where that is plain."""
        if key := _key(api, request):
            if len(self._cases) >= KEPT:
                self._cases.clear()
            self._cases[key] = replace(case, conversation=replace(case.conversation, request={}))


def _key(api: str, request: Mapping[str, Any]) -> Hashable:
    """What cases are alike by; None for requests that are not plain."""
    model = request.get("model")
    if not FIELDS.issuperset(request) or type(model) is not str:
        return None
    reply = [request.get(name) for name in REPLY]
    return (api, model, *reply) if all(tokens is None or type(tokens) is int for tokens in reply) else None
