"""The newest part of a request with more messages than anybody waits for."""

from __future__ import annotations

from dataclasses import dataclass

from token_guard.conversation import Conversation, Message

__all__ = ["PATIENT_MESSAGES", "Newest", "newest"]

PATIENT_MESSAGES = 50_000
"""Messages that are walked through in ten seconds, however short they are."""


@dataclass(frozen=True, slots=True)
class Newest:
    """A conversation without what stands far back, and how many messages that were."""

    conversation: Conversation
    left_out: int = 0

    @property
    def remark(self) -> str:
        """What was left out; empty where nothing was."""
        unread = f"{self.left_out:,} messages before the newest {PATIENT_MESSAGES:,} are left out unread: no window holds them"
        return unread if self.left_out else ""


def newest(conversation: Conversation, most: int = PATIENT_MESSAGES) -> Newest:
    """The conversation itself, or its instructions, its first question and about so many of its newest messages.

    It is cut before a message that answers no call, so that no result loses the call that it belongs to.
    """
    messages = conversation.messages
    if len(messages) <= most:
        return Newest(conversation)
    head = _head(messages)
    start = next((place for place in range(len(messages) - most, len(messages)) if not messages[place].results), len(messages))
    start = max(start, len(head))
    return Newest(conversation.with_messages((*head, *messages[start:])), start - len(head))


def _head(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """What instructs at the beginning, with the first question behind it."""
    end = next((place for place, message in enumerate(messages) if not message.instructs), len(messages))
    return messages[: end + 1] if end < len(messages) and messages[end].asks else messages[:end]
