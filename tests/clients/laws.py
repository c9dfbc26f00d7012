"""What holds for every request of every client: with the guard, no client is worse off than without.

A law is a function of one answer: what it finds wrong, in words, "" where all is well, None where it says nothing of this answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from clients.shapes import TURNS, Session

from token_guard import Guard, Settings
from token_guard.conversation import Conversation, Message
from token_guard.counting import Meter, meter_for, own_meter_for
from token_guard.errors import ContextOverflowError
from token_guard.formats import FORMATS
from token_guard.report import Fitted
from token_guard.validity.rules import complaint

__all__ = ["LAWS", "Answer", "answers", "keeps_its_prefix"]

MIN_OUTPUT = Settings().min_output_tokens
MESSAGE_OVERHEAD = 16
"""More tokens than any format spends on a message beside its texts."""

MILLION = 1_000_000
QUOTED = "⟦compacted: reference, not a message from the user: "
"""How what is quoted for a question begins."""

BEGINNING = 60
"""Characters by which a message is told from all others."""


@dataclass(frozen=True)
class Side:
    """A request with what can be measured of it."""

    wire: Mapping[str, Any]
    api: str
    meter: Meter

    @cached_property
    def parsed(self) -> Conversation:
        found = FORMATS[self.api].parse(self.wire)
        assert isinstance(found, Conversation)
        return found

    @cached_property
    def tokens(self) -> int:
        return self.meter.measure(self.parsed).tokens

    @cached_property
    def fixed(self) -> int:
        """Instructions, tools and what the format takes."""
        return self.meter.overhead(self.parsed) + self.meter.messages(message for message in self.parsed.messages if message.instructs)

    @cached_property
    def words(self) -> str:
        return "\n".join(_strings(self.messages))

    @property
    def messages(self) -> list[Any]:
        found: list[Any] = self.wire.get("input") or self.wire["messages"]
        return found

    @property
    def reply(self) -> int:
        return int(self.wire.get("max_tokens") or self.wire.get("max_output_tokens") or 0)

    def newest(self) -> list[Message]:
        """The newest answer with all that came after it."""
        messages = [message for message in self.parsed.messages if not message.instructs]
        last = max((place for place, message in enumerate(messages) if message.role == "assistant"), default=0)
        while last and messages[last - 1].role == "assistant":
            last -= 1
        return messages[last:]


@dataclass(frozen=True)
class Answer:
    """One request of a session at one window, and what the guard made of it; `fitted` is None where it was refused."""

    session: Session
    window: int
    turn: int
    sent: Side
    fitted: Fitted | None
    before: Answer | None = field(repr=False, default=None)

    @cached_property
    def forwarded(self) -> Side:
        assert self.fitted
        return Side(self.fitted.request, self.sent.api, self.sent.meter)

    @property
    def safe(self) -> float:
        """By how much the provider may count more than the meter."""
        return MILLION / (MILLION - self.sent.meter.margin(MILLION))

    @property
    def epochs(self) -> int:
        return self.fitted.report.epochs if self.fitted else 0

    def says(self, text: str) -> str:
        asked = f"{self.session.client.name}/{self.session.seed} window {self.window:,} turn {self.turn}"
        report = self.fitted.report if self.fitted else None
        made = (
            f"{report.action} {report.tokens_before:,} -> {report.tokens_after:,}, {report.budget}, {report.kept}" if report else "refused"
        )
        return f"{asked}: {text} [sent {self.sent.tokens:,} + {self.sent.reply:,}, fixed {self.sent.fixed:,}; {made}]"


def answers(session: Session, window: int, reply: int | None, turns: int = TURNS) -> Iterator[Answer]:
    """The session from its first turn on, before one guard."""
    client = session.client
    limits = {"models": {client.model: {"max_input_tokens": window, "max_output_tokens": 32_000}}}
    guard = Guard(Settings(store="memory:", limits=limits))
    before = None
    for turn in range(1, turns + 1):
        request = session.request(turn, reply)
        try:
            fitted: Fitted | None = guard.process(request, api=client.api)
        except ContextOverflowError:
            fitted = None
        before = Answer(session, window, turn, Side(request, client.api, meter_for(client.model)), fitted, before)
        yield before
        object.__setattr__(before, "before", None)


def answered_where_it_would_have_been(answer: Answer) -> str | None:
    """What fits with its reply by the meter's count is answered, and so is what can be made to fit with a short one."""
    sent, report = answer.sent, answer.fitted.report if answer.fitted else None
    if sent.tokens + sent.reply <= answer.window:
        # In between, the count may be too low by the margin, and the reply gives way for it.
        certain = sent.tokens * answer.safe + sent.reply <= answer.window
        return "" if report and report.action in ("none", "compacted", *(() if certain else ("clamped",))) else "not answered as asked"
    if _least(answer) * answer.safe + MIN_OUTPUT <= answer.window:
        return "" if report and report.action in ("none", "compacted", "clamped") else "refused although what must stay fits"
    return None


