"""The law of this folder: with the guard, no client is ever worse off than without it.

Each law is a function (case) -> words on how it is broken, or None. What a law goes by is worked out here from what the shapes
know of their own sessions, and from counts of the guard's meter; none asks the guard what it thinks has to stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from anthropic_rules import anthropic_refusal
from clients.eventful.sessions import Session, leaves
from responses_rules import complaints

from token_guard import Guard
from token_guard.conversation import Conversation, Message, exchanges
from token_guard.counting import Meter, meter_for, own_meter_for
from token_guard.demo.openai_rules import shape_refusal
from token_guard.errors import ContextOverflowError
from token_guard.formats import FORMATS
from token_guard.limits import Deployment
from token_guard.report import Fitted
from token_guard.validity.rules import complaint

__all__ = ["LAWS", "Case", "broken", "tried"]

LEAST_REPLY = 256
"""Tokens of a reply that are kept in any case: the default of `min_output_tokens`."""

CUT = "the last user message was removed"
"""What a rule says also of a last message that had to be cut, as it is no longer known by its words."""

REFUSALS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "openai.chat": shape_refusal,
    "anthropic.messages": anthropic_refusal,
    "openai.responses": lambda request: complaints(request["input"]),
}


@dataclass(frozen=True)
class Case:
    """One request of a session before a window, and what the guard made of it (None: it refused)."""

    session: Session
    turn: int
    window: int
    reply: int | None
    fitted: Fitted | None
    refusal: str = ""

    @cached_property
    def request(self) -> dict[str, Any]:
        return self.session.request(self.turn, self.reply)

    @cached_property
    def sent(self) -> Conversation:
        return self.read(self.request)

    @cached_property
    def forwarded(self) -> Conversation:
        assert self.fitted
        return self.read(self.fitted.request)

    @cached_property
    def meter(self) -> Meter:
        return meter_for(self.session.model)

    def read(self, request: Mapping[str, Any]) -> Conversation:
        found = FORMATS[self.session.shape.api].parse(request)
        assert isinstance(found, Conversation)
        return found

    @cached_property
    def prompt(self) -> int:
        """What the client's request counts."""
        return self.meter.measure(self.sent).tokens

    @cached_property
    def least(self) -> int:
        """What a request of nothing but that which has to stay counts at most, with the doubt that belongs to an estimate."""
        return self.doubted(self.least_estimate)

    @cached_property
    def least_estimate(self) -> int:
        return self.meter.measure(self.read(self.session.least(self.turn, self.reply))).tokens

    @property
    def least_reply(self) -> int:
        """What of the reply is kept in any case: more than the least thinking that Anthropic takes, where any was asked for."""
        return max(LEAST_REPLY, 1_025 if self.request.get("thinking") else 0)

    @property
    def can_stay(self) -> bool:
        """Whether all that has to stay fits."""
        return self.least + self.least_reply <= self.window

    def doubted(self, tokens: int) -> int:
        share = self.meter.margin(1_000_000) / 1_000_000
        return int(tokens / (1 - share)) + 1

    @cached_property
    def fixed(self) -> int:
        """Instructions, tools, formats."""
        return self.meter.overhead(self.sent) + self.meter.messages(message for message in self.sent.messages if message.instructs)

    @cached_property
    def exchange(self) -> int:
        """The largest exchange of the client's."""
        return max((self.meter.messages(unit.messages) for unit in exchanges(self.sent.messages)), default=0)

    @property
    def where(self) -> str:
        return f"{self.session.shape.name}, {self.session.model}, window {self.window:,}, reply {self.reply}, turn {self.turn}"


def tried(guard: Guard, session: Session, turn: int, window: int, reply: int | None) -> Case:
    """What the guard does with one request of a session."""
    deployment = Deployment(id=f"d{window}", group="g", api_base="", api_key="", model_info={"max_input_tokens": window})
    try:
        fitted = guard.process(session.request(turn, reply), api=session.shape.api, deployment=deployment)
    except ContextOverflowError as error:
        return Case(session, turn, window, reply, None, str(error))
    return Case(session, turn, window, reply, fitted)


def broken(case: Case) -> list[str]:
    """The laws that a case breaks, in words."""
    refused = what_would_be_answered_is_answered(case)
    if case.fitted is None:
        return [refused] if refused else []
    return [words for law in LAWS if (words := law(case))]


def what_would_be_answered_is_answered(case: Case) -> str | None:
    """Also answered: what would not have been, where that which has to stay fits."""
    if case.fitted is not None:
        return None
    if case.prompt + case.least_reply <= case.window:
        return f"refused although {case.prompt:,} + {case.least_reply:,} <= {case.window:,}: {case.refusal}"
    if case.can_stay:
        return f"refused although what has to stay, {case.least:,} + {case.least_reply:,}, fits: {case.refusal}"
    return None


def what_is_forwarded_fits(case: Case) -> str | None:
    """By the meter's count, or by the model's own vocabulary where a package ships it, with which the guard looks again."""
    meters = filter(None, [case.meter, own_meter_for(case.session.model)])
    after, reply = min(meter.measure(case.forwarded).tokens for meter in meters), case.forwarded.max_output_tokens or 0
    return None if after + reply <= case.window else f"forwarded {after:,} + {reply:,} > {case.window:,}"


