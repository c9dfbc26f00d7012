"""Pass 0: old tool outputs become placeholders that say what was there and quote its lines that matter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from token_guard.compaction import Counter, Draft, Goal
from token_guard.compaction.clip import NAME_CHARS, clipped
from token_guard.compaction.edits import held_for_edits
from token_guard.compaction.kinds import headline, kind_of
from token_guard.compaction.ledger import as_sent
from token_guard.compaction.lines import LINE_CHARS, telling
from token_guard.compaction.outcomes import status_of
from token_guard.compaction.pins import pins, tail_start
from token_guard.compaction.reports import verdict
from token_guard.compaction.shorten import fitting, shorten
from token_guard.compaction.units import units_of
from token_guard.compaction.weights import weights_of
from token_guard.conversation import Message, Part, Text, ToolCall, ToolResult
from token_guard.conversation.paired import tool_names
from token_guard.formats.retrieval import key_of
from token_guard.marks import INDENT, is_note, is_placeholder, mark, quoted
from token_guard.speech import is_observation, outputs_of

__all__ = ["MaskObservations"]

QUOTED_SHARE = 0.30
"""Lines may take this share of what is masked, at least `placeholder_tokens`, at most `MAX_QUOTED` times that:
where facts were lost in measurements, they were lost in bursts, names of one long file that a later edit needed. On recorded
agents' sessions 0.10 and 4 times lost three times as many, for the same bill."""

MAX_QUOTED = 20

LARGE_PART = 2
"""An output of more than this part of what is left at least is cut to fill that up: a placeholder in its place would empty the window."""

PLACEHOLDER = 30
"""What a placeholder takes without lines, about."""


@dataclass(frozen=True, slots=True)
class MaskObservations:
    """Masks the oldest tool outputs first, and shortens bulky strings in old tool-call arguments.

    With `only_if_enough` it leaves everything to the next pass where placeholders alone cannot reach the target: of what they
    would keep, that pass leaves little.
    """

    min_tokens: int = 80
    keep_recent: float = 0.4
    placeholder_tokens: int = 60
    exempt_tools: tuple[str, ...] = ()
    argument_tokens: int = 200
    only_if_enough: bool = False
    keyed: bool = False
    """Whether a placeholder names the key of its original, because the model can ask for that."""
    name: str = "mask_observations"

    def __call__(self, draft: Draft, goal: Goal, counter: Counter) -> Draft:
        messages = list(draft.messages)
        tokens = counter.messages(messages)
        recent = self._recent_start(messages, goal, counter)
        if self.only_if_enough and tokens - self._gain(messages[:recent], counter) > goal.target:
            return draft
        if tokens <= goal.target:
            return draft
        view = _View.of(messages)
        stays = pins(draft.messages)
        held = _held_for_edits(draft.messages)
        for place in sorted(frozenset(range(recent)) - stays.plan - stays.rules - stays.tools, key=lambda place: (place in held, place)):
            if tokens <= goal.target:
                break
            size = counter.message(messages[place])
            left = goal.least - (tokens - size) - PLACEHOLDER if size > goal.least // LARGE_PART else 0
            masked = self._masked(messages[place], view.at(place, left, messages[place]), counter)
            tokens -= size - counter.message(masked)
            messages[place] = masked
        return replace(draft, messages=tuple(messages))

    def _recent_start(self, messages: Sequence[Message], goal: Goal, counter: Counter) -> int:
        """Where the newest outputs begin that stay: by tokens, not by count."""
        room = self.keep_recent * goal.target
        start = tail_start(messages)
        while start > 0:
            room -= counter.message(messages[start - 1]) if outputs_of(messages[start - 1]) else 0
            if room < 0:
                break
            start -= 1
        return start

    def _gain(self, messages: Sequence[Message], counter: Counter) -> int:
        """About how many tokens fewer there are once these messages are masked."""
        outputs = (counter.text(output) for message in messages for output in outputs_of(message))
        arguments = (counter.text(call.arguments) for message in messages for call in message.calls)
        masked = sum(max(0, size - PLACEHOLDER - self._quote_room(size)) for size in outputs)
        return masked + sum(max(0, size - self.argument_tokens) for size in arguments)

    def _quote_room(self, size: int) -> int:
        """Room for the lines of an output of this size."""
        return min(max(self.placeholder_tokens, int(size * QUOTED_SHARE)), self.placeholder_tokens * MAX_QUOTED)

    def _masked(self, message: Message, view: _View, counter: Counter) -> Message:
        observed = is_observation(message)
        parts = tuple(
            part if is_placeholder(message, place) else self._masked_part(part, whole, view, counter, observed=observed)
            for place, (part, whole) in enumerate(_with_originals(message))
        )
        return replace(message, parts=parts) if parts != message.parts else message

    def _masked_part(self, part: Part, whole: Part, view: _View, counter: Counter, *, observed: bool) -> Part:
        if isinstance(part, ToolResult):
            return self._masked_result(part, whole if isinstance(whole, ToolResult) else part, view, counter)
        if observed and isinstance(part, Text):
            return self._masked_text(part, whole if isinstance(whole, Text) else part, view, counter)
        if isinstance(part, ToolCall):
            return self._shortened_call(part, counter)
        return part

    def _masked_result(self, result: ToolResult, whole: ToolResult, view: _View, counter: Counter) -> ToolResult:
        tool, text = view.tools.get((view.place, result.call_id), "tool"), result.text
        size = counter.text(text)
        if tool in self.exempt_tools or (size < self.min_tokens and not result.has_media):
            return result
        placeholder = self._instead(tool, result, whole, view, counter)
        smaller = result.has_media or counter.text(placeholder) < size
        return replace(result, content=(Text(placeholder),)) if smaller else result

    def _masked_text(self, part: Text, whole: Text, view: _View, counter: Counter) -> Text:
        """An output that came as the words of a user message."""
        size = counter.text(part.text)
        if size < self.min_tokens:
            return part
        placeholder = replace(self, keyed=False)._instead("a tool", part, whole, view, counter)
        return replace(part, text=placeholder) if counter.text(placeholder) < size else part

    def _instead(self, tool: str, part: Text | ToolResult, whole: Text | ToolResult, view: _View, counter: Counter) -> str:
        """What stands in the place of an output: a placeholder, or head and tail of it where a placeholder would leave too little."""
        placeholder = self._placeholder(tool, whole.text, self._quote_room(counter.text(part.text)), view, counter)
        return placeholder if counter.text(placeholder) >= view.least else shorten(part.text, view.least, counter)

    def _placeholder(self, tool: str, text: str, room: int, view: _View, counter: Counter) -> str:
        size, error = counter.text(text), verdict(text)
        said = (
            clipped(tool, NAME_CHARS),
            quoted(headline(text, kind_of(text))),
            f"{text.count(chr(10)) + 1:,} lines",
            f"{size:,} tokens",
            status_of(text),
            clipped(error, LINE_CHARS),
            f"original: {key_of(text)}" if self.keyed else "",
        )
        head = "output of " + ", ".join(filter(None, said))
        lines = telling(text, view.weights)
        chosen = fitting((INDENT + line.text for line in lines if line.text not in head), room, counter)
        places = {INDENT + line.text: line.place for line in lines}
        return mark("\n".join([f"{head}, of which:" if chosen else head, *sorted(chosen, key=places.__getitem__)]))

    def _shortened_call(self, call: ToolCall, counter: Counter) -> ToolCall:
        if len(call.arguments) <= self.argument_tokens:
            return call
        try:
            arguments = json.loads(call.arguments)
            short = _shorten_strings(arguments, self.argument_tokens, counter)
            return call if short == arguments else replace(call, arguments=json.dumps(short, ensure_ascii=False))
        except (ValueError, RecursionError):  # a model stuck in a loop nests them thousands deep
            return call