def first_turns_that_fit_are_not_touched(answer: Answer) -> str | None:
    """Not copied, not cut, not clamped."""
    sent = answer.sent
    if answer.turn > 1 or sent.tokens * answer.safe + (sent.reply or MIN_OUTPUT) > answer.window:
        return None
    return "" if answer.fitted and answer.fitted.request is sent.wire else "a first turn that fits was touched"


def task_plan_and_newest_exchange_stay_whole(answer: Answer) -> str | None:
    """Where they and the instructions fit in half of the window: by the report, and by the words that are forwarded."""
    if not answer.fitted or answer.fitted.report.action != "compacted":
        return None
    session, turn = answer.session, answer.turn
    parts = {"task": [session.client.task_of(session, turn)], "plan": list(session.plan(turn))}
    parts["newest"] = list(session.steps[turn - 2].outputs) if turn > 1 and not session.client.name.startswith("aider") else []
    meter, newest = answer.sent.meter, answer.sent.newest()
    texts = [text for name in ("task", "plan") for text in parts[name]]
    need = sum(meter.text(text) + MESSAGE_OVERHEAD for text in texts) + meter.messages([*newest, *_opening(answer)])
    if answer.sent.fixed + need > answer.window // 2:
        return None
    lost = [name for name, texts in parts.items() if not all(text in answer.forwarded.words for text in texts)]
    kept = answer.fitted.report.kept
    told = [name for name, texts in parts.items() if texts and getattr(kept, name) != "whole"]
    return f"lost {lost}, reported as not whole {told}, need {need:,}" if lost or told else ""


def forwarded_requests_fit(answer: Answer) -> str | None:
    """With their reply, by the meter's count, or by the model's own vocabulary where a package at hand ships it."""
    if not answer.fitted:
        return None
    forwarded, own = answer.forwarded, own_meter_for(answer.session.client.model)
    tokens = min([forwarded.tokens, *([own.measure(forwarded.parsed).tokens] if own else [])])
    return "" if tokens + forwarded.reply <= answer.window else f"{tokens:,} + {forwarded.reply:,} forwarded"


def a_third_of_the_room_is_used(answer: Answer) -> str | None:
    """Beside the instructions, less one exchange, where so much was sent."""
    if not answer.fitted or answer.fitted.report.action != "compacted":
        return None
    fixed, meter = answer.sent.fixed, answer.sent.meter
    exchange = max(sum(map(meter.text, step.outputs)) for step in answer.session.steps[: max(1, answer.turn - 1)]) + 200
    third = (answer.fitted.report.budget.allowed - fixed) // 3
    had, least = answer.forwarded.tokens - fixed, min(third, answer.sent.tokens - fixed) - exchange
    return "" if had >= least else f"{had:,} of conversation forwarded, less than {least:,}"


def forwarded_requests_are_valid(answer: Answer) -> str | None:
    """By the rules of the product, and by ids and texts alone."""
    if not answer.fitted:
        return None
    history = answer.sent.parsed.messages
    broken = complaint(history, _placed(history, answer.forwarded.parsed.messages))
    silent = any(not "".join(_strings(m.get("content", ""))).strip() for m in answer.forwarded.messages if m.get("role") == "user")
    return broken or _unpaired(answer.forwarded.messages) or ("a user message without text" if silent else _torn(answer.forwarded.words))


def a_session_has_one_prefix(answer: Answer) -> str | None:
    """What was forwarded stays in front of what is forwarded next, unless a new epoch began."""
    if not answer.before or answer.epochs > answer.before.epochs:
        return None
    return "" if keeps_its_prefix(answer) else f"the prefix of turn {answer.turn - 1} changed"


def keeps_its_prefix(answer: Answer) -> bool:
    """Whether the answer before it stands in front of an answer, as far as the client's own request does so."""
    before = answer.before
    if not (before and before.fitted and answer.fitted):
        return True
    sent, now = _unmarked(before.sent.messages), _unmarked(answer.sent.messages)
    stable = next((n for n, (old, new) in enumerate(zip(sent, now, strict=False)) if old != new), len(sent))
    behind = len(sent) - stable
    old, new = _unmarked(before.forwarded.messages), _unmarked(answer.forwarded.messages)
    expected = old[: len(old) - behind]
    return bool(new[: len(expected)] == expected or new[: len(expected)] == _unquoted(expected))


