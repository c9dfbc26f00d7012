"""What becomes of a request: the report on it, the last checks of what compaction made of it, the error when it cannot be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from token_guard.budget import Budget, ContextLimit
from token_guard.case import Case
from token_guard.conversation import Conversation, Message, Text
from token_guard.counting import Measure
from token_guard.errors import ContextOverflowError
from token_guard.formats import Unreadable
from token_guard.formats.wire import model_of
from token_guard.history.fingerprint import session_of
from token_guard.history.kept import kept_of
from token_guard.history.replay import Replayed
from token_guard.history.thresholds import Levels
from token_guard.report import Report
from token_guard.validity.profiles import Profile
from token_guard.validity.repair import Repaired
from token_guard.validity.rules import complaint, family_complaint

__all__ = ["certified", "clamped", "is_clamped", "opened", "overflow", "passed_by"]

UNKNOWN = ContextLimit(0, None, "none")

ESTIMATED = "more than fits by an upper bound on media alone: the provider decides"


def passed_by(request: Mapping[str, Any], parsed: Conversation | Unreadable) -> Report:
    """The report on a request that is not looked at, and why."""
    reason = parsed.reason if isinstance(parsed, Unreadable) else ""
    return Report("bypassed", model_of(request), UNKNOWN, Budget(0, 0, 0, 0), 0, 0, note=reason)


def opened(case: Case, measure: Measure, at: Levels, seconds: float = 0.0) -> Report:
    """The report on a request that stays as it is, so far."""
    budget = Budget(case.allowed, at.trigger + case.overhead, at.target + case.overhead, case.reserved)
    tokens, model = measure.tokens, case.conversation.model
    margin, known = round(case.scale.doubt, 4), case.correction
    told = (model, case.limit, budget, tokens, tokens, measure.decided_by, margin)
    return Report("none", *told, correction=known, seconds=seconds)


def certified(case: Case, measure: Measure, repaired: Repaired, replayed: Replayed, profile: Profile) -> tuple[Conversation, Report]:
    """What is to be forwarded after the final count and all rules, and the report on it.

    The rules compare with the repaired conversation: what was mended stays mended.
    """
    done = case.conversation.with_messages(replayed.messages)
    sent = case.meter.messages(case.conversation.messages) if repaired.notes else replayed.history_tokens
    before, after = sent + case.overhead, replayed.tokens + case.overhead
    report = replace(opened(case, measure, replayed.levels), tokens_before=before, tokens_after=after, decided_by="count")
    # an upper bound on media takes nothing from the reply; what is counted beside it does
    certain = after - (case.meter.estimated(done.messages) if after > case.believed else 0)
    on_trust = certain <= case.believed < after
    if after > case.believed and not on_trust:
        return done, replace(report, action="rejected", tokens_after=before, note=f"{after:,} tokens cannot be compacted")
    if not replayed.epochs and (before <= case.believed or on_trust):
        return clamped(case, case.conversation, replace(report, note=ESTIMATED) if on_trust else report, certain)
    broken = complaint(repaired.messages, done.messages)
    if broken:
        return done, replace(report, action="bypassed", tokens_after=before, note=f"a rule would break: {broken}")
    if done.messages != case.conversation.messages:
        report = replace(report, action="compacted", steps=replayed.steps, epochs=replayed.epochs, quality=replayed.quality)
        session = session_of(case.conversation.request, case.conversation.messages)
        kept = kept_of(repaired.messages, done.messages)
        note = "; ".join(_doubts(case, after, family_complaint(repaired.messages, done.messages, profile)))
        report = replace(report, session=session, repaired=repaired.notes, kept=kept, note=note)
        report = replace(report, is_new_epoch=replayed.is_new_epoch, asked_again=replayed.asked_again)
    return clamped(case, done, replace(report, note=report.note or ESTIMATED) if on_trust else report, certain)


def _doubts(case: Case, tokens: int, family: str | None) -> Iterator[str]:
    """Why the provider may refuse what is forwarded, in a few words each."""
    if tokens > case.believed:
        yield ESTIMATED
    elif tokens > case.most:
        yield "more than certainly fits by an estimate: the provider decides"
    if family:
        yield f"the model may refuse: {family}"


def is_clamped(case: Case, tokens: int) -> bool:
    """Whether a prompt of this size leaves less than the reply that is asked for, by the client or, where it asks for none, by LiteLLM."""
    room, asked = case.reply_room(tokens), case.conversation.max_output_tokens or case.filled_in
    return room is not None and asked is not None and asked > room


def clamped(case: Case, done: Conversation, report: Report, tokens: int) -> tuple[Conversation, Report]:
    """A conversation and its report with the requested reply length cut to the room that remains beside so many tokens."""
    if not is_clamped(case, tokens):
        return done, report
    room = case.reply_room(tokens)
    action = "clamped" if report.action == "none" else report.action
    return replace(done, max_output_tokens=room), replace(report, action=action, max_output_tokens=room)


def overflow(case: Case, done: Conversation, report: Report) -> ContextOverflowError:
    """The error that says which part of what must stay whole is how large."""
    users = [message for message in done.messages if message.role == "user" and message.origin and not message.results]
    # what nobody knows stays as instructions do, and is none
    system = [message for message in done.messages if message.instructs and any(isinstance(part, Text) for part in message.parts)]
    bare = case.meter.overhead(Conversation(report.model, ()))
    sizes = {"system": _size(case, system), "tools": case.overhead - bare, "last user": _size(case, users[-1:])}
    total = _size(case, done.messages) + case.overhead
    return ContextOverflowError(
        model=report.model,
        tokens=total,
        allowed=case.believed,
        parts={**sizes, "rest": total - sum(sizes.values())},
        window=case.window,
        reserved=case.least,
        margin=case.window - case.least - case.believed,
        limit_source=case.limit.source,
        tokens_before=report.tokens_before,
    )


def _size(case: Case, messages: Sequence[Message]) -> int:
    return case.meter.messages(messages)
