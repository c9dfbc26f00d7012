"""What would be cut: the messages of a request before and after, and which pass did what. Nothing is sent, noted or remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from token_guard.compaction import Counter, Draft, Goal, Pass
from token_guard.conversation import Conversation, Message
from token_guard.conversation.diff import Change, compare
from token_guard.counting import Meter
from token_guard.formats import format_for
from token_guard.guard import Guard
from token_guard.limits import Deployment
from token_guard.report import Report

__all__ = ["Preview", "Watched", "preview"]

SHOWN: Final = 4_000
"""Characters of each side of a change that are answered, and of what stays a tenth: enough to read what became of it."""
MAX_CHANGES: Final = 2_000


@dataclass(frozen=True, slots=True)
class Watched:
    """A pass that also notes which messages it changed, by their places in the client's history; None stands for a message put in."""

    step: Pass
    changed: dict[int | None, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the pass itself."""
        return self.step.name

    def __call__(self, draft: Draft, goal: Goal, counter: Counter) -> Draft:
        done = self.step(draft, goal, counter)
        before, after = _by_place(draft.messages), _by_place(done.messages)
        for place in before.keys() | after.keys():
            if before.get(place) != after.get(place):
                self.changed[place] = self.name
        return done


@dataclass(frozen=True, slots=True)
class Preview:
    """The report on a request as it would be forwarded, and the fate of each message, with the pass that decided it."""

    report: Report
    changes: tuple[Change, ...]
    changed: Mapping[int | None, str]

    def as_json(self, meter: Meter) -> dict[str, Any]:
        """Both as plain values; long texts and long lists are cut, and say so."""
        rows = [_row(meter, change, self.changed) for change in self.changes[:MAX_CHANGES]]
        steps = [{"name": one.name, "tokens_before": one.tokens_before, "tokens_after": one.tokens_after} for one in self.report.steps]
        return {"changes": rows, "left_out": len(self.changes) - len(rows), "steps": steps}


def preview(guard: Guard, request: Mapping[str, Any], api: str | None, deployment: Deployment | None) -> Preview:
    """What the guard would do to a request; raises ContextOverflowError where it would be refused."""
    changed: dict[int | None, str] = {}
    apart = guard.apart(lambda step: Watched(step, changed))
    fitted = apart.process(request, api=api, deployment=deployment, mode="enforce")
    before, after = _messages(api, request), _messages(api, fitted.request)
    return Preview(fitted.report, compare(before, after), changed)


def _messages(api: str | None, request: Mapping[str, Any]) -> tuple[Message, ...]:
    format_ = format_for(api, request)
    parsed = format_.parse(request) if format_ else None
    return tuple(parsed.messages) if isinstance(parsed, Conversation) else ()


def _by_place(messages: Sequence[Message]) -> dict[int | None, Sequence[Message]]:
    """Messages by their places; those that were put in have none and stand together."""
    found: dict[int | None, list[Message]] = {}
    for message in messages:
        found.setdefault(message.index, []).append(message)
    return {place: tuple(those) for place, those in found.items()}


def _row(meter: Meter, change: Change, changed: Mapping[int | None, str]) -> dict[str, Any]:
    """One change; a message that grew is `extended`: by a note, where the model takes none as a message of its own, or by recall."""
    message = change.before or change.after
    index = change.before.index if change.before else None
    cap = SHOWN // 10 if change.state == "kept" else SHOWN
    sides = {"before": change.before, "after": None if change.state == "kept" else change.after}
    before, after = (meter.message(one) if one else 0 for one in (change.before, change.after))
    grew = bool(change.before and after > before)
    return {
        "state": "extended" if grew else change.state,
        "index": index,
        "role": message.role if message else "",
        "pass": None if change.state == "kept" else changed.get(None if grew else index),
        "tokens_before": before,
        "tokens_after": after,
        **{side: _shown(one, cap) if one else None for side, one in sides.items()},
    }


def _shown(message: Message, cap: int) -> str:
    r"""What a reader sees of a message, its calls included, and how much of it is left out.

    >>> from token_guard.conversation import Text
    >>> _shown(Message("user", (Text("abcdef"),)), 4)
    'abcd\n… 2 more characters'
    """
    text = "\n".join(filter(None, [message.text, *(f"{call.name}({call.arguments})" for call in message.calls)]))
    return text if len(text) <= cap else f"{text[:cap]}\n… {len(text) - cap:,} more characters"
