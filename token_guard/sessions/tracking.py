"""The records of sessions: an observer of reports. What it keeps are numbers, names and times, never what was said."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from cachetools import LRUCache

from token_guard.report import Report
from token_guard.sessions.compaction_log import event_of
from token_guard.stores import SessionChange, Store

__all__ = ["Counted", "Sender", "Tracking", "session_id"]

MAX_NAME: Final = 100
"""Characters of a tool's name that are kept."""
MAX_NAMES: Final = 10_000
"""Sessions whose newest compaction is remembered, so that a request that is sent twice does not count twice."""

UNTOUCHED: Final = ("observed", "bypassed")
"""What leaves a request as it came, whatever the report's numbers say."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose session it is: what the client calls it, and the key that sends it, by its hash, alias and team."""

    session: str
    owner: str = ""
    key_alias: str = ""
    team: str = ""

    @property
    def id(self) -> str:
        """What its record is kept under: the same name is another session for another key."""
        return session_id(self.owner, self.session)


@dataclass(frozen=True, slots=True)
class Counted:
    """What a request has been counted for, by an earlier attempt."""

    tokens_in: int = 0
    tokens_forwarded: int = 0


class Tracking:
    """Notes reports in a store, each as an increment; thread-safe as the store is."""

    def __init__(self, store: Store, retention_seconds: float, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._retention_seconds = retention_seconds
        self._clock = clock
        self._newest: LRUCache[tuple[str, str], int] = LRUCache(MAX_NAMES)
        self._lock = threading.Lock()

    def observe(self, sender: Sender, deployment: str, report: Report, earlier: Counted | None) -> Counted:
        """Note one attempt. A later attempt of a request takes the place of the one before it: only the difference is added."""
        now = _counted(report)
        before = earlier or Counted()
        tokens_in, forwarded = now.tokens_in - before.tokens_in, now.tokens_forwarded - before.tokens_forwarded
        counts = {"tokens_in": tokens_in, "tokens_forwarded": forwarded, "tokens_saved": tokens_in - forwarded}
        window = report.limit.max_input_tokens
        is_new = report.is_new_epoch and report.action == "compacted" and self._is_new(sender.id, report)
        at, asked = self._clock(), report.asked_again if not earlier else ()
        self._store.note(
            SessionChange(
                sender.id,
                at,
                self._retention_seconds,
                labels={**_labels(sender), "model": report.model, "deployment": deployment},
                counts={"requests": 0 if earlier else 1, **counts, "compactions": int(is_new)},
                usage_ratio=round(now.tokens_forwarded / window, 4) if window else None,
                epochs=report.epochs,
                asked=Counter((one.kind, one.tool[:MAX_NAME]) for one in asked) if asked else {},
                events=(json.dumps(event_of(report, at).as_json(), separators=(",", ":")),) if is_new else (),
            )
        )
        return now

    def unseen(self, sender: Sender) -> Counted:
        """Note a request that was refused, or that the guard failed on: nothing is known of its tokens."""
        self._store.note(self._change(sender, {"requests": 1}))
        return Counted()

    def failed(self, sender: Sender) -> None:
        """Note a request that ended with an error."""
        self._store.note(self._change(sender, {"errors": 1}))

    def _change(self, sender: Sender, counts: dict[str, int]) -> SessionChange:
        return SessionChange(sender.id, self._clock(), self._retention_seconds, _labels(sender), counts)

    def _is_new(self, id_: str, report: Report) -> bool:
        """Whether this compaction was not noted yet: a client may send the same request again."""
        with self._lock:
            known = self._newest.get((id_, report.model))
            self._newest[id_, report.model] = report.epochs
        return known != report.epochs


def _labels(sender: Sender) -> dict[str, str]:
    return {"session": sender.session, "owner": sender.owner, "key_alias": sender.key_alias, "team": sender.team}


def session_id(owner: str, session: str) -> str:
    """The id of the record of a key's session.

    >>> session_id("key", "chat") == session_id("key", "chat") != session_id("other", "chat")
    True
    """
    named = f"{len(owner)} {owner} {session}".encode("utf-8", "replace")
    return blake2b(named, digest_size=16).hexdigest()


def _counted(report: Report) -> Counted:
    after = report.tokens_before if report.action in UNTOUCHED else report.tokens_after
    return Counted(report.tokens_before, after)
