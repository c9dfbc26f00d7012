"""What holds for every request of every client: with the guard, no client is worse off than without.

A law is a function of a case: what it finds wrong, in words, "" where all is well, None where it says nothing of this case.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from anthropic_rules import anthropic_refusal
from clients.cases import Case, Side, placed
from clients.pair_programmer import FILES
from clients.sessions import leaves
from responses_rules import complaints

from token_guard.counting import own_meter_for
from token_guard.demo.openai_rules import shape_refusal
from token_guard.validity.rules import complaint

__all__ = ["LAWS", "LAWS_OF_TALK", "Law", "a_session_has_one_prefix", "keeps_its_prefix"]

Law: TypeAlias = Callable[[Case], str | None]

NOTE, ENDS = "compacted: reference, not a message from the user: ", "end of reference"
"""The frame of a note, within brackets that the model's vocabulary has; so begins what is quoted for a question, too."""

QUOTED = re.compile(rf"\n\n(?:⟦|\[\[){NOTE}")

CUT = "the last user message was removed"
"""What a rule says also of a last message that had to be cut, as it is no longer known by its words."""

REFUSALS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "openai.chat": shape_refusal,
    "anthropic.messages": anthropic_refusal,
    "openai.responses": lambda request: complaints(request["input"]),
}


def what_would_be_answered_is_answered(case: Case) -> str | None:
    """What fits with its reply by the meter's count is answered as asked, and so is what fits, or can be made to fit, with a short
    one."""
    sent, window, action = case.sent, case.window, case.fitted.report.action if case.fitted else "refused"
    if sent.tokens + sent.reply <= window:
        # in between, the count may be too low by the margin, and the reply gives way for it
        certain = case.doubted(sent.tokens) + sent.reply <= window
        return "" if action in ("none", "compacted", *(() if certain else ("clamped",))) else "not answered as asked"
    fits = sent.tokens + case.least_reply <= window or case.doubted(sent.bare) + case.least_reply <= window or case.can_stay
    if fits:
        return "" if action in ("none", "compacted", "clamped") else f"{action} although what must stay fits, {sent.bare:,}"
    return None


def a_first_turn_that_fits_is_not_touched(case: Case) -> str | None:
    """Not copied, not cut, not clamped; where the client asks for no reply, beside what is set aside for one."""
    if case.turn or case.doubted(case.sent.tokens) + case.kept_reply > case.window:
        return None
    return "" if case.fitted and case.fitted.request is case.sent.wire else "a first turn that fits was touched"


def what_is_forwarded_fits(case: Case) -> str | None:
    """By the meter's count, beside what it can only bound from above; or by the model's own vocabulary where a package ships it, with
    which the guard looks again."""
    if not case.fitted:
        return None
    forwarded = case.forwarded
    tokens = forwarded.tokens - forwarded.meter.estimated(forwarded.parsed.messages)
    if tokens + forwarded.reply > case.window and (own := own_meter_for(case.session.model)):
        tokens = min(tokens, own.measure(forwarded.parsed).tokens)
    return "" if tokens + forwarded.reply <= case.window else f"forwarded {tokens:,} + {forwarded.reply:,}"


def what_is_forwarded_is_valid(case: Case) -> str | None:
    """By the rules of the product, by those of the provider that are written apart from them, and by texts alone."""
    if not case.fitted:
        return None
    history, forwarded, refusal = case.sent.parsed.messages, case.forwarded.parsed.messages, REFUSALS[case.session.client.api]
    broken = complaint(history, placed(history, forwarded))
    if broken == CUT and not case.can_stay:
        broken = None
    results = Counter(result.call_id for message in forwarded for result in message.results)
    twice = [call_id for call_id, times in results.items() if times > 1]
    # what the client itself sends wrong is not the guard's
    refused = refusal(case.fitted.request)
    refused = refused if refused and not refusal(case.sent.wire) else ""
    return broken or str(refused) or (f"results of {twice} twice" if twice else "") or _silent(case) or _torn(case)


def _silent(case: Case) -> str:
    silent = [m for m in case.forwarded.unmarked if m.get("role") == "user" and not "".join(leaves(_shown(m["content"]))).strip()]
    return "a user message without text" if silent else ""


def _shown(content: Any) -> Any:
    """A content without the names of its parts."""
    return content if isinstance(content, str) else [{key: part[key] for key in part if key != "type"} for part in content]


def _torn(case: Case) -> str:
    """A note that has lost one side of its frame, and with it the word that it is none of the user's."""
    words = "\n".join(leaves(case.forwarded.unmarked))
    notes = words.count(NOTE), words.count(ENDS)
    return f"{notes[0]} notes begin and {notes[1]} end" if notes[0] != notes[1] else ""


def what_has_to_stay_is_whole(case: Case) -> str | None:
    """Wherever it fits, and fitted before: instructions, rules, the task, the plan, and the newest exchange, by the words that are
    forwarded."""
    if not case.fitted or not case.can_stay:
        return None
    there = list(leaves(case.fitted.request))
    whole = set(there)
    for kind, wanted in case.session.wanted(case.turn).items():
        lost = [text for text in wanted if text not in whole and not any(text in leaf for leaf in there)]
        if lost:
            if not case.could_always_stay:
                return None
            return f"{kind} is not whole, least {case.least:,} + {case.least_reply:,}: {lost[0][:120]!r}"
    return ""


