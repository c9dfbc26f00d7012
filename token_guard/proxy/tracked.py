"""Whose session an attempt belongs to, told to the records of sessions. What has been counted of a request stands in its note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from token_guard.errors import tell
from token_guard.formats import FORMATS, opening
from token_guard.history.fingerprint import given_session, opened_session
from token_guard.proxy.attempt import Attempt, Note, note_of
from token_guard.proxy.callers import told_of
from token_guard.report import Report
from token_guard.sessions import Counted, Sender, Tracking

__all__ = ["Tracked", "sender_of"]

_NOTE: Final = "session"

_WITHOUT_TURNS: Final = ("openai.completions",)
"""Formats whose requests show no session, unless somebody names it."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """Notes attempts in the records of sessions; one that cannot be noted is a warning, and the request goes on."""

    tracking: Tracking

    def done(self, attempt: Attempt, report: Report) -> None:
        """One attempt that goes on."""
        tell(self._done, attempt, report)

    def refused(self, attempt: Attempt) -> None:
        """One attempt that was refused, or that the guard failed on."""
        tell(self._refused, attempt)

    def ended_badly(self, data: Mapping[str, Any]) -> None:
        """A request that ended with an error, wherever that came from."""
        tell(self._ended_badly, note_of(data))

    def _done(self, attempt: Attempt, report: Report) -> None:
        sender, earlier = self._known(attempt)
        if sender:
            counted = self.tracking.observe(sender, attempt.place, report, earlier)
            attempt.note[_NOTE] = {"sender": _plain(sender), "counted": _plain(counted)}

    def _refused(self, attempt: Attempt) -> None:
        sender, earlier = self._known(attempt)
        if sender and earlier is None:
            attempt.note[_NOTE] = {"sender": _plain(sender), "counted": _plain(self.tracking.unseen(sender))}

    def _ended_badly(self, note: Note) -> None:
        kept = note.get(_NOTE)
        if isinstance(kept, dict) and not kept.get("failed"):
            kept["failed"] = True
            self.tracking.failed(Sender(**kept["sender"]))

    def _known(self, attempt: Attempt) -> tuple[Sender | None, Counted | None]:
        kept = attempt.note.get(_NOTE)
        if isinstance(kept, dict):
            return Sender(**kept["sender"]), Counted(**kept["counted"])
        return sender_of(attempt.request, attempt.api), None


def _plain(value: Sender | Counted) -> dict[str, Any]:
    """Its fields by their names, which are all plain values."""
    return {name: getattr(value, name) for name in value.__slots__}


def sender_of(request: Mapping[str, Any], api: str) -> Sender | None:
    """Whose session a request belongs to; None where nothing tells its turns from those of others."""
    if api not in FORMATS:
        return None
    name = given_session(request)
    if not name:
        messages = () if api in _WITHOUT_TURNS else opening(api, request)
        if not messages:
            return None
        name = opened_session(messages)
    known = told_of(request)
    team = known.get("user_api_key_team_alias") or known.get("user_api_key_team_id")
    owner, alias = known.get("user_api_key_hash"), known.get("user_api_key_alias")
    return Sender(name, str(owner or ""), str(alias or ""), str(team or ""))
