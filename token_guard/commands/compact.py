"""`token-guard compact`: the request as it would be forwarded, or what became of each of its messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console

from token_guard.commands.inputs import InputError, model_or, read_text, request_in
from token_guard.commands.printable import printable
from token_guard.commands.progress import waiting
from token_guard.commands.recent import Newest, newest
from token_guard.conversation import Conversation, Message
from token_guard.conversation.diff import Change, State, compare
from token_guard.counting import Meter, meter_for
from token_guard.errors import ContextOverflowError
from token_guard.formats import Unreadable, format_for
from token_guard.guard import Guard
from token_guard.report import Fitted, Report

__all__ = ["Compacted", "Overflow", "compact"]

COLOURS: Mapping[State, str] = {"kept": "dim", "masked": "yellow", "shortened": "yellow", "dropped": "red", "inserted": "green"}

PATIENT_CHARACTERS = 16_000_000
"""Characters of a request that all passes read in half a minute; of a longer one the oldest messages go, as in a proxy whose time is up."""

HURRIED = "so long a request is compacted as a proxy does whose time is up: its oldest messages go, and no account of them is written"

SHOWN_LINES = 6
"""Lines of a message that a diff shows: enough to recognise it, and a placeholder or a short summary whole."""


@dataclass(frozen=True, slots=True)
class Overflow:
    """A request that cannot be made to fit."""

    error: ContextOverflowError
    found: bool = True

    def as_json(self) -> Mapping[str, Any]:
        """The arithmetic."""
        return {"error": str(self.error), "tokens": self.error.tokens, "allowed": self.error.allowed, "parts": self.error.parts}

    def show(self, _out: Console, remarks: Console, /) -> None:
        """The arithmetic, in the words that a client of the proxy gets; there is nothing to pipe."""
        remarks.print(str(self.error), style="red", soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Compacted:
    """A fitted request, and the changes to its messages when those were asked for."""

    fitted: Fitted
    meter: Meter
    changes: tuple[Change, ...] | None = None
    found: bool = False
    remarks: tuple[str, ...] = ()

    def as_json(self) -> Mapping[str, Any]:
        """The request and the report on it; with a line per message instead of the request for a diff."""
        report = self.fitted.report.as_json()
        if self.changes is None:
            return {"request": self.fitted.request, "report": report}
        return {"changes": [_change_as_json(self.meter, change) for change in self.changes], "report": report}

    def show(self, out: Console, remarks: Console, /) -> None:
        """The request as JSON, to be piped on; or the diff. A summary beside it."""
        if self.changes is None:
            out.out(json.dumps(self.fitted.request, indent=2), highlight=False)
        for change in self.changes or ():
            _show_change(out, self.meter, change)
        for line in (*_summary(self.fitted.report), *self.remarks):
            remarks.print(line, soft_wrap=True)


def compact(name: str, model: str | None, max_input_tokens: int | None, diff: bool) -> Compacted | Overflow:
    """Fit the request in the file `name` ("-" is standard input); raises InputError when there is none in it."""
    with waiting("compacting"):
        text = read_text(name)
        request, is_long = request_in(text), len(text) > PATIENT_CHARACTERS
        if request is None:
            raise InputError(f"{name}: not a chat request: expected JSON with messages, or a list of messages")
        read, chosen = _read(name, {**request, "model": model_or(model, request)})
        try:
            guard = Guard().hurried if is_long else Guard()
            fitted = guard.process(chosen, max_input_tokens=max_input_tokens, mode="enforce")
        except ContextOverflowError as error:
            return Overflow(error)
        changes = compare(read.conversation.messages, _parsed(name, fitted.request).messages) if diff else None
    remarks = (read.remark, HURRIED if is_long and fitted.report.action == "compacted" else "")
    return Compacted(fitted, meter_for(str(chosen["model"])), changes, remarks=tuple(filter(None, remarks)))


def _read(name: str, request: Mapping[str, Any]) -> tuple[Newest, Mapping[str, Any]]:
    """What there is to compact, and the request that it is."""
    format_, found = format_for(None, request), newest(_parsed(name, request))
    if not found.left_out or format_ is None:
        return found, request
    shortened = format_.render(found.conversation)
    return Newest(_parsed(name, shortened), found.left_out), shortened


def _parsed(name: str, request: Mapping[str, Any]) -> Conversation:
    format_ = format_for(None, request)
    conversation = format_.parse(request) if format_ else Unreadable("unknown shape")
    if isinstance(conversation, Unreadable):
        raise InputError(f"{name}: not a chat request: {conversation.reason}")
    return conversation


def _summary(report: Report) -> Iterator[str]:
    cap = f"{report.budget.allowed:,} allowed of {report.limit.max_input_tokens:,} ({report.limit.source})"
    yield f"{report.action}: {report.tokens_before:,} -> {report.tokens_after:,} tokens; {cap}; retention {report.retention:.0%}"
    if report.epochs:
        kept = ", ".join(f"{name.replace('_', ' ')} {share:.0%}" for name, share in asdict(report.quality.by_class).items())
        rules = f"{report.rules.kept} of {report.rules.found} rules"
        yield f"  changes told {report.quality.changes:.0%}; {rules}; relevance {report.quality.relevance:.0%}"
        yield f"  kept: names {report.quality.names:.0%}, {kept}"
        yield f"  {report.compression_ratio:.0%} of the client's tokens, {report.utilisation:.0%} of what is allowed"
    for step in report.steps:
        yield f"  {step.name}: {step.tokens_before:,} -> {step.tokens_after:,}, {step.outcome}"
    if report.note:
        yield f"  {report.note}"


def _change_as_json(meter: Meter, change: Change) -> dict[str, Any]:
    sides = {"before": change.before, "after": change.after}
    tokens = {f"tokens_{side}": meter.message(message) if message else 0 for side, message in sides.items()}
    message = change.before or change.after
    return {"state": change.state, "index": change.before and change.before.index, "role": message and message.role, **tokens}


def _show_change(out: Console, meter: Meter, change: Change) -> None:
    row = _change_as_json(meter, change)
    place = "    " if row["index"] is None else f"{row['index']:4}"
    tokens = f"{row['tokens_before']:,}" if change.state == "kept" else f"{row['tokens_before']:,} -> {row['tokens_after']:,}"
    out.print(f"{place} {change.state:9} {row['role']:9} {tokens} tokens", style=COLOURS[change.state], soft_wrap=True)
    if change.state == "kept":
        return
    for sign, style, message in (("-", "red", change.before), ("+", "green", change.after)):
        for line in _excerpt(message) if message else ():
            out.print(f"     {sign} {line}", style=style, soft_wrap=True)


def _excerpt(message: Message) -> Iterator[str]:
    calls = [f"{call.name}({call.arguments})" for call in message.calls]
    lines = [line for line in (*message.text.splitlines(), *calls) if line.strip()]
    yield from (_clipped(line) for line in lines[:SHOWN_LINES])
    if len(lines) > SHOWN_LINES:
        yield f"... {len(lines) - SHOWN_LINES:,} more lines"


def _clipped(line: str, width: int = 160) -> str:
    """The line, or its head where it is longer than `width`.

    >>> _clipped("abcdef", 4)
    'abc…'
    """
    head = line if len(line) <= width else f"{line[: width - 1]}…"
    return printable(head.expandtabs(4))