def the_report_says_what_stayed(case: Case) -> str | None:
    """The report calls the task, the plan and the newest exchange whole that a session has, wherever they fit in what was allowed."""
    if not case.fitted or case.fitted.report.action != "compacted" or case.least > case.fitted.report.budget.allowed:
        return None
    told, has = case.fitted.report.kept.told, case.session.wanted(case.turn)
    wrong = {name: told.get(name, "none") for name in ("task", "plan", "newest") if name in has and told.get(name) != "whole"}
    return f"reported {wrong}, least {case.least:,}" if wrong else ""


def a_reply_that_fits_is_not_cut(case: Case) -> str | None:
    """Where the client asked for one."""
    if not case.fitted or case.reply is None:
        return None
    fits = min(case.reply, case.window - case.doubted(case.sent.tokens))
    given = case.forwarded.parsed.max_output_tokens
    return f"a reply of {given} where {fits:,} fit" if given is None or given < fits else ""


def no_deeper_than_told(case: Case) -> str | None:
    """Never more than one exchange below its target, nor below a third of what is allowed."""
    if not case.fitted or case.fitted.report.action != "compacted":
        return None
    report, exchange = case.fitted.report, case.sent.exchange
    least = min(max(report.budget.target, report.budget.allowed // 3), report.tokens_before) - exchange
    return "" if report.tokens_after >= least else f"less than {least:,} forwarded, largest exchange {exchange:,}"


def a_third_of_the_room_is_used(case: Case) -> str | None:
    """Beside the instructions, less one exchange, where so much was sent."""
    if not case.fitted or case.fitted.report.action != "compacted":
        return None
    fixed, exchange = case.sent.fixed, case.sent.exchange
    least = min((case.fitted.report.budget.allowed - fixed) // 3, case.sent.tokens - fixed) - exchange
    had = case.forwarded.tokens - fixed
    return "" if had >= least else f"{had:,} of conversation forwarded, less than {least:,}"


def the_conversation_gets_its_third(case: Case) -> str | None:
    """Of the window, before the reply gets more than its least."""
    if not case.fitted or case.fitted.report.action != "compacted":
        return None
    fixed = case.doubted(case.sent.fixed)
    got = case.doubted(case.fitted.report.budget.allowed) - fixed
    due = min(case.window // 3, case.window - case.least_reply - fixed) - case.window // 100
    return "" if got >= due else f"{got:,} allowed for the conversation, less than {due:,}"


def a_session_has_one_prefix(case: Case) -> str | None:
    """What was forwarded stays in front of what is forwarded next, unless a new epoch began.

    Files of a chat that were changed may leave the history another room, in which its epochs begin elsewhere.
    """
    if not case.before or case.epochs > case.before.epochs or _files(case.sent) != _files(case.before.sent):
        return None
    return "" if keeps_its_prefix(case) else f"the prefix of turn {case.turn - 1} changed"


def _files(side: Side) -> list[str]:
    return [message.text for message in side.parsed.messages if message.text.startswith(FILES)]


def keeps_its_prefix(case: Case) -> bool:
    """Whether the turn before it stands in front of a turn, as far as the client's own request does so."""
    before = case.before
    if not (before and before.fitted and case.fitted):
        return True
    sent, now = before.sent.unmarked, case.sent.unmarked
    stable = next((n for n, (old, new) in enumerate(zip(sent, now, strict=False)) if old != new), len(sent))
    old, new = before.forwarded.unmarked, case.forwarded.unmarked
    expected = old[: max(0, len(old) - (len(sent) - stable))]
    return bool(new[: len(expected)] in (expected, _unquoted(expected)))


def _unquoted(messages: Sequence[Any]) -> list[Any]:
    """Without what was quoted for the newest question: in talk it leaves when the user speaks again, and ends the prefix there alone."""
    place = max((place for place, message in enumerate(messages) if message.get("role") == "user"), default=0)
    return [*messages[:place], *map(_own, messages[place : place + 1]), *messages[place + 1 :]]


def _own(message: Any) -> Any:
    """A message without what the guard quoted in it."""
    content = message["content"]
    if isinstance(content, str):
        return {**message, "content": QUOTED.split(content)[0]}
    return {**message, "content": [part for part in content if not QUOTED.match(f"\n\n{part.get('text', '')}")]}


def talk_that_fits_is_not_touched(case: Case) -> str | None:
    """Beside the reply that it asks for, or what is set aside for one."""
    if not case.fitted or case.doubted(case.sent.tokens) + case.kept_reply > case.window:
        return None
    return f"compacted although it fits with {case.kept_reply:,}" if case.fitted.report.action == "compacted" else ""


LAWS: Sequence[Law] = (
    what_would_be_answered_is_answered,
    a_first_turn_that_fits_is_not_touched,
    what_is_forwarded_fits,
    what_is_forwarded_is_valid,
    what_has_to_stay_is_whole,
    the_report_says_what_stayed,
    a_reply_that_fits_is_not_cut,
    no_deeper_than_told,
    a_third_of_the_room_is_used,
    the_conversation_gets_its_third,
    a_session_has_one_prefix,
)

LAWS_OF_TALK: Sequence[Law] = (talk_that_fits_is_not_touched,)
"""Of sessions in which no tool is called."""
