"""Pass 0: old tool outputs become placeholders that say what was there and keep its key values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from token_guard.compaction import Counter, Draft, Goal, facts
from token_guard.compaction.kinds import headline, kind_of
from token_guard.compaction.pins import pins, tail_start
from token_guard.compaction.shorten import shorten
from token_guard.conversation import Message, Part, Text, ToolCall, ToolResult, tool_names
from token_guard.marks import OPEN, is_marked, mark

__all__ = ["MaskObservations"]

KEY_SHARE = 0.30
"""Key values may take this share of what is masked, at least `placeholder_tokens`, at most `MAX_KEYS` times that:
where facts were lost in measurements, they were lost in bursts, names of one long file that a later edit needed. On recorded
agents' sessions 0.10 and 4 times lost three times as many, for the same bill."""

MAX_KEYS = 20

PLACEHOLDER = 30
"""What a placeholder takes without key values, about."""

USED, DEFINED, PATH, ANY = 4.0, 2.0, 1.0, 1.0
"""What speaks for a name: a later call used it, the text defines it, it is a path, it is one."""


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
        view = _View.of(messages)
        stays = pins(messages)
        for place in sorted(frozenset(range(recent)) - stays.plan - stays.rules):
            if tokens <= goal.target:
                break
            masked = self._masked(messages[place], place, view, counter)
            tokens -= counter.message(messages[place]) - counter.message(masked)
            messages[place] = masked
        return replace(draft, messages=tuple(messages))

    def _recent_start(self, messages: Sequence[Message], goal: Goal, counter: Counter) -> int:
        """Where the newest outputs begin that stay: by tokens, not by count."""
        room = self.keep_recent * goal.target
        start = tail_start(messages)
        while start > 0:
            room -= counter.message(messages[start - 1]) if messages[start - 1].results else 0
            if room < 0:
                break
            start -= 1
        return start

    def _gain(self, messages: Sequence[Message], counter: Counter) -> int:
        """About how many tokens fewer there are once these messages are masked."""
        outputs = (counter.text(result.text) for message in messages for result in message.results)
        arguments = (counter.text(call.arguments) for message in messages for call in message.calls)
        masked = sum(max(0, size - PLACEHOLDER - self._key_room(size)) for size in outputs)
        return masked + sum(max(0, size - self.argument_tokens) for size in arguments)

    def _key_room(self, size: int) -> int:
        """Room for the key values of an output of this size."""
        return min(max(self.placeholder_tokens, int(size * KEY_SHARE)), self.placeholder_tokens * MAX_KEYS)

    def _masked(self, message: Message, place: int, view: _View, counter: Counter) -> Message:
        parts = tuple(self._masked_part(part, place, view, counter) for part in message.parts)
        return replace(message, parts=parts) if parts != message.parts else message

    def _masked_part(self, part: Part, place: int, view: _View, counter: Counter) -> Part:
        if isinstance(part, ToolResult):
            return self._masked_result(part, place, view, counter)
        if isinstance(part, ToolCall):
            return self._shortened_call(part, counter)
        return part

    def _masked_result(self, result: ToolResult, place: int, view: _View, counter: Counter) -> ToolResult:
        tool, text = view.tools.get(result.call_id, "tool"), result.text
        size = counter.text(text)
        if tool in self.exempt_tools or is_marked(text) or (size < self.min_tokens and not result.has_media):
            return result
        placeholder = self._placeholder(result, place, view, counter)
        smaller = result.has_media or counter.text(placeholder) < size
        return replace(result, content=(Text(placeholder),)) if smaller else result

    def _placeholder(self, result: ToolResult, place: int, view: _View, counter: Counter) -> str:
        text, tool = result.text, view.tools.get(result.call_id, "tool")
        size, errors = counter.text(text), facts.error_lines(text)
        said = (tool, _told(text), f"{text.count(chr(10)) + 1:,} lines", f"{size:,} tokens", "with errors" if errors else "")
        head = "output of " + ", ".join(filter(None, said))
        room = self._key_room(size)
        quoted = [shorten(line, room // 2, counter) for line in errors[-1:]]
        keys = _key_values(text, place, view, room - sum(map(counter.text, quoted)), counter)
        return mark("; ".join(piece for piece in (head, "key values: " + " ".join(keys) if keys else "", *quoted) if piece))

    def _shortened_call(self, call: ToolCall, counter: Counter) -> ToolCall:
        if len(call.arguments) <= self.argument_tokens:
            return call
        try:
            arguments = json.loads(call.arguments)
        except ValueError:
            return call
        short = _shorten_strings(arguments, self.argument_tokens, counter)
        return call if short == arguments else replace(call, arguments=json.dumps(short, ensure_ascii=False))


@dataclass(frozen=True, slots=True)
class _View:
    """What the placeholders need to know of the other messages: who made a call, and which later call used a name last."""

    tools: Mapping[str, str]
    last_use: Mapping[str, int]

    @classmethod
    def of(cls, messages: Sequence[Message]) -> _View:
        tools = tool_names(messages)
        last_use = {name: place for place, message in enumerate(messages) for call in message.calls for name in facts.names(call.arguments)}
        return cls(tools, last_use)


def _told(text: str) -> str:
    """What was there, if there is anything to say; what is counted of a text that was cut is what the cut left."""
    told = headline(text, kind_of(text))
    return f"already cut to {told}" if told and OPEN in text else told


def _key_values(text: str, place: int, view: _View, room: int, counter: Counter) -> list[str]:
    """The names that matter most, in the order of the text, as many as have room (in tokens)."""
    defined = frozenset(facts.definitions(text))
    found = list(dict.fromkeys([*facts.names(text), *facts.definitions(text)]))
    weights = {
        name: ANY + USED * (view.last_use.get(name, -1) > place) + DEFINED * (name in defined) + PATH * ("/" in name) for name in found
    }
    chosen = frozenset(facts.worthiest(weights, room, counter))
    return [name for name in found if name in chosen]


def _shorten_strings(value: Any, tokens: int, counter: Counter) -> Any:
    if isinstance(value, str):
        return shorten(value, tokens, counter) if len(value) > tokens else value
    if isinstance(value, dict):
        return {key: _shorten_strings(inner, tokens, counter) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shorten_strings(inner, tokens, counter) for inner in value]
    return value
