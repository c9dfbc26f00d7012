"""The main path: one request in, the same or a shorter one out, with a report."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from typing import Any, Final

from token_guard import compaction
from token_guard.case import Case, calibrated_as, capped_case, correction_of, counted_as, open_case
from token_guard.compaction import Draft, Goal
from token_guard.compaction.strategies import passes
from token_guard.conversation import Conversation, Message, Outline
from token_guard.counting import Calibrations, Measure, Meter, bound_cache, is_cut, meter_for, own_meter_for
from token_guard.errors import tell
from token_guard.formats import Unreadable, format_for
from token_guard.history.behind import Behind, behind
from token_guard.history.forwarded import Forwarded
from token_guard.history.recall import Recall
from token_guard.history.replay import Replay, Replayed
from token_guard.history.states import Memo
from token_guard.history.summaries import Summaries
from token_guard.history.tally import Tally
from token_guard.history.thresholds import LOWEST, MIN_MESSAGES, Depth, Levels, depth, thresholds
from token_guard.limits import Deployment, LimitChain, Source
from token_guard.marks import sent_notes
from token_guard.outcome import certified, clamped, is_clamped, opened, overflow, passed_by
from token_guard.plain_cases import PlainCases, ShortChats
from token_guard.report import Correction, DecidedBy, Fitted, Report
from token_guard.second_look import SecondLook, own_key, recounted
from token_guard.sessions import CompactionLog
from token_guard.settings import Settings
from token_guard.validity.json_word import WORDED, with_json_word
from token_guard.validity.media import attachments, within_media_limits
from token_guard.validity.profiles import Profile, profile_of
from token_guard.validity.repair import Repaired, repair
from token_guard.validity.rules import complaint
from token_guard.validity.turns import SHORT_REPLY, adapted, parted

__all__ = ["Guard", "fit"]

BESIDE_MOVING = 0.25
"""Beside what moves along behind it, a history has at least this share of the room; with less, all of it is compacted together."""

VARIED = 64
"""Guards with options of their own that are kept at a time: operators write few sets of them, and where clients may, they make more."""

GUESSED = "the model's window is a guess: forwarded as it is until the provider says how long it is"

TOLD = 1_024
"""Deployments of which it is told that their provider read a part of a prompt."""

CUT = "it has cut it, or its count leaves out what it had cached; where it is Ollama, say its window with num_ctx in its litellm_params"

_LOG: Final = logging.getLogger("token_guard")


class Guard:
    """Fits requests to the models that receive them; one a process, shared by all its requests and threads."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        calibrations: Calibrations | None = None,
        sources: Sequence[Source] = (),
        summaries: Summaries | None = None,
        carried: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`sources` of limits are those that a proxy has beside the usual ones, `summaries` is who writes texts for notes; `carried` are
        fields that a proxy adds to requests and that bear on no prompt."""
        self.settings = settings or Settings.load()
        self.calibrations = calibrations or Calibrations()
        bound_cache(self.settings.count_cache_bytes)
        self.limits = LimitChain(**self.settings.limits.of_the_chain, more=sources)
        self._plain_cases = PlainCases(self.limits, self.calibrations)
        self._compact = partial(_compact, passes(self.settings))
        self._memo = Memo(self.settings.memo_bytes)
        self._forwarded = Forwarded()
        self.compaction_log = CompactionLog()
        self._recall = _recall(self.settings)
        self._at_once = False
        self._varied: dict[str, Guard] = {}
        self._cut: set[str] = set()
        self._decided_by: str = self.settings.strategy
        self._summaries = summaries
        self._second_look = SecondLook(self.settings, self.calibrations)
        self._clock = clock
        self._carried = carried
        self._short_chats = ShortChats(self._plain_cases, clock, carried)

    def process(
        self,
        request: Mapping[str, Any],
        *,
        api: str | None = None,
        deployment: Deployment | None = None,
        max_input_tokens: int | None = None,
        at_most: int | None = None,
        mode: str | None = None,
        force: bool = False,
    ) -> Fitted:
        """The request as it is to be forwarded: the same object when it fits, otherwise a copy that does.

        `max_input_tokens` is a hard cap on the prompt, nothing subtracted; without it the limit of the model counts,
        and of what that allows no more than `at_most` is used.
        Raises ContextOverflowError when what must stay whole is larger than what is allowed.
        """
        started, mode = self._clock(), mode or self.settings.mode
        is_usual = at_most is None and mode == "enforce" and not force
        if is_usual and (fitted := self._short_chats.get(api, request, deployment, max_input_tokens, started)):
            tell(self.compaction_log.observe, fitted.report)
            return fitted
        try:
            return self._processed(request, api, deployment, max_input_tokens, at_most, mode, force, started)
        except RecursionError:  # objects in objects beyond what can be written as JSON: no provider takes them, and it says so
            return Fitted(request, passed_by(request, Unreadable("nested too deeply")))

    def _processed(
        self,
        request: Mapping[str, Any],
        api: str | None,
        deployment: Deployment | None,
        max_input_tokens: int | None,
        at_most: int | None,
        mode: str,
        force: bool,
        started: float,
    ) -> Fitted:
        if not isinstance(request, Mapping):
            raise TypeError(f"a request is a dictionary of its fields, not {type(request).__name__}: request.model_dump(exclude_none=True)")
        format_ = format_for(api, request)
        if format_ is None or mode == "off":
            return Fitted(request, passed_by(request, Unreadable("switched off" if mode == "off" else "unknown format")))
        may_be_plain = deployment is None and max_input_tokens is None
        case = self._plain_cases.get(format_.api, request) if may_be_plain else None
        if case is None:
            head = format_.head(request)
            if isinstance(head, Unreadable):
                return Fitted(request, passed_by(request, head))
            case = capped_case(head, max_input_tokens) if max_input_tokens is not None else self._case(head, deployment, format_.api)
            if may_be_plain:
                self._plain_cases.keep(format_.api, request, case)
        if at_most is not None:
            case = replace(case, cap=at_most, guessed=False)
        report = None if force else self._glance(case, format_.outline(request), started)
        if report is not None and at_most is None:
            self._short_chats.keep(format_.api, request, deployment, max_input_tokens, case, report, self._depth)
        done = case.conversation
        if report is None:
            parsed = format_.parse(request)
            if isinstance(parsed, Unreadable):
                return Fitted(request, passed_by(request, parsed))
            case = case.of(parsed)
            done, report = self._within_media_limits(case, force)
            settled: DecidedBy = "bound" if case.meter.holds_estimates(parsed) else report.decided_by
            report = replace(report, decided_by=settled, seconds=self._clock() - started)
        if mode == "observe":
            return Fitted(request, self._observed(case, done, report))
        tell(self.compaction_log.observe, report)
        if report.action == "rejected":
            return self._rejected(case, done, request, report)
        rendered = format_.render(done) if report.action in ("compacted", "clamped") else request
        if report.action == "compacted":
            self._forwarded.add(rendered)
        return Fitted(rendered, report)

    def force(self, request: Mapping[str, Any], **options: Any) -> Fitted:
        """As `process` with the same options, and compacted down to the target even where the request fits."""
        return self.process(request, force=True, **options)

    @cached_property
    def hurried(self) -> Guard:
        """The same for requests that took too long: their oldest messages go, at once, and nothing else is done."""
        quick = copy(self)
        window = passes(self.settings.model_copy(update={"strategy": "sliding_window"}))
        quick._compact, quick._recall, quick._summaries, quick._at_once = partial(_compact, window), None, None, True
        return quick

    @cached_property
    def keyed(self) -> Guard:
        """The same for requests that offer the tool by which a model asks for originals: placeholders name their keys."""
        other = copy(self)
        other.__dict__.pop("hurried", None)
        other._compact, other._decided_by = partial(_compact, passes(self.settings, keyed=True)), f"{self._decided_by} keyed"
        return other

    def with_options(self, options: Mapping[str, Any]) -> Guard:
        """The same with other values of some options: what is learned and remembered is shared, and decisions are kept apart."""
        name = repr(sorted(options.items()))
        varied = self._varied.get(name)
        if varied is None:
            if len(self._varied) >= VARIED:
                self._varied.clear()
            varied = self._varied[name] = self._with_settings(self.settings.with_options(options), name)
        return varied

    def apart(self, watch: Callable[[compaction.Pass], compaction.Pass] = lambda step: step) -> Guard:
        """The same for requests that nobody sends: nothing is noted or remembered of them; each pass is what `watch` makes of it."""
        other = copy(self)
        other._compact = partial(_compact, tuple(map(watch, passes(self.settings))))
        other._memo, other._forwarded, other.compaction_log = Memo(self.settings.memo_bytes), Forwarded(), CompactionLog()
        return other

    def _with_settings(self, settings: Settings, name: str) -> Guard:
        other = copy(self)
        for derived in ("hurried", "keyed"):
            other.__dict__.pop(derived, None)
        other.settings, other._decided_by = settings, f"{settings.strategy} {name}"
        other._compact = partial(_compact, passes(settings))
        other._plain_cases = PlainCases(self.limits, self.calibrations)
        other._short_chats = ShortChats(other._plain_cases, self._clock, self._carried)
        other._second_look = SecondLook(settings, self.calibrations)
        return other

    def with_reply(self, request: Mapping[str, Any], tokens: int, *, api: str, deployment: Deployment) -> Fitted:
        """The request with a reply of at most so many tokens, and its messages as they are: its provider has said what is left."""
        format_ = format_for(api, request)
        parsed = format_.parse(request) if format_ else Unreadable("unknown format")
        if format_ is None or isinstance(parsed, Unreadable):
            return Fitted(request, passed_by(request, parsed))
        case = self._case(parsed, deployment, api).of(parsed)
        measure = case.meter.measure(parsed)
        shape = Tally().plus(parsed.messages, measure.tokens)
        report = opened(case, measure, self._levels(case, shape, lenient=self._is_lenient(parsed)))
        if parsed.max_output_tokens is not None and parsed.max_output_tokens <= tokens:
            return Fitted(request, report)
        lowered = format_.render(replace(parsed, max_output_tokens=tokens))
        return Fitted(lowered, replace(report, action="clamped", max_output_tokens=tokens))

    def fits(self, request: Mapping[str, Any], *, api: str, deployment: Deployment) -> bool:
        """Whether a deployment takes the request as it is; what cannot be read is not in the way."""
        format_ = format_for(api, request)
        parsed = format_.parse(request) if format_ else None
        if not isinstance(parsed, Conversation):
            return True
        case = self._case(parsed, deployment, api).of(parsed)
        return case.is_guess(0) or case.meter.measure(parsed, case.allowed).tokens <= case.allowed

    def warm_up(self) -> None:
        """Load tokenizers and the map of models, for a second or two, so that no request waits for them."""
        self.limits.resolve("gpt-4o")
        meter_for("gpt-4o").warm_up()

    def learn(
        self,
        request: Mapping[str, Any],
        prompt_tokens: int,
        *,
        api: str | None = None,
        deployment: Deployment | None = None,
        estimate: int | None = None,
        litellm_count: int | None = None,
    ) -> Correction | None:
        """Compare what a provider counted for a request with the estimate, and remember the difference.

        `estimate` is that of what was forwarded instead of the request. `litellm_count` is what litellm itself counts: it
        fills that in, unmarked, where a provider sent no usage, so that an equal `prompt_tokens` teaches nothing.
        None when the request cannot be read, when the provider may have counted less than it was sent, and when what it was sent
        holds anything that is only estimated upward.
        """
        format_ = format_for(api, request)
        parsed = format_.parse(request) if format_ else None
        if not isinstance(parsed, Conversation) or parsed.provider_trims:
            return None
        meter = meter_for(counted_as(parsed.model, deployment))
        if meter.is_bound(parsed):
            return None
        own = own_meter_for(counted_as(parsed.model, deployment)) if estimate is None else None
        if own and own.seconds(own.characters(parsed.messages)) > self.settings.exact_seconds:
            own = None
        if estimate is None:
            estimate = meter.measure(parsed).tokens
        key = calibrated_as(parsed.model, deployment)
        if prompt_tokens != litellm_count and is_cut(estimate, prompt_tokens, meter.slopes):
            self._tell_cut(key, parsed.model, estimate, prompt_tokens)
            return None
        self.calibrations.learn(key, estimate, prompt_tokens, litellm_count=litellm_count, slopes=meter.slopes)
        if own:
            self.calibrations.learn(own_key(key), own.measure(parsed).tokens, prompt_tokens, litellm_count=litellm_count, slopes=own.slopes)
        return correction_of(self.calibrations.get(key))

    def _tell_cut(self, key: str, model: str, estimate: int, counted: int) -> None:
        """Warn, once for a deployment, that its provider read a part of a prompt."""
        if key not in self._cut and len(self._cut) < TOLD:
            self._cut.add(key)
            _LOG.warning("the provider of %r counted %s tokens of a prompt of about %s: %s", model, f"{counted:,}", f"{estimate:,}", CUT)

    def _case(self, conversation: Conversation, deployment: Deployment | None, api: str) -> Case:
        return open_case(conversation, deployment, self.limits, self.calibrations, self.settings, api)

    def _glance(self, case: Case, outline: Outline | None, started: float) -> Report | None:
        """The report on a request that certainly fits; None where it takes a closer look. Settles most requests, in microseconds."""
        if outline is None:
            return None
        quiet = self._quiet(case, outline.messages, lenient=self._waits(case.conversation))
        measure = case.meter.glance(case.conversation, outline, quiet)
        if measure is None or is_clamped(case, measure.tokens):
            return None
        shape = Tally.guessed(outline.messages, outline.calls, measure.tokens)
        levels_ = self._levels(case, shape, lenient=self._waits(case.conversation))
        return opened(case, measure, levels_, self._clock() - started)

    def _within_media_limits(self, case: Case, force: bool) -> tuple[Conversation, Report]:
        """What is to be forwarded, and the report on it, with no more media than the provider takes."""
        sent = case.conversation.messages
        kept = within_media_limits(sent, self._profile(case))
        if kept is sent:
            return self._examined(case, force)
        case = replace(case, conversation=case.conversation.with_messages(kept))
        done, report = self._examined(case, force)
        before = report.tokens_before + case.meter.messages(sent) - case.meter.messages(kept)
        action = "compacted" if report.action in ("none", "clamped") else report.action
        repaired = (*report.repaired, f"{attachments(sent) - attachments(kept)} attachment(s) more than the provider takes")
        return done, replace(report, action=action, tokens_before=before, repaired=repaired)

    def _examined(self, case: Case, force: bool) -> tuple[Conversation, Report]:
        """What is to be forwarded, and the report on it."""
        messages = case.conversation.messages
        lenient = self._is_lenient(case.conversation)
        quiet = self._quiet(case, len(messages), lenient=lenient)
        measure = case.meter.measure(case.conversation, None if case.guessed else quiet)
        if quiet < measure.tokens and thresholds(Tally().plus(messages, measure.tokens), self.settings, lenient=lenient).trigger >= 1.0:
            quiet = case.allowed
            measure = case.meter.measure(case.conversation, quiet)
        if not force and (measure.tokens <= quiet or case.is_guess(measure.tokens)):
            return self._as_it_is(case, measure, lenient)
        own = None if force else self._second_look(case)
        if own and (exact := self._second_look.quiet(own, lenient)):
            return self._as_it_is(own, exact, lenient)
        repaired = repair(messages, case.conversation.answers)
        replayed = self._replayed(case, repaired.messages, lenient, force)
        if self._summaries and replayed.open_note and not force:
            self._summaries.wanted(replayed.open_note)
        worded = self._worded(case, repaired, replayed, lenient, force)
        adapted = self._adapted(case, repaired, self._parted(case, repaired, worded, lenient, force))
        done, report = certified(case, measure, repaired, adapted, self._profile(case))
        if own and report.action == "rejected":
            done, report = certified(own, measure, repaired, recounted(adapted, repaired, own.meter), self._profile(case))
            report = replace(report, decided_by="exact")
        return done, report

    def _as_it_is(self, case: Case, measure: Measure, lenient: bool) -> tuple[Conversation, Report]:
        """The request as it came, but for a reply that the window does not hold beside it."""
        messages = case.conversation.messages
        levels = self._levels(case, Tally().plus(messages, measure.tokens), lenient=lenient)
        if case.is_guess(measure.tokens):
            return case.conversation, replace(opened(case, measure, levels), note=GUESSED)
        if is_clamped(case, measure.tokens):
            measure = case.meter.measure(case.conversation)
        return clamped(case, case.conversation, opened(case, measure, levels), measure.tokens)

    def _replayed(self, case: Case, history: Sequence[Message], lenient: bool, force: bool) -> Replayed:
        """The history after its compactions, in the room beside the reply; what has to stay whole may take the reply's."""
        apart = behind(history)
        if apart is not None and not force:
            return self._replayed_before(case, apart, lenient) or self._replayed_whole(case, history, lenient, force)
        return self._replayed_whole(case, history, lenient, force)

    def _replayed_before(self, case: Case, apart: Behind, lenient: bool) -> Replayed | None:
        """The same where something moves along behind the history: that stays whole and takes its room beforehand; None where it is
        too large for that."""
        taken = apart.tokens(case.meter)
        beside = case.with_overhead(taken)
        if beside.room < BESIDE_MOVING * case.room:
            return None
        return apart.put_back(self._replayed_whole(beside, apart.history, lenient, force=False), taken)

    def _replayed_whole(self, case: Case, history: Sequence[Message], lenient: bool, force: bool) -> Replayed:
        replay = self._replay(case, case.room, lenient)
        replayed = replay.once_more(history) if force else replay(history)
        if replayed.tokens + case.overhead > case.most and case.tight_room < case.room:
            return self._replay(case, case.tight_room, lenient)(history)
        return replayed

    def _levels(self, case: Case, tally: Tally, *, lenient: bool) -> Levels:
        """The sizes at which a conversation of this shape is compacted, as `Replay` goes by them."""
        return self._depth(case, tally, lenient=lenient).at(tally.tokens)

    def _depth(self, case: Case, tally: Tally, *, lenient: bool = False) -> Depth:
        """The same for all sizes of such a conversation."""
        return depth(thresholds(tally, self.settings, lenient=lenient), tally, case.room, case.fixed - case.overhead)

    def _quiet(self, case: Case, messages: int, *, lenient: bool) -> int:
        """Up to this size nothing is ever done, whatever the shape of the conversation."""
        if lenient or messages < MIN_MESSAGES:
            return case.allowed
        lowest = self.settings.trigger if self.settings.thresholds == "fixed" else LOWEST
        return min(case.allowed, int(lowest * case.room) + case.overhead)

    def _is_lenient(self, conversation: Conversation) -> bool:
        """Whether to wait until it does not fit; also where another guard has compacted it before."""
        return self._waits(conversation) or any(sent_notes(conversation.messages)) or conversation.request in self._forwarded

    def _waits(self, conversation: Conversation) -> bool:
        """Whether nothing is to be done before it does not fit: by policy, or because the client has made the provider do it."""
        return self.settings.policy == "overflow" or conversation.provider_trims

    def _replay(self, case: Case, room: int, lenient: bool) -> Replay:
        return Replay(
            allowed=room,
            cap=partial(_cap, case),
            thresholds=partial(thresholds, settings=self.settings, lenient=lenient),
            compact=partial(self._compact, case.meter),
            counter=case.meter,
            memo=self._memo,
            at_once=self._at_once,
            seed=f"{self._at_once} {case.wide_room} {case.believed_room} {case.meter.family} {lenient} {self._decided_by}".encode(),
            recall=self._recall,
            summaries=self._summaries,
        )

    def _worded(self, case: Case, repaired: Repaired, replayed: Replayed, lenient: bool, force: bool) -> Replayed:
        """The same as replies in JSON want it, with room made for that where there is none; what cannot be made small enough with it is too
        large."""
        with_word = partial(with_json_word, case.conversation.response_format, repaired.messages)
        if with_word(replayed.messages) is replayed.messages:
            return replayed
        done = _with_room(case, replayed, with_word(replayed.messages))
        if done is not None:
            return done
        again = self._replayed(case.with_overhead(case.meter.message(WORDED)), repaired.messages, lenient, force)
        worded = with_word(again.messages)
        return replace(again, messages=worded, tokens=case.meter.messages(worded))

    def _parted(self, case: Case, repaired: Repaired, replayed: Replayed, lenient: bool, force: bool) -> Replayed:
        """The same with replies back that have to part what the provider would join, with room made for them where there is none."""
        if not self._profile(case).merges_results:
            return replayed
        short = parted(repaired.messages, replayed.messages, SHORT_REPLY)
        if short is replayed.messages:
            return replayed
        done = _with_room(case, replayed, parted(repaired.messages, replayed.messages)) or _with_room(case, replayed, short)
        if done is None:
            room = case.meter.messages(short) - case.meter.messages(replayed.messages)
            again = self._replayed(case.with_overhead(room), repaired.messages, lenient, force)
            done = _with_room(case, again, parted(repaired.messages, again.messages, SHORT_REPLY))
        return done or replayed

    def _adapted(self, case: Case, repaired: Repaired, replayed: Replayed) -> Replayed:
        """The same as models of this family want it."""
        messages = adapted(self._profile(case), repaired.messages, replayed.messages)
        return replayed if messages is replayed.messages else replace(replayed, messages=messages, tokens=case.meter.messages(messages))

    def _profile(self, case: Case) -> Profile:
        return profile_of(self.settings.profile, case.conversation.model, case.base_model)

    def _observed(self, case: Case, done: Conversation, report: Report) -> Report:
        """The report on a request that is only looked at: with what would have been done, and its figures."""
        if report.action != "rejected":
            return replace(report, action="observed", would=report.action)
        if self.settings.on_overflow != "reject":
            return replace(report, action="observed", would="bypassed")
        return replace(report, action="observed", would="rejected", tokens_after=overflow(case, done, report).tokens)

    def _rejected(self, case: Case, done: Conversation, request: Mapping[str, Any], report: Report) -> Fitted:
        if self.settings.on_overflow == "reject":
            raise overflow(case, done, report)
        return Fitted(request, replace(report, action="bypassed"))