@dataclass(frozen=True, slots=True)
class _View:
    """What the placeholders need to know of the other messages: who made a call, which names matter, where the message stands, and how
    many tokens are to be left of an output at least, so that a window that one of them filled is not emptied with it."""

    tools: Mapping[tuple[int, str], str]
    weights: Mapping[str, float]
    place: int = 0
    least: int = 0

    @classmethod
    def of(cls, messages: Sequence[Message]) -> _View:
        return cls(tool_names(messages), weights_of([as_sent(message) for message in messages if not is_note(message)]))

    def at(self, place: int, tokens: int, message: Message) -> _View:
        """The same for the message at a place, where so many tokens are to be left of its outputs."""
        outputs = sum(1 for _ in outputs_of(message))
        return replace(self, place=place, least=max(0, tokens) // outputs if outputs else 0)


def _held_for_edits(messages: Sequence[Message]) -> frozenset[int]:
    """Places of what the next edit may have to quote: it goes when nothing else can."""
    units = units_of(messages)
    held = held_for_edits(units)
    return frozenset(place for unit in units if unit.start in held for place in range(unit.start, unit.stop))


def _with_originals(message: Message) -> Iterator[tuple[Part, Part]]:
    """The parts of a message, each with what the client sent in its place: what an earlier pass cut is told from that."""
    sent = message.origin.parts if message.origin else ()
    for place, part in enumerate(message.parts):
        yield part, sent[place] if place < len(sent) else part


def _shorten_strings(value: Any, tokens: int, counter: Counter) -> Any:
    if isinstance(value, str):
        return shorten(value, tokens, counter) if len(value) > tokens else value
    if isinstance(value, dict):
        return {key: _shorten_strings(inner, tokens, counter) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shorten_strings(inner, tokens, counter) for inner in value]
    return value
