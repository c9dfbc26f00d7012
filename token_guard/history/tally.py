"""The shape of a conversation up to a point, on which its treatment depends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from token_guard.conversation import Message
from token_guard.speech import is_observation

__all__ = ["Kind", "Tally"]

Kind: TypeAlias = Literal["transcript", "talk", "tools"]

TRANSCRIPT = 0.1
"""With no more assistant messages than this share of all, a history is something that was brought along, not a session."""

TALK = 0.15
"""With no more messages of tools than this share of all it is talk, as for the trigger."""


OPENING = 2
"""Messages that open a session of tools: instructions and the task."""

ALONE = 0.03
"""With no more messages beside those and the ones of tools than this share of all, an agent works alone."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What the thresholds depend on, for the messages up to a point: how many, how many of tools and of the assistant, how many tokens."""

    messages: int = 0
    tool_messages: int = 0
    tokens: int = 0
    replies: int = 0

    def plus(self, messages: Sequence[Message], tokens: int) -> Tally:
        tools = sum(_of_tools(message) for message in messages)
        replies = sum(message.role == "assistant" for message in messages)
        return Tally(self.messages + len(messages), self.tool_messages + tools, self.tokens + tokens, self.replies + replies)

    @classmethod
    def guessed(cls, messages: int, calls: int, tokens: int) -> Tally:
        """The same of a conversation of which only the numbers are known."""
        return cls(messages, min(messages, 2 * calls), tokens, messages // 2)

    @property
    def kind(self) -> Kind:
        """What sort of conversation it is: something that was brought along, talk, or a session of tools."""
        if self.replies <= max(1, TRANSCRIPT * self.messages):
            return "transcript"
        return "talk" if self.tool_messages <= TALK * self.messages else "tools"

    @property
    def is_alone(self) -> bool:
        """Whether an agent works on its own: nobody speaks to it after its task.

        >>> Tally(messages=62, tool_messages=60).is_alone, Tally(messages=62, tool_messages=55).is_alone
        (True, False)
        """
        return self.messages - self.tool_messages <= OPENING + ALONE * self.messages


def _of_tools(message: Message) -> int:
    """How many messages of tools a message stands for: what an agent without tool messages calls is words, so that its output
    counts for both."""
    return 2 * is_observation(message) or int(bool(message.calls or message.results))
