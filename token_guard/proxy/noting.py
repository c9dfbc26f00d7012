"""Telling what became of an attempt: in the request's note, for the answer's headers; in the metrics; in the record of its session and
among the last hour's requests; in one log line."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from token_guard.errors import ContextOverflowError, tell, where
from token_guard.proxy.attempt import Attempt
from token_guard.proxy.callers import owner_of
from token_guard.proxy.headers import bypassed_headers, log_line, rejected_headers, rejected_line, report_headers
from token_guard.proxy.metrics import Metrics, model_label
from token_guard.proxy.tracked import Tracked
from token_guard.report import Correction, Fitted
from token_guard.sessions import Recent

__all__ = ["Noting"]

logger = logging.getLogger("token_guard")


@dataclass(frozen=True, slots=True)
class Noting:
    """What was done, what was refused, and what failed."""

    metrics: Metrics | None
    tracked: Tracked | None = None
    recent: Recent = field(default_factory=partial(Recent, model_label))

    def done(self, attempt: Attempt, fitted: Fitted) -> None:
        """One attempt that goes on, as it came or shorter."""
        report, note = fitted.report, attempt.note
        note["headers"] = report_headers(report)
        note["action"] = report.action
        note["estimate"] = report.tokens_after if report.action == "compacted" else None
        note["sent"] = report.tokens_after
        if self.metrics:
            tell(self.metrics.observe, report)
        tell(self.recent.observe, report, owner_of(attempt.request))
        if self.tracked:
            self.tracked.done(attempt, report)
        if fitted.request is not attempt.request:
            logger.info(log_line(report))

    def refused(self, attempt: Attempt, error: ContextOverflowError) -> None:
        """One attempt that cannot be made to fit; counted once, though LiteLLM offers it to the same deployment again."""
        attempt.note["headers"] = rejected_headers(error)
        if self.tracked:
            self.tracked.refused(attempt)
        places = attempt.note.setdefault("rejected", [])
        if attempt.place in places:
            return
        places.append(attempt.place)
        if self.metrics:
            tell(self.metrics.reject, attempt.model, error.largest_part)
        tell(self.recent.stopped, attempt.model, owner_of(attempt.request), "rejected")
        logger.info(rejected_line(error))

    def failed(self, attempt: Attempt, error: BaseException, outcome: Literal["forwarded", "refused"]) -> None:
        """One attempt that the guard itself failed on; nothing of its content is told."""
        attempt.note["failures"] = attempt.note.get("failures", 0) + 1
        attempt.note["headers"] = bypassed_headers()
        if self.tracked:
            self.tracked.refused(attempt)
        if self.metrics:
            tell(self.metrics.fail, attempt.model)
        tell(self.recent.stopped, attempt.model, owner_of(attempt.request), "bypassed")
        subject = "the original is forwarded" if outcome == "forwarded" else "the request is refused"
        logger.warning("token_guard failed on a request for %s (%s); %s", attempt.model, where(error), subject)

    def ended_badly(self, data: Mapping[str, Any]) -> None:
        """A client's request that ended with an error."""
        if self.tracked:
            self.tracked.ended_badly(data)

    def learned(self, model: str, correction: Correction) -> None:
        """What a deployment's own count taught of the estimates for its model."""
        if self.metrics:
            tell(self.metrics.learned, model, correction)
        tell(self.recent.learned, model, correction)
