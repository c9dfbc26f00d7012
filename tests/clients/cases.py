"""One request of a session before a window, and what the guard made of it, with what can be measured of both.

What is measured here comes from what the sessions know of themselves and from counts of the guard's meter; nothing asks the guard
what it thinks has to stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from clients.sessions import Session

from token_guard import Guard, Settings
from token_guard.conversation import Conversation, Message, exchanges
from token_guard.counting import Meter, meter_for
from token_guard.errors import ContextOverflowError
from token_guard.formats import FORMATS
from token_guard.limits import Deployment
from token_guard.report import Fitted

__all__ = ["Case", "Side", "cases", "needed", "placed", "sent"]

LEAST_REPLY, RESERVED = Settings().min_output_tokens, Settings().reserve_output
MILLION = 1_000_000
LONGEST_REPLY = 64_000

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
        """Instructions, tools, formats."""
        return self.meter.overhead(self.parsed) + self.meter.messages(message for message in self.parsed.messages if message.instructs)

    @cached_property
    def exchange(self) -> int:
        """The largest exchange."""
        return max((self.meter.messages(unit.messages) for unit in exchanges(self.parsed.messages)), default=0)

    @cached_property
    def bare(self) -> int:
        """Instructions, tools, the last user message, and the newest answer with all that came after it."""
        messages = [message for message in self.parsed.messages if not message.instructs]
        last = max((place for place, message in enumerate(messages) if message.role == "assistant"), default=0)
        while last and messages[last - 1].role == "assistant":
            last -= 1
        users = [message for message in messages if message.role == "user" and not message.results]
        stay = {message.index: message for message in [*users[-1:], *messages[last:]]}
        return self.fixed + self.meter.messages(stay.values())

    @cached_property
    def unmarked(self) -> list[Any]:
        """The messages without the marks of a prompt cache, which move along with the newest one."""
        found: list[Any] = _unmarked(self.wire.get("input") or self.wire["messages"])
        return found

    @property
    def reply(self) -> int:
        return self.parsed.max_output_tokens or 0


@dataclass(frozen=True)
class Case:
    """One request; `fitted` is None where it was refused, `before` the case of the turn before it, where that was tried too."""

    session: Session
    turn: int
    window: int
    reply: int | None
    sent: Side
    fitted: Fitted | None
    refusal: str = ""
    before: Case | None = field(repr=False, default=None)

    @cached_property
    def forwarded(self) -> Side:
        assert self.fitted
        return replace(self.sent, wire=self.fitted.request)

    @cached_property
    def least(self) -> int:
        """What a request of nothing but that which has to stay counts."""
        return needed(self.session, self.turn, self.reply).tokens

    @property
    def least_reply(self) -> int:
        """What of the reply is kept in any case: more than the least thinking that Anthropic takes, where any was asked for."""
        return max(LEAST_REPLY, 1_025 if self.sent.wire.get("thinking") else 0)

    @property
    def kept_reply(self) -> int:
        """What the client asks for, or what is set aside where it asks for nothing."""
        return self.reply or min(RESERVED, self.window // 4)

    @property
    def can_stay(self) -> bool:
        """Whether all that has to stay fits."""
        return self.doubted(self.least) + self.least_reply <= self.window

    @property
    def could_always_stay(self) -> bool:
        """Whether it fitted on every turn so far: what had to be cut once stays cut, so that the prefix holds."""
        earlier = (replace(self, turn=turn) for turn in range(self.turn, -1, -1))
        return all(case.can_stay for case in earlier)

    def doubted(self, tokens: int) -> int:
        """What a provider may count at most where the meter counts so many."""
        return int(tokens * MILLION / (MILLION - self.sent.meter.margin(MILLION))) + 1

    @property
    def epochs(self) -> int:
        return self.fitted.report.epochs if self.fitted else 0

    def says(self, words: str) -> str:
        session, report = self.session, self.fitted.report if self.fitted else None
        asked = f"{session.client.name}/{session.seed}, {session.model}, window {self.window:,}, turn {self.turn}"
        made = (
            f"{report.action} {report.tokens_before:,} -> {report.tokens_after:,}, {report.budget}, {report.kept}"
            if report
            else self.refusal
        )
        return f"{asked}: {words} [sent {self.sent.tokens:,} + {self.sent.reply:,}, fixed {self.sent.fixed:,}; {made}]"


def sent(session: Session, turn: int, reply: int | None) -> Side:
    """What the client sends at a turn."""
    return Side(session.request(turn, reply), session.client.api, meter_for(session.model))


def needed(session: Session, turn: int, reply: int | None) -> Side:
    """The same with nothing in it but what has to stay whole."""
    return replace(sent(session, turn, reply), wire=session.least(turn, reply))


def cases(session: Session, window: int, reply: int | None, turns: Iterable[int]) -> Iterator[Case]:
    """Turns of a session before one guard; of every second session's model the longest reply is known too."""
    known = {"max_input_tokens": window, **({"max_output_tokens": LONGEST_REPLY} if session.seed % 2 else {})}
    deployment = Deployment(id=f"d{window}", group="g", api_base="", api_key="", model_info=known)
    guard = Guard(Settings(store="memory:"))
    before: Case | None = None
    for turn in turns:
        side, fitted, refusal = sent(session, turn, reply), None, ""
        try:
            fitted = guard.process(side.wire, api=side.api, deployment=deployment)
        except ContextOverflowError as error:
            refusal = str(error)
        follows = before if before and before.turn + 1 == turn else None
        before = Case(session, turn, window, reply, side, fitted, refusal, follows)
        yield before
        object.__setattr__(before, "before", None)


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
        if last is not None and end > last and place != last and message.role == "user" and sent[last].text[:BEGINNING] in message.text:
            place = last
        end = end if place is None else place
        found.append(replace(message, origin=None if place is None else sent[place].origin))
    return found[::-1]


def _is_same(sent: Message, forwarded: Message) -> bool:
    """By the ids of calls and results; where there are none, by the first words: what is too long is cut behind them, and the guard
    may write behind them."""
    ids = [(*(call.id for call in one.calls), *(result.call_id for result in one.results)) for one in (sent, forwarded)]
    if sent.role != forwarded.role or ids[0] != ids[1]:
        return False
    begins = sent.text[:BEGINNING].strip()
    return bool(ids[0]) or sent.parts == forwarded.parts or bool(begins and forwarded.text.strip().startswith(begins))


def _unmarked(wire: Any) -> Any:
    if isinstance(wire, Mapping):
        return {key: _unmarked(value) for key, value in wire.items() if key != "cache_control"}
    return [_unmarked(value) for value in wire] if isinstance(wire, list | tuple) else wire