def _unquoted(messages: list[Any]) -> list[Any]:
    """Without what was quoted for the newest question: in talk it leaves when the user speaks again, and ends the prefix there alone."""
    place = max((place for place, message in enumerate(messages) if message.get("role") == "user"), default=0)
    return [*messages[:place], *map(_own, messages[place : place + 1]), *messages[place + 1 :]]


def _own(message: Any) -> Any:
    """A message without what the guard quoted in it."""
    content = message["content"]
    if isinstance(content, str):
        return {**message, "content": content.partition(f"\n\n{QUOTED}")[0]}
    return {**message, "content": [part for part in content if not str(part.get("text", "")).startswith(QUOTED)]}


LAWS = (
    answered_where_it_would_have_been,
    first_turns_that_fit_are_not_touched,
    task_plan_and_newest_exchange_stay_whole,
    forwarded_requests_fit,
    a_third_of_the_room_is_used,
    forwarded_requests_are_valid,
    a_session_has_one_prefix,
)


def _least(answer: Answer) -> int:
    """Instructions, tools, the last user message and the newest exchange."""
    users = [message for message in answer.sent.parsed.messages if message.role == "user" and not message.results]
    stay = {message.index: message for message in [*users[-1:], *answer.sent.newest()]}
    return answer.sent.fixed + answer.sent.meter.messages(stay.values())


def _opening(answer: Answer) -> list[Message]:
    """The message that the task stands in, with all that stands there beside it."""
    task = answer.session.client.task_of(answer.session, answer.turn)
    return [m for m in answer.sent.parsed.messages if any(task in getattr(part, "text", "") for part in m.parts)][-1:]


def _placed(history: Sequence[Message], forwarded: Sequence[Message]) -> list[Message]:
    """The forwarded messages with the places that they have in the history; notes have none."""
    placed, behind = list[Message](), len(history)
    for message in reversed(forwarded):
        place = next((n for n in range(behind - 1, -1, -1) if _is_from(message, history[n])), None)
        behind = behind if place is None else place
        placed.append(replace(message, origin=None if place is None else history[place].origin))
    return placed[::-1]


def _is_from(message: Message, original: Message) -> bool:
    """Whether a message is an original, whole or edited: it has its ids, or begins with its words; recall adds some behind them."""
    if original.calls or original.results or message.calls or message.results:
        return _all_ids(message) == _all_ids(original) != set()
    begins = original.text[:BEGINNING]
    return message.role == original.role and bool(begins) and message.text.startswith(begins)


def _all_ids(message: Message) -> set[str]:
    return {call.id for call in message.calls} | {result.call_id for result in message.results}


def _strings(wire: Any) -> Iterator[str]:
    if isinstance(wire, str):
        yield wire
    elif isinstance(wire, Mapping):
        for value in wire.values():
            yield from _strings(value)
    elif isinstance(wire, list | tuple):
        for value in wire:
            yield from _strings(value)


def _unmarked(wire: Any) -> Any:
    """Without the marks of a prompt cache, which move along with the newest message."""
    if isinstance(wire, Mapping):
        return {key: _unmarked(value) for key, value in wire.items() if key != "cache_control"}
    return [_unmarked(value) for value in wire] if isinstance(wire, list | tuple) else wire


def _unpaired(messages: list[Any]) -> str:
    """Each call is answered once and right behind it (Responses: anywhere behind it), and nothing else is."""
    open_calls: Counter[str] = Counter()
    for message in messages:
        calls, results = _ids(message)
        if open_calls and not results and message.get("type") != "function_call":
            return f"calls {sorted(open_calls)} without results"
        for result in results:
            if not open_calls[result]:
                return f"a result of {result} without its call"
            del open_calls[result]
        open_calls.update(calls)
    return f"calls {sorted(open_calls)} without results" if open_calls else ""


def _torn(words: str) -> str:
    """A note that has lost one side of its frame, and with it the word that it is none of the user's."""
    notes = words.count("⟦compacted: reference"), words.count("end of reference⟧")
    return f"{notes[0]} notes begin and {notes[1]} end" if notes[0] != notes[1] else ""


def _ids(message: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The ids of the calls and of the results of a message, in each of the three wires."""
    content = message.get("content")
    blocks = [block for block in content if isinstance(block, Mapping)] if isinstance(content, list) else []
    calls = [call["id"] for call in message.get("tool_calls") or ()] + [block["id"] for block in blocks if block.get("type") == "tool_use"]
    results = [block["tool_use_id"] for block in blocks if block.get("type") == "tool_result"]
    if message.get("role") == "tool":
        results.append(message["tool_call_id"])
    if message.get("type") == "function_call":
        calls.append(message["call_id"])
    if message.get("type") == "function_call_output":
        results.append(message["call_id"])
    return calls, results
