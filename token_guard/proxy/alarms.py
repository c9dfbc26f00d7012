"""What an operator should look into, each with its cause: in a metric, and in one line of the log."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, get_args

from cachetools import LRUCache

from token_guard.compaction.kinds import Kind
from token_guard.errors import ContextOverflowError
from token_guard.report import Report

__all__ = ["ALARMS", "Alarm", "Alarms", "alarms_of", "refused_alarm"]

_LOG: Final = logging.getLogger("token_guard")

ALARMS: Final[Mapping[str, Mapping[str, str]]] = {
    "prompt_cache_collapsed": {
        "guard": "a compaction, or text that left again, changed what the provider had read",
        "time to live": "the session paused for longer than the provider keeps what it has read",
        "client": "the client changed what it had sent before, its tools or its instructions",
        "provider": "nothing changed and nothing ran out: the provider no longer had it",
    },
    "task_cut": {
        "cut": "the running task did not fit whole beside what else has to stay",
        "gone": "the running task is no longer forwarded",
    },
    "rules_lost": {
        "user": "of the rules and facts that the user gave, not all are forwarded to the letter",
        "loaded": "of the rules that the client loaded, not all are forwarded whole",
    },
    "overflow_refused": {
        "system": "the instructions are the largest part of what had to stay whole",
        "tools": "the tool definitions are",
        "last user": "the newest user message is",
        "rest": "what else had to stay is",
        "input": "an input of an embeddings request is longer than the window",
    },
    "asked_again": {kind: f"a call was repeated whose result, of the kind {kind}, had been taken out" for kind in get_args(Kind)},
}
"""Every alarm, its causes, and what each of them says: the values of two labels, and a table of the documents."""

_REMEMBERED: Final = 10_000
"""Alarms of sessions that are not raised again: a few hundred bytes each."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing to look into: its name and cause as in `ALARMS`, and figures, never content.

    An alarm `about` something (a compaction of a session) is raised once, however many requests say so again.
    """

    name: str
    cause: str
    model: str
    figures: str = ""
    about: str = ""

    @property
    def line(self) -> str:
        """The line of the log.

        >>> Alarm("task_cut", "gone", "gpt-4o").line
        'alarm task_cut, cause gone, model gpt-4o: the running task is no longer forwarded'
        """
        figures = f" ({self.figures})" if self.figures else ""
        return f"alarm {self.name}, cause {self.cause}, model {self.model}: {ALARMS[self.name][self.cause]}{figures}"


@dataclass(frozen=True, slots=True)
class Alarms:
    """Raises alarms: `observe` is told of each, and a warning is logged. Thread-safe."""

    observe: Callable[[Alarm], object]
    _raised: LRUCache[str, bool] = field(default_factory=lambda: LRUCache(_REMEMBERED))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, alarm: Alarm) -> None:
        """Raise one, unless that was done."""
        if alarm.about and not self._is_first(f"{alarm.name} {alarm.cause} {alarm.model} {alarm.about}"):
            return
        self.observe(alarm)
        fields = {"alarm": alarm.name, "cause": alarm.cause, "model": alarm.model}
        _LOG.warning(alarm.line, extra={"token_guard": fields})

    def _is_first(self, key: str) -> bool:
        with self._lock:
            if key in self._raised:
                return False
            self._raised[key] = True
            return True


def alarms_of(report: Report) -> Iterator[Alarm]:
    """What a compaction did to what should have stayed, and what is missed since."""
    about = f"{report.session} {report.epochs}" if report.session else ""
    if report.kept.task in ("cut", "gone"):
        yield Alarm("task_cut", report.kept.task, report.model, about=about)
    rules = report.rules
    if rules.kept < rules.found:
        yield Alarm("rules_lost", "user", report.model, f"{rules.kept} of {rules.found} kept", about)
    if report.kept.rules in ("cut", "gone"):
        yield Alarm("rules_lost", "loaded", report.model, report.kept.rules, about)
    for kind, times in Counter(one.kind for one in report.asked_again).items():
        yield Alarm("asked_again", kind, report.model, f"{times} {'call' if times == 1 else 'calls'}", about)


def refused_alarm(model: str, error: ContextOverflowError) -> Alarm:
    """A request that could not be made to fit."""
    part = error.largest_part or "input"
    return Alarm("overflow_refused", part, model, f"{error.tokens:,} tokens, {error.allowed:,} allowed")
