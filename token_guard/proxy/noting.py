"""Telling what became of an attempt: in the request's note, for the answer's headers; in metrics, spans and alarms; in the record of its
session and among the last hour's requests; in one log line."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from token_guard.errors import ContextOverflowError, tell, where
from token_guard.history.fingerprint import given_session
from token_guard.proxy.alarms import Alarms, alarms_of, refused_alarm
from token_guard.proxy.attempt import Attempt
from token_guard.proxy.callers import owner_of
from token_guard.proxy.fields import fields_of, span_attributes
from token_guard.proxy.headers import bypassed_headers, log_line, rejected_headers, rejected_line, report_headers
from token_guard.proxy.instruments import Labels
from token_guard.proxy.metrics import Metrics
from token_guard.proxy.tracing import trace
from token_guard.proxy.tracked import Tracked
from token_guard.report import Correction, Fitted, Report
from token_guard.sessions import Recent

__all__ = ["LEVELS", "Noting"]

logger = logging.getLogger("token_guard")

LEVELS: Final[Mapping[str, int]] = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "off": logging.NOTSET}
"""What `log_level` stands for; NOTSET is below all levels that anything is logged at."""

FIELDS = "token_guard"
"""Where the fields of a line stand in its record, for handlers that write JSON."""


@dataclass(frozen=True, slots=True)
class Noting:
    """What was done, what was refused, and what failed. `level` is that of the line on a request that something is done to."""

    metrics: Metrics | None
    alarms: Alarms
    level: int = logging.INFO
    tracked: Tracked | None = None
    recent: Recent = field(default_factory=lambda: Recent(Labels()))

    def done(self, attempt: Attempt, fitted: Fitted) -> None:
        """One attempt that goes on, as it came or shorter."""
        report, note = fitted.report, attempt.note
        note["headers"] = report_headers(report)
        note["action"] = report.action
        note["estimate"] = report.tokens_after if report.action == "compacted" else None
        note["sent"] = report.tokens_before if report.would else report.tokens_after
        if self.metrics:
            tell(self.metrics.observe, report)
        tell(self.recent.observe, report, owner_of(attempt.request))
        if self.tracked:
            self.tracked.done(attempt, report)
        tell(trace, attempt.request, lambda: span_attributes(report, given_session(attempt.request)))
        if report.action == "compacted":
            tell(self._raise, report)
        self._log(self.level if _is_touched(report) else logging.DEBUG, lambda: log_line(report), lambda: fields_of(report))

    def refused(self, attempt: Attempt, error: ContextOverflowError) -> None:
        """One attempt that cannot be made to fit; counted once, though LiteLLM offers it to the same deployment again."""
        attempt.note["headers"] = rejected_headers(error)
        if self.tracked:
            self.tracked.refused(attempt)
        places = attempt.note.setdefault("rejected", [])
        if attempt.place in places:
            return
        places.append(attempt.place)
        alarm = refused_alarm(attempt.model, error)
        if self.metrics:
            tell(self.metrics.reject, attempt.model, alarm.cause)
        tell(self.alarms.observe, alarm)
        tell(self.recent.stopped, attempt.model, owner_of(attempt.request), "rejected")
        fields = {"action": "rejected", "model": attempt.model, "tokens_before": error.tokens_before, "tokens_after": error.tokens}
        more = {"limit": error.window, "limit_source": error.limit_source, "alarm": alarm.name, "cause": alarm.cause}
        tell(trace, attempt.request, lambda: {f"token_guard.{name}": value for name, value in {**fields, **more}.items()})
        self._log(self.level, lambda: rejected_line(error), lambda: {**fields, **more})

    def failed(self, attempt: Attempt, error: BaseException, outcome: Literal["forwarded", "refused"]) -> None:
        """One attempt that the guard itself failed on; nothing of its content is told."""
        attempt.note["failures"] = attempt.note.get("failures", 0) + 1
        attempt.note["headers"] = bypassed_headers()
        if self.tracked:
            self.tracked.refused(attempt)
        if self.metrics:
            tell(self.metrics.fail, attempt.model)
        tell(self.recent.stopped, attempt.model, owner_of(attempt.request), "bypassed")
        tell(trace, attempt.request, lambda: {"token_guard.action": "bypassed"})
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

    def _raise(self, report: Report) -> None:
        for alarm in alarms_of(report):
            self.alarms(alarm)

    def _log(self, level: int, line: Callable[[], str], fields: Callable[[], Mapping[str, Any]]) -> None:
        if self.level and logger.isEnabledFor(level):
            logger.log(level, line(), extra={FIELDS: dict(fields())})


def _is_touched(report: Report) -> bool:
    """Whether something was done to a request, or would have been."""
    return (report.would or report.action) not in ("none", "bypassed")
