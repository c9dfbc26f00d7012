"""What becomes of a request: the report on it, the last checks of what compaction made of it, the error when it cannot be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from token_guard.budget import Budget, ContextLimit, output_room
from token_guard.case import Case
from token_guard.conversation import Conversation, Message
from token_guard.counting import Measure
from token_guard.errors import ContextOverflowError
from token_guard.formats import Unreadable
from token_guard.formats.wire import model_of
from token_guard.history.fingerprint import session_of
from token_guard.history.replay import Replayed
from token_guard.report import Report
from token_guard.settings import Settings
from token_guard.validity.profiles import Profile
from token_guard.validity.repair import Repaired
from token_guard.validity.rules import complaint, family_complaint

__all__ = ["certified", "clamped", "opened", "overflow", "passed_by"]

UNKNOWN = ContextLimit(0, None, "none")


def passed_by(request: Mapping[str, Any], parsed: Conversation | Unreadable) -> Report:
    """The report on a request that is not looked at, and why."""
    reason = parsed.reason if isinstance(parsed, Unreadable) else ""
    return Report("bypassed", model_of(request), UNKNOWN, Budget(0, 0, 0, 0), 0, 0, note=reason)


def opened(case: Case, measure: Measure, settings: Settings) -> Report:
    """The report on a request that stays as it is, so far."""
    trigger, target = (int(share * case.room) + case.overhead for share in (settings.trigger, settings.target))
    budget = Budget(case.allowed, trigger, target, case.reserved)
    return Report(
        "none",
        case.conversation.model,
        case.limit,
        budget,
        measure.tokens,
        measure.tokens,
        measure.decided_by,
        correction=case.correction,
    )


def certified(
    case: Case, measure: Measure, repaired: Repaired, replayed: Replayed, profile: Profile, settings: Settings
) -> tuple[Conversation, Report]:
    """What is to be forwarded after the final count and all rules, and the report on it.

    The rules compare with the repaired conversation: what was mended stays mended.
    """
    done = case.conversation.with_messages(replayed.messages)
    sent = case.meter.messages(case.conversation.messages) if repaired.notes else replayed.history_tokens
    before, after = sent + case.overhead, replayed.tokens + case.overhead
    report = replace(opened(case, measure, settings), tokens_before=before, tokens_after=after, decided_by="count")
    if after > case.allowed:
        return done, replace(report, action="rejected", tokens_after=before, note=f"{after:,} tokens cannot be compacted")
    if not replayed.epochs and before <= case.allowed:
        return clamped(case, case.conversation, report, settings)
    broken = complaint(repaired.messages, done.messages)
    if broken:
        return done, replace(report, action="bypassed", tokens_after=before, note=f"a rule would break: {broken}")
    if done.messages != case.conversation.messages:
        report = replace(report, action="compacted", steps=replayed.steps, epochs=replayed.epochs, quality=replayed.quality)
        session = session_of(case.conversation.request, case.conversation.messages)
        doubt = family_complaint(repaired.messages, done.messages, profile)
        report = replace(report, session=session, repaired=repaired.notes, note=f"the model may refuse: {doubt}" if doubt else "")
    return clamped(case, done, report, settings)


def clamped(case: Case, done: Conversation, report: Report, settings: Settings) -> tuple[Conversation, Report]:
    """A conversation and its report with the requested reply length cut to the room that remains."""
    room = output_room(case.limit, case.real_tokens(report.tokens_after), case.margin, settings.min_output_tokens)
    asked = done.max_output_tokens
    if room is None or asked is None or asked <= room:
        return done, report
    action = "clamped" if report.action == "none" else report.action
    return replace(done, max_output_tokens=room), replace(report, action=action, max_output_tokens=room)


def overflow(case: Case, done: Conversation, report: Report) -> ContextOverflowError:
    """The error that says which part of what must stay whole is how large."""
    users = [message for message in done.messages if message.role == "user" and message.origin and not message.results]
    system = [message for message in done.messages if message.instructs]
    bare = case.meter.overhead(Conversation(report.model, ()))
    sizes = {"system": _size(case, system), "tools": case.overhead - bare, "last user": _size(case, users[-1:])}
    total = _size(case, done.messages) + case.overhead
    window, spare = case.limit.max_input_tokens, case.limit.max_input_tokens - case.reserved - case.allowed
    fewer = spare < 0  # its provider counts fewer tokens than we do, so that more of ours fit
    return ContextOverflowError(
        model=report.model,
        tokens=total,
        allowed=case.allowed,
        parts={**sizes, "rest": total - sum(sizes.values())},
        window=window,
        window_as_counted=case.allowed + case.reserved + case.margin if fewer else None,
        reserved=case.reserved,
        margin=case.margin if fewer else spare,
        limit_source=case.limit.source,
        tokens_before=report.tokens_before,
    )


def _size(case: Case, messages: Sequence[Message]) -> int:
    return case.meter.messages(messages)
