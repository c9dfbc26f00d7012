"""Pass 0: old tool outputs become placeholders that say what was there and quote its lines that matter."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from token_guard.compaction import Counter, Draft, Goal, facts
from token_guard.compaction.clip import NAME_CHARS, clipped
from token_guard.compaction.kinds import headline, kind_of
from token_guard.compaction.ledger import as_sent
from token_guard.compaction.lines import LINE_CHARS, telling
from token_guard.compaction.pins import pins, tail_start
from token_guard.compaction.shorten import fitting, shorten
from token_guard.compaction.steps import status_of
from token_guard.compaction.weights import weights_of
from token_guard.conversation import Message, Part, Text, ToolCall, ToolResult, tool_names
from token_guard.marks import INDENT, is_marked, is_note, mark, quoted
from token_guard.speech import is_observation, outputs_of

__all__ = ["MaskObservations"]

QUOTED_SHARE = 0.30
"""Lines may take this share of what is masked, at least `placeholder_tokens`, at most `MAX_QUOTED` times that:
where facts were lost in measurements, they were lost in bursts, names of one long file that a later edit needed. On recorded
agents' sessions 0.10 and 4 times lost three times as many, for the same bill."""

MAX_QUOTED = 20

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
        stays = pins(messages)
        for place in sorted(frozenset(range(recent)) - stays.plan - stays.rules - stays.tools):
            if tokens <= goal.target:
                break
            masked = self._masked(messages[place], view, counter)
            tokens -= counter.message(messages[place]) - counter.message(masked)
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
            self._masked_part(part, view, counter, observed=observed, cut=message.is_altered(place))
            for place, part in enumerate(message.parts)
        )
        return replace(message, parts=parts) if parts != message.parts else message

    def _masked_part(self, part: Part, view: _View, counter: Counter, *, observed: bool, cut: bool) -> Part:
        if isinstance(part, ToolResult):
            return part if cut and is_marked(part.text) else self._masked_result(part, view, counter, cut=cut)
        if observed and isinstance(part, Text):
            return part if cut and is_marked(part.text) else self._masked_text(part, view, counter, cut=cut)
        if isinstance(part, ToolCall):
            return self._shortened_call(part, counter)
        return part

    def _masked_result(self, result: ToolResult, view: _View, counter: Counter, *, cut: bool) -> ToolResult:
        tool, text = view.tools.get(result.call_id, "tool"), result.text
        size = counter.text(text)
        if tool in self.exempt_tools or (size < self.min_tokens and not result.has_media):
            return result
        placeholder = self._placeholder(tool, text, view, counter, cut=cut)
        smaller = result.has_media or counter.text(placeholder) < size
        return replace(result, content=(Text(placeholder),)) if smaller else result

    def _masked_text(self, part: Text, view: _View, counter: Counter, *, cut: bool) -> Text:
        """An output that came as the words of a user message."""
        size = counter.text(part.text)
        if size < self.min_tokens:
            return part
        placeholder = self._placeholder("a tool", part.text, view, counter, cut=cut)
        return replace(part, text=placeholder) if counter.text(placeholder) < size else part

    def _placeholder(self, tool: str, text: str, view: _View, counter: Counter, *, cut: bool) -> str:
        size, error = counter.text(text), "".join(facts.error_lines(text)[-1:])
        said = (
            clipped(tool, NAME_CHARS),
            _told(text, cut=cut),
            f"{text.count(chr(10)) + 1:,} lines",
            f"{size:,} tokens",
            status_of(text),
            clipped(error, LINE_CHARS),
        )
        head = "output of " + ", ".join(filter(None, said))
        lines = telling(text, view.weights)
        chosen = fitting((INDENT + line.text for line in lines if line.text not in head), self._quote_room(size), counter)
        places = {INDENT + line.text: line.place for line in lines}
        return mark("\n".join([f"{head}, of which:" if chosen else head, *sorted(chosen, key=places.__getitem__)]))

    def _shortened_call(self, call: ToolCall, counter: Counter) -> ToolCall:
        if len(call.arguments) <= self.argument_tokens:
            return call
        try:
            arguments = json.loads(call.arguments)
        except (ValueError, RecursionError):
            return call
        short = _shorten_strings(arguments, self.argument_tokens, counter)
        return call if short == arguments else replace(call, arguments=json.dumps(short, ensure_ascii=False))


@dataclass(frozen=True, slots=True)
class _View:
    """What the placeholders need to know of the other messages: who made a call, and which names matter."""

    tools: Mapping[str, str]
    weights: Mapping[str, float]

    @classmethod
    def of(cls, messages: Sequence[Message]) -> _View:
        return cls(tool_names(messages), weights_of([as_sent(message) for message in messages if not is_note(message)]))


def _told(text: str, *, cut: bool) -> str:
    """What was there, if there is anything to say; what is counted of a text that was cut is what the cut left."""
    told = quoted(headline(text, kind_of(text)))
    return f"already cut to {told}" if told and cut else told


def _shorten_strings(value: Any, tokens: int, counter: Counter) -> Any:
    if isinstance(value, str):
        return shorten(value, tokens, counter) if len(value) > tokens else value
    if isinstance(value, dict):
        return {key: _shorten_strings(inner, tokens, counter) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shorten_strings(inner, tokens, counter) for inner in value]
    return value
