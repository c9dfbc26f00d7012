"""Language-model texts for the notes of compactions: what replay asks for, and how a text is decided on once and for all.

A note is an extract when it is written. At the next compaction its key is settled: from then on the text stands in its place if it
is in the store by then, and otherwise the extract stays, whatever comes later. The store keeps the first word on a key, so that a
replay after a restart, or on another replica, gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from token_guard.compaction.ledger import as_sent
from token_guard.compaction.notes import is_whole
from token_guard.conversation import Message
from token_guard.marks import is_note

__all__ = ["OpenNote", "Pending", "Summaries", "TextStore", "Texts", "opened"]

TEXTS, LEASES = "summaries", "summary_leases"

EXTRACT = ""
"""The text of a key that is settled without one."""


@dataclass(frozen=True, slots=True)
class OpenNote:
    """The note of the newest compaction, whose extract may still give way to a text, and the messages that it stands for."""

    key: str
    note: Message = field(repr=False)
    messages: tuple[Message, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pending:
    """An open note as a state of a history remembers it: what it stands for are places in the history, and earlier notes."""

    key: str
    note: Message
    gone: tuple[int | Message, ...]

    def bound(self, history: Sequence[Message]) -> OpenNote:
        """The same with the client's messages as they came."""
        return OpenNote(self.key, self.note, tuple(history[slot] if isinstance(slot, int) else slot for slot in self.gone))


def opened(before: Sequence[Message], after: Sequence[Message], key_of: Callable[[Sequence[Message]], str]) -> Pending | None:
    """The note that a compaction wrote, when it wrote one and no later pass has cut it; `key_of` is the digest of messages."""
    stood = [message for message in before if is_note(message)]
    notes = [message for message in after if is_note(message) and message not in stood]
    stay = {message.index for message in after if message.origin}
    gone = [message for message in before if (message not in after if is_note(message) else message.index not in stay)]
    if len(notes) != 1 or not gone or not is_whole(notes[0]):
        return None
    slots = tuple(message if message.index is None else message.index for message in gone)
    return Pending(key_of([as_sent(message) for message in gone]), notes[0], slots)


class Summaries(Protocol):
    """Whoever writes texts about messages that were taken out."""

    def settled(self, key: str) -> str | None:
        """The text that stands for these messages from now on, for good; None where the extract stays, for good."""

    def wanted(self, note: OpenNote) -> None:
        """Have a text written, some time; called on every request until the key is settled."""


class TextStore(Protocol):
    """Where texts outlive the process."""

    def get(self, section: str, key: str) -> str | None:
        """The value under a key of a section; None where there is none."""

    def claim(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> str:
        """The value under a key; `value`, which it then has for so many seconds, where there was none."""


class Texts:
    """Texts in a store under the hash of what they are about and the `version` of how they are written; thread-safe as the store is."""

    def __init__(self, store: TextStore, version: str, ttl_seconds: float) -> None:
        self._store = store
        self._version = version
        self._ttl_seconds = ttl_seconds

    def settled(self, key: str) -> str | None:
        """The text under a key, or, where there is none yet, that there never will be."""
        return self._claim(TEXTS, key, EXTRACT, self._ttl_seconds) or None

    def offer(self, key: str, text: str) -> bool:
        """Set the text of a key; whether it came in time."""
        return self._claim(TEXTS, key, text, self._ttl_seconds) == text

    def is_decided(self, key: str) -> bool:
        """Whether there is a text, or never will be."""
        return self._store.get(TEXTS, self._name(key)) is not None

    def lease(self, key: str, holder: str, seconds: float) -> bool:
        """Whether `holder` is the one, of all replicas, who writes the text of this key in the next so many seconds."""
        return self._claim(LEASES, key, holder, seconds) == holder

    def _claim(self, section: str, key: str, value: str, seconds: float) -> str:
        return self._store.claim(section, self._name(key), value, ttl_seconds=seconds)

    def _name(self, key: str) -> str:
        return f"{self._version}/{key}"
