"""Conversations held for clients that send only what is new: read before a request, kept again with its reply, sealed in between.

Nothing is guessed: where the store does not answer, or an exchange is missing in what is held, the request goes on as its client sent it,
and that is said until the client sends the whole conversation or deletes the session.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from token_guard.errors import StoreUnavailableError
from token_guard.formats import Unreadable
from token_guard.formats.dialogue import Dialogue, dialogue_of, reply_of, with_dialogue
from token_guard.sessions.held import Held, Joined, Outcome, is_whole, joined
from token_guard.sessions.sealing import Sealing
from token_guard.stores import History, Store

__all__ = ["OUTCOMES", "Histories", "Kept", "Opened"]

_log = logging.getLogger("token_guard")

Found: TypeAlias = Outcome | Literal["incomplete", "unavailable", "unreadable", "off", "no key"]

OUTCOMES: Final[Mapping[str, str]] = {
    "started": "nothing was held: the conversation begins here",
    "added": "what is held was put in front",
    "sent": "the client sends the conversation itself",
    "unlike": "it does not go on with what is held, and went on as it was sent",
    "incomplete": "an exchange is missing in what is held; it went on as it was sent",
    "unavailable": "the store did not answer; it went on as it was sent",
    "unreadable": "the request cannot be read; it went on as it was sent",
    "off": "there is no encryption_key, so that nothing is held",
    "no key": "the proxy knows no key of this client, so that nothing is held for it",
}
"""What may become of a request that names its session, in the order in which it is looked at."""

Kept: TypeAlias = Literal["kept", "lost", "dropped"]
"""What becomes of an exchange: it is held; it is missing from now on; nobody wants it any more."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One request of a session, from here to its answer. `edits` are the fields that it is to be sent with."""

    id: str
    api: str
    outcome: Found
    edits: Mapping[str, Any] = field(default_factory=dict, repr=False)
    version: int = 0
    joined: Joined | None = field(default=None, repr=False)
    """None where its exchange cannot be kept."""

    @property
    def in_front(self) -> int:
        """How many messages were put in front of the request's own."""
        turns = self.joined.held.dialogue.turns[: self.joined.before] if self.joined else ()
        return sum(len(turn.wires) for turn in turns)


class Histories:
    """Reads and keeps histories in a store; thread-safe. Its methods may wait for the store, for a second or two."""

    def __init__(self, store: Store, sealing: Sealing, *, ttl_seconds: float, most_bytes: int) -> None:
        self._store = store
        self._sealing = sealing
        self._ttl_seconds = ttl_seconds
        self._most_bytes = most_bytes

    def open(self, id_: str, api: str, request: Mapping[str, Any]) -> Opened | None:
        """A request with what is held before it; None where its provider holds the conversation."""
        sent = dialogue_of(api, request)
        if sent is None:
            return None
        if isinstance(sent, Unreadable):
            return Opened(id_, api, "unreadable")
        try:
            stored = self._store.history(id_)
        except StoreUnavailableError:
            return Opened(id_, api, "unavailable")
        return self._opened(id_, api, sent, stored)

    def answered(self, opened: Opened, request: Mapping[str, Any], answer: Mapping[str, Any]) -> Kept:
        """Keep an exchange whose reply is whole; where that cannot be done, what is held is incomplete from now on."""
        reply = reply_of(opened.api, request, answer)
        kept: Kept = "lost"
        if opened.joined and reply is not None:
            held = opened.joined.held.with_reply(reply)
            try:
                kept = self._kept(opened, held) or self._kept_after_another(opened, held)
            except StoreUnavailableError:
                _log.warning("token_guard could not keep an exchange of a session: the store does not answer")
        if kept == "lost":
            self.lose(opened)
        return kept

    def lose(self, opened: Opened) -> None:
        """Note that an exchange of a session is missing in what is held."""
        self._store.lose_history(opened.id, ttl_seconds=self._ttl_seconds)

    def _opened(self, id_: str, api: str, sent: Dialogue, stored: History | None) -> Opened:
        if stored is None:
            return Opened(id_, api, "started", {}, 0, joined(None, sent, api))
        known = self._read(id_, stored)
        if known is None or not stored.is_whole:
            if not is_whole(sent):
                return Opened(id_, api, "incomplete")
            return Opened(id_, api, "sent", {}, stored.version, Joined("sent", Held(api, sent)))
        found = joined(known, sent, api)
        if found.outcome == "unlike":
            return Opened(id_, api, "unlike")
        edits = with_dialogue(api, found.held.dialogue) if found.outcome == "added" else {}
        return Opened(id_, api, found.outcome, edits, stored.version, found)

    def _read(self, id_: str, stored: History) -> Held | None:
        """What is held; None where nothing is, or it cannot be opened."""
        if not stored.sealed:
            return None
        text = self._sealing.open(id_, stored.sealed)
        if text is None:
            _log.warning("token_guard cannot open a history: it was sealed with another encryption_key")
        return None if text is None else Held.of_text(text)

    def _kept(self, opened: Opened, held: Held, version: int | None = None) -> Kept | None:
        """Whether it is kept; None where another request of the session was answered meanwhile."""
        sealed = self._sealing.seal(opened.id, held.as_text())
        if len(sealed) > self._most_bytes:
            _log.warning("token_guard holds no more of a session: sealed, it would be %d bytes (sessions.history_bytes)", len(sealed))
            return "lost"
        known = opened.version if version is None else version
        new = History(secrets.randbits(62) + 1, sealed)
        mends = opened.joined is not None and is_whole(opened.joined.own)
        return "kept" if self._store.keep_history(opened.id, known, new, ttl_seconds=self._ttl_seconds, mends=mends) else None

    def _kept_after_another(self, opened: Opened, held: Held) -> Kept:
        """Keep an exchange behind that of another request, which ended first."""
        stored = self._store.history(opened.id)
        if stored is None:
            return "dropped"  # deleted meanwhile
        known, mine = self._read(opened.id, stored), opened.joined
        if known is None or mine is None or not stored.is_whole:
            return "lost"
        own = mine.own
        again = joined(known, own, opened.api)
        if again.outcome == "unlike" or (again.outcome == "added" and again.before != len(known.dialogue.turns)):
            return "lost"
        reply = held.dialogue.turns[len(mine.held.dialogue.turns) :]
        return self._kept(opened, again.held.with_reply(reply), stored.version) or "lost"
