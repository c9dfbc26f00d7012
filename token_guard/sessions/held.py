"""A conversation that is held for its client, and how a request goes on with it: by the marks of its turns, never by searching texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

from token_guard.formats.dialogue import Dialogue, Turn, without_calls

__all__ = ["Client", "Held", "Joined", "Outcome", "is_whole", "joined"]

Client: TypeAlias = Literal["unknown", "sends all", "sends what is new"]
"""How a client was seen to go on; one that says its first words again has not shown it."""

Outcome: TypeAlias = Literal["started", "added", "sent", "unlike"]
"""What became of a request: it begins a conversation; what is held was put in front; the client sent the conversation itself; it does not
go on with what is held, and no other conversation was begun."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of a session: its format, its turns with the instructions that were sent last, and how its client goes on."""

    api: str
    dialogue: Dialogue
    client: Client = "unknown"

    def with_reply(self, turns: Sequence[Turn]) -> Held:
        """The same after a reply."""
        return replace(self, dialogue=replace(self.dialogue, turns=(*self.dialogue.turns, *turns)))

    def as_text(self) -> str:
        """The same as JSON."""
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def of_text(cls, text: str) -> Held:
        """What `as_text` wrote."""
        told: dict[str, Any] = json.loads(text)
        dialogue = told["dialogue"]
        turns = tuple(
            Turn(turn["mark"], tuple(turn["wires"]), turn["replies"], tuple(turn["calls"]), tuple(turn["results"]))
            for turn in dialogue["turns"]
        )
        return cls(told["api"], Dialogue(turns, dialogue["beside"], tuple(dialogue["leading"])), told["client"])


@dataclass(frozen=True, slots=True)
class Joined:
    """A request with what is held in front of it, `before` turns of it."""

    outcome: Outcome
    held: Held
    before: int = 0

    @property
    def own(self) -> Dialogue:
        """What the request itself adds."""
        return replace(self.held.dialogue, turns=self.held.dialogue.turns[self.before :])


def joined(known: Held | None, sent: Dialogue, api: str) -> Joined:
    """How a request goes on with what is known."""
    if known is None or not known.dialogue.turns:
        return Joined("started", Held(api, sent))
    if known.api != api and not is_whole(sent):
        return Joined("unlike", Held(api, sent))
    again = _repeated(known, sent) if known.api == api else None
    if again is None:
        return Joined("sent", Held(api, sent, "sends all" if _shows_replies(sent.turns) else known.client))
    return _added(known, sent, again)


def is_whole(sent: Dialogue) -> bool:
    """Whether a request is a conversation by itself, replies and all: it begins with neither a reply nor a result. Its last turn may be
    the beginning of a reply that the client wants to be gone on with."""
    return bool(sent.turns) and _shows_replies(sent.turns[:-1]) and not (sent.turns[0].replies or sent.turns[0].results)


def _repeated(known: Held, sent: Dialogue) -> int | None:
    """How many of the request's first turns are the last that are held, and so not to be put in again; None where the client sends the
    conversation itself, as far as it wants it to be known."""
    held, new = [turn.mark for turn in known.dialogue.turns], [turn.mark for turn in sent.turns]
    if new[: len(held)] == held or (held[: len(new)] == new and (known.client != "sends what is new" or _shows_replies(sent.turns))):
        return None
    overlap = next((size for size in range(min(len(held), len(new)), 0, -1) if held[-size:] == new[:size]), 0)
    if overlap:
        return overlap
    return None if known.client == "sends all" or is_whole(sent) else 0


def _added(known: Held, sent: Dialogue, repeated: int) -> Joined:
    """What is held in front of what is new; a result whose call is not there belongs to another conversation, and a call that the client
    goes on without having answered is taken back."""
    before, new = known.dialogue.turns, sent.turns[repeated:]
    called = {call for turn in (*before, *new) for call in turn.calls}
    if any(result not in called for turn in new for result in turn.results):
        return Joined("unlike", Held(known.api, sent))
    answered = {result for turn in (*before, *new) for result in turn.results}
    unanswered = {call for turn in before for call in turn.calls} - answered
    kept = without_calls(known.api, before, unanswered) if unanswered else before
    dialogue = _instructed(known.dialogue, sent, (*kept, *new))
    return Joined("added", Held(known.api, dialogue, "sends what is new"), len(kept))


def _instructed(known: Dialogue, sent: Dialogue, turns: tuple[Turn, ...]) -> Dialogue:
    """These turns under the request's own instructions; where it sends none, under those that were sent last."""
    says_some = sent.leading or sent.beside
    return Dialogue(turns, sent.beside if says_some else known.beside, sent.leading if says_some else known.leading)


def _shows_replies(turns: Sequence[Turn]) -> bool:
    return any(turn.replies for turn in turns)
