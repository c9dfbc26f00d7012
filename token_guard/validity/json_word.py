"""The word without which OpenAI refuses a request for JSON replies: `messages` must contain "json" in some form.

Source: https://platform.openai.com/docs/guides/structured-outputs#json-mode
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from token_guard.conversation import Message, Text
from token_guard.marks import CLOSE, is_note, mark

__all__ = ["WORDED", "with_json_word"]

WORDS = "the reply is to be JSON"

WORDED = Message("user", (Text(mark(WORDS)),))
"""The note that has the word; in another note it takes less."""


def with_json_word(response_format: Any, before: Sequence[Message], after: tuple[Message, ...]) -> tuple[Message, ...]:
    """What compaction made of `before`, with the word in its newest note, or in a note of its own behind the instructions.

    The same object where no JSON is asked for, where the word is still there, and where the client never had it.
    """
    kind = response_format.get("type") if isinstance(response_format, Mapping) else None
    if kind != "json_object" or _has_word(after) or not _has_word(before):
        return after
    place = next((place for place in range(len(after) - 1, -1, -1) if is_note(after[place])), None)
    if place is None:
        first = next((place for place, message in enumerate(after) if not message.instructs), 0)
        return (*after[:first], WORDED, *after[first:])
    told = replace(after[place], parts=(Text(after[place].text.removesuffix(CLOSE) + f"\n{WORDS}{CLOSE}"),))
    return (*after[:place], told, *after[place + 1 :])


def _has_word(messages: Iterable[Message]) -> bool:
    return any("json" in message.text.lower() for message in messages)