def what_is_forwarded_is_valid(case: Case) -> str | None:
    assert case.fitted
    found = complaint(case.sent.messages, placed(case.sent.messages, case.forwarded.messages))
    if found == CUT and not case.can_stay:
        found = None
    refusal = REFUSALS[case.session.shape.api](case.fitted.request)
    # what the client itself sends wrong is not the guard's
    return found or (str(refusal) if refusal and not REFUSALS[case.session.shape.api](case.request) else None)


def placed(sent: Sequence[Message], forwarded: Sequence[Message]) -> list[Message]:
    """What was forwarded, each message with the place that it had in what was sent; without one where the guard wrote it.

    Where turns have to alternate, the guard joins messages of the user's with its notes: what holds the last one's words stands
    for that one.
    """
    last = next((place for place in range(len(sent) - 1, -1, -1) if sent[place].role == "user" and not sent[place].results), None)
    found: list[Message] = []
    end = len(sent)
    for message in reversed(forwarded):
        place = next((place for place in range(end - 1, -1, -1) if _is_same(sent[place], message)), None)
        if last is not None and end > last and place != last and message.role == "user" and sent[last].text in message.text:
            place = last
        end = end if place is None else place
        found.append(_at(message, place))
    return found[::-1]


def _at(message: Message, place: int | None) -> Message:
    return replace(message, origin=None if place is None or message.origin is None else replace(message.origin, index=place))


def _is_same(sent: Message, forwarded: Message) -> bool:
    """By the ids of calls and results; where there are none, by the words, behind which the guard may have written."""
    ids = [(*(call.id for call in one.calls), *(result.call_id for result in one.results)) for one in (sent, forwarded)]
    if sent.role != forwarded.role or ids[0] != ids[1]:
        return False
    return bool(ids[0]) or sent.parts == forwarded.parts or bool(sent.text.strip() and forwarded.text.startswith(sent.text))


def what_has_to_stay_is_whole(case: Case) -> str | None:
    assert case.fitted
    if not case.can_stay or case.fitted.request is case.request:
        return None
    there = list(leaves(case.fitted.request))
    whole = set(there)
    for kind, wanted in case.session.wanted(case.turn).items():
        lost = [text for text in wanted if text not in whole and not any(text in leaf for leaf in there)]
        if lost:
            room = f"{case.least:,} + {case.least_reply:,} of {case.window:,}"
            return f"{kind} is not whole ({room}; forwarded {case.fitted.report.tokens_after:,}): {lost[0][:120]!r}"
    return None


def a_reply_that_fits_is_not_cut(case: Case) -> str | None:
    given = case.forwarded.max_output_tokens
    if case.reply is None or given == case.reply:
        return None
    free = case.window - case.doubted(case.prompt)
    fits = min(case.reply, free)
    return f"a reply of {given} where {fits:,} fit beside the client's {case.prompt:,}" if given is None or given < fits else None


def talk_that_fits_is_not_touched(case: Case) -> str | None:
    assert case.fitted
    kept = case.reply or min(4_096, case.window // 4)
    fits = case.doubted(case.prompt) + kept <= case.window
    touched = case.fitted.report.action == "compacted" and case.session.shape.kind == "talk"
    return f"{case.prompt:,} + {kept:,} fits and was compacted" if fits and touched else None


def no_deeper_than_told(case: Case) -> str | None:
    """Never more than one exchange below its target, nor below a third of what is allowed."""
    assert case.fitted
    report = case.fitted.report
    if report.action != "compacted":
        return None
    floor = min(report.budget.target, report.tokens_before) - case.exchange
    third = min(report.budget.allowed // 3, report.tokens_before) - case.exchange
    after = report.tokens_after
    if after < floor:
        return f"forwarded {after:,}, target {report.budget.target:,}, largest exchange {case.exchange:,}"
    return (
        f"forwarded {after:,}, a third of what is allowed is {report.budget.allowed // 3:,}, largest exchange {case.exchange:,}"
        if after < third
        else None
    )


def the_conversation_gets_its_third(case: Case) -> str | None:
    assert case.fitted
    budget = case.fitted.report.budget
    if case.fitted.report.action != "compacted":
        return None
    possible = case.window - case.least_reply - case.doubted(case.fixed)
    got, due = case.doubted(budget.allowed) - case.doubted(case.fixed), min(case.window // 3, possible)
    return (
        f"{got:,} of {case.window:,} for the conversation beside {case.fixed:,} that are fixed" if got < due - case.window // 100 else None
    )


LAWS: tuple[Callable[[Case], str | None], ...] = (
    what_would_be_answered_is_answered,
    what_is_forwarded_fits,
    what_is_forwarded_is_valid,
    what_has_to_stay_is_whole,
    a_reply_that_fits_is_not_cut,
    talk_that_fits_is_not_touched,
    no_deeper_than_told,
    the_conversation_gets_its_third,
)