def fit(
    request: Mapping[str, Any], *, max_input_tokens: int | None = None, api: str | None = None, settings: Settings | None = None
) -> Fitted:
    """One request, fitted to its model's window, or to a hard cap of `max_input_tokens` on its prompt.

    >>> fit({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}).report.action
    'none'
    """
    return _shared(settings).process(request, api=api, max_input_tokens=max_input_tokens)


def _cap(case: Case, stays: Sequence[Message]) -> int:
    """What the messages may count where these stay: the reply gives way, then the margin; nothing is cut for an upper bound on media."""
    tokens = case.meter.messages(stays)
    if tokens <= case.wide_room or tokens - case.meter.estimated(stays) > case.believed_room:
        return case.wide_room
    return max(tokens, case.believed_room)


def _with_room(case: Case, replayed: Replayed, messages: tuple[Message, ...]) -> Replayed | None:
    """The same with these messages; None where they are too large."""
    tokens = case.meter.messages(messages)
    return replace(replayed, messages=messages, tokens=tokens) if tokens + case.overhead <= case.most else None


def _recall(settings: Settings) -> Recall | None:
    return Recall(**settings.recall.model_dump(exclude={"enabled"})) if settings.recall.enabled else None


@lru_cache(maxsize=32)
def _shared_for(fingerprint: str) -> Guard:
    return Guard(Settings.model_validate_json(fingerprint)) if fingerprint else Guard()


def _shared(settings: Settings | None) -> Guard:
    """One guard for equal settings, so that its memory of earlier turns is used."""
    return _shared_for(settings.model_dump_json(exclude_unset=True) if settings else "")


def _compact(steps: tuple[compaction.Pass, ...], meter: Meter, draft: Draft, goal: Goal) -> compaction.Compacted:
    return compaction.run(steps, draft, goal, meter, complaint)
