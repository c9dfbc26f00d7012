"""Pass 1: near-identical tool results collapse to the newest, with a pointer to it; what repeats its own call keeps what it adds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise

from token_guard.compaction import Counter, Draft, Goal
from token_guard.compaction.clip import NAME_CHARS, clipped
from token_guard.compaction.echoes import without_echo
from token_guard.compaction.pins import tail_start
from token_guard.conversation import Message, Text, ToolCall, ToolResult
from token_guard.conversation.paired import paired
from token_guard.conversation.windows import windows
from token_guard.marks import is_placeholder, mark

__all__ = ["Deduplicate", "simhash"]

BITS = 64

FEW_LINES = 8
"""A text of fewer lines is compared by its words, two at a time."""

SAME_SHARE = 0.9
"""SimHash proposes, the features decide: this share of both texts' features must be the same."""

LANES = tuple(sum(((byte >> bit) & 1) << (32 * bit) for bit in range(8)) for byte in range(256))
"""A byte's bits spread out into eight counters of 32 bits, so that adding one integer counts eight bits."""


@dataclass(frozen=True)
class _Seen:
    text: str
    tool: str

    @cached_property
    def listed(self) -> tuple[str, ...]:
        return tuple(_features(self.text))

    @cached_property
    def features(self) -> frozenset[str]:
        return frozenset(self.listed)

    @cached_property
    def hash(self) -> int:
        return _simhash(self.listed)


@dataclass(frozen=True, slots=True)
class _Later:
    """Results that were looked at, newest first, and the features of all that another one was compared with: one alone has none to
    be looked for."""

    results: list[_Seen] = field(default_factory=list)
    new: list[_Seen] = field(default_factory=list)
    features: set[str] = field(default_factory=set)

    def add(self, result: _Seen) -> None:
        self.results.append(result)
        self.new.append(result)

    def may_have(self, result: _Seen) -> bool:
        """Whether a twin is possible at all: of any few more than a twin may lack, it has one. Of the longest, others have few."""
        if not self.results:
            return False
        self.features.update(*(other.features for other in self.new))
        self.new.clear()
        lacking = int(len(result.features) * (1 / SAME_SHARE - 1))
        return not self.features.isdisjoint(sorted(result.features, key=len)[-lacking - 1 :])


@dataclass(frozen=True, slots=True)
class Deduplicate:
    """Replaces an older tool result by a pointer when a later one says nearly the same, or by what it adds to its own call."""

    max_distance: int = 12
    min_tokens: int = 80
    exempt_tools: tuple[str, ...] = ()
    name: str = "deduplicate"

    def __call__(self, draft: Draft, goal: Goal, counter: Counter) -> Draft:
        del goal  # what stands there twice is never worth its room
        calls = {(pair.answered, pair.call.id): pair.call for pair in paired(draft.messages)}
        messages = list(draft.messages)
        later = _Later()
        recent = tail_start(draft.messages)
        for place in range(len(messages) - 1, -1, -1):
            answered = {one.call_id: calls[place, one.call_id] for one in messages[place].results if (place, one.call_id) in calls}
            messages[place] = self._collapsed(messages[place], place >= recent, answered, later, counter)
        return replace(draft, messages=tuple(messages))

    def _collapsed(self, message: Message, recent: bool, calls: dict[str, ToolCall], later: _Later, counter: Counter) -> Message:
        for place, part in enumerate(message.parts):
            if not isinstance(part, ToolResult) or is_placeholder(message, place):
                continue
            call = calls.get(part.call_id)
            if self._considered(part, call, counter):
                current = _Seen(part.text, call.name if call else "tool")
                twin = None if recent or not later.may_have(current) else self._twin(current, later.results)
                instead = _pointer(twin, part.text) if twin else without_echo(call, part.text) if call and not recent else None
                if instead is not None and counter.text(instead) < counter.text(part.text):
                    message = message.with_part(place, replace(part, content=(Text(instead),)))
                if not twin:
                    later.add(current)
        return message

    def _considered(self, result: ToolResult, call: ToolCall | None, counter: Counter) -> bool:
        exempt = call is not None and call.name in self.exempt_tools
        return not result.has_media and not exempt and counter.text(result.text) >= self.min_tokens

    def _twin(self, current: _Seen, seen: Sequence[_Seen]) -> _Seen | None:
        near = (other for other in seen if (other.hash ^ current.hash).bit_count() <= self.max_distance)
        return next((other for other in near if _overlap(other.features, current.features) >= SAME_SHARE), None)


def simhash(text: str) -> int:
    """Charikar's SimHash (STOC 2002) of 64 bits over the lines of a text, or over pairs of words of a short one.

    >>> (simhash("a b c d e") ^ simhash("a b c d e")).bit_count()
    0
    """
    return _simhash(_features(text))


def _simhash(features: Iterable[str]) -> int:
    totals, count = [0] * (BITS // 8), 0
    for feature in features:
        digest = blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=BITS // 8).digest()
        totals = [total + LANES[byte] for total, byte in zip(totals, digest, strict=True)]
        count += 1
    bits = (((total >> (32 * bit)) & 0xFFFFFFFF) * 2 > count for total in totals for bit in range(8))
    return sum(bit << place for place, bit in enumerate(bits))


def _features(text: str) -> Iterator[str]:
    lines = [line for part in windows(text) for line in filter(None, map(str.strip, part.splitlines()))]
    if len(lines) >= FEW_LINES:
        yield from lines
        return
    words = (match[0] for match in re.finditer(r"\w+", text))
    yield from (f"{first} {second}" for first, second in pairwise(words))


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))


def _pointer(later: _Seen, text: str) -> str:
    tool = clipped(later.tool, NAME_CHARS)
    return mark(f"output of {tool}, {text.count(chr(10)) + 1:,} lines, nearly the same as a later output of {tool} below")
