"""Where messages may be cut apart: exchanges, with the outputs of agents that know no tool messages beside the turns that asked."""

from __future__ import annotations

from collections.abc import Sequence

from token_guard.conversation import Exchange, Message, exchanges
from token_guard.conversation.many import once_in_a_row
from token_guard.speech import answers

__all__ = ["units_of"]


@once_in_a_row
def units_of(messages: Sequence[Message]) -> tuple[Exchange, ...]:
    """The exchanges; an output that comes as a user message stays with the turn before it, whose call it answers.

    >>> from token_guard.conversation import Text
    >>> said = [("user", "Go."), ("assistant", "I look."), ("user", "Observation: 3 rows"), ("assistant", "Done.")]
    >>> [(unit.start, unit.stop) for unit in units_of([Message(role, (Text(text),)) for role, text in said])]
    [(0, 1), (1, 3), (3, 4)]
    """
    found: list[Exchange] = []
    for unit in exchanges(messages):
        turn = found.pop() if found and len(unit.messages) == 1 and answers(unit.messages[0], found[-1].messages[-1]) else None
        found.append(Exchange(turn.start, unit.stop, (*turn.messages, *unit.messages)) if turn else unit)
    return tuple(found)
