"""Pass 3: the oldest exchanges go; then what is longest is cut, and the last user message last of all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush

from token_guard.compaction import Counter, Draft, Goal
from token_guard.compaction.narrowing import without_notes
from token_guard.compaction.oldest import without_oldest
from token_guard.compaction.parts import part_tokens, without_attachments, without_middle
from token_guard.compaction.pins import pins
from token_guard.compaction.shorten import shorten
from token_guard.compaction.standing import with_rules
from token_guard.conversation import Message, Part, Text, ToolCall, ToolResult
from token_guard.conversation.written import written
from token_guard.marks import is_note

__all__ = ["Truncate"]

ROUNDS = 200
"""Each round cuts one part to the size of the next longest or further, so that a request has far fewer."""


SMALL_PART, LARGE_PART = 100, 4
"""Of what is allowed, older words that take less than a hundredth are cut only after the middle of newest outputs that take more than a
quarter: cutting them frees nothing."""


@dataclass(frozen=True, slots=True)
class Truncate:
    """Drops down to the target, and cuts protected messages only as far as what they may count demands."""

    head_share: float = 0.6
    min_tokens: int = 64
    max_directives: int = 64
    """So many of the user's rules in what went are told in a note."""
    tells: bool = True
    """Whether what goes is remembered, for notes on it."""
    name: str = "truncate"

    def __call__(self, draft: Draft, goal: Goal, counter: Counter) -> Draft:
        last_note = max((place for place, message in enumerate(draft.messages) if is_note(message)), default=0)
        shorter = without_oldest(draft, goal.target, counter, after=last_note, least=goal.least, remembered=self.tells)
        shorter = without_oldest(shorter, goal.allowed, counter, remembered=self.tells)
        if counter.messages(shorter.messages) > goal.most:
            shorter = without_oldest(shorter, goal.most, counter, stays=_called_for(shorter.messages), remembered=self.tells)
        if counter.messages(shorter.messages) <= goal.most:
            return self._with_rules(shorter, draft, goal, counter)
        rules = shorter.ledger.rules
        messages = without_notes(shorter.messages, goal.most, counter, rules)
        if counter.messages(messages) > goal.most:
            messages = without_notes(self._cut(shorter.messages, goal, counter), goal.most, counter, rules)
        left = self._with_rules(replace(shorter, messages=messages), draft, goal, counter)
        left = without_oldest(left, goal.most, counter, stays=pins(left.messages).last, remembered=self.tells)
        return replace(left, messages=without_attachments(left.messages, goal.most, counter))

    def _with_rules(self, left: Draft, before: Draft, goal: Goal, counter: Counter) -> Draft:
        """What is left with the rules that it has to tell, in what is allowed and in less than there was before."""
        limit = max(goal.allowed, min(goal.most, counter.messages(left.messages)))
        limit = min(limit, counter.messages(before.messages) - 1)
        return with_rules(left, goal, counter, limit, self.max_directives) if self.tells and self.max_directives else left

    def _cut(self, messages: tuple[Message, ...], goal: Goal, counter: Counter) -> tuple[Message, ...]:
        """The messages with what matters least cut first, as far as they have to be."""
        for stage in _stages(messages):
            least = max(self.min_tokens, goal.most // stage.larger_than if stage.larger_than else 0)
            messages = self._cut_longest(messages, stage.places, goal.most, least, counter)
            if not stage.larger_than:
                messages = without_middle(messages, stage.places, goal.most, counter, self.head_share)
        return messages

    def _cut_longest(
        self, messages: tuple[Message, ...], places: Sequence[tuple[int, int]], allowed: int, least: int, counter: Counter
    ) -> tuple[Message, ...]:
        """The messages with the longest of these parts cut, one after the other, each to the size of the next or further."""
        excess = counter.messages(messages) - allowed if places else 0
        if excess <= 0:
            return messages
        done = list(messages)
        waiting = [(-_tokens(messages[number].parts[place], counter), number, place) for number, place in places]
        heapify(waiting)
        for _ in range(ROUNDS):
            if excess <= 0 or not waiting or -waiting[0][0] <= least:
                break
            size, number, place = -waiting[0][0], waiting[0][1], waiting[0][2]
            heappop(waiting)
            level = -waiting[0][0] * 9 // 10 if waiting else 0
            message = done[number]
            new = self._shortened(message.parts[place], max(least, level, size - excess), counter)
            freed = part_tokens(message, message.parts[place], counter) - part_tokens(message, new, counter)
            if freed > 0:
                done[number] = message.with_part(place, new)
                excess -= freed
                heappush(waiting, (-_tokens(new, counter), number, place))
        return tuple(done)

    def _shortened(self, part: Part, tokens: int, counter: Counter) -> Part:
        if isinstance(part, Text):
            return replace(part, text=shorten(part.text, tokens, counter, self.head_share))
        if isinstance(part, ToolResult):
            return replace(part, content=(Text(shorten(part.text, tokens, counter, self.head_share)),))
        if isinstance(part, ToolCall):
            return replace(part, arguments=_shortened_arguments(part.arguments, tokens, counter))
        return part


@dataclass(frozen=True, slots=True)
class _Stage:
    """Places that may be cut, or only those of them that take more than such a part of what is allowed."""

    places: list[tuple[int, int]]
    larger_than: int | None = None


def _stages(messages: Sequence[Message]) -> Iterator[_Stage]:
    """What may be cut, what matters least first: older messages that are long, the middle of a newest output that fills the window,
    other older messages, what opened the session, rules that were loaded, the plan, the newest turn, the running task, the user's last
    words. Notes are never cut: they go, or lose lines."""
    stays = pins(messages)
    cuttable = [(number, place) for number, message in enumerate(messages) for place in _cuttable(message)]
    words = {place for place in cuttable if place[0] in stays.last_words and isinstance(messages[place[0]].parts[place[1]], Text)}
    task = {place for place in cuttable if place[0] in stays.task} - words
    newest = {place for place in cuttable if place[0] in stays.newest} - words - task
    plan = {place for place in cuttable if place[0] in stays.plan} - words - task - newest
    rules = {place for place in cuttable if place[0] in stays.rules} - words - task - newest - plan
    later = words | task | newest | plan | rules
    older = [place for place in cuttable if place not in later]
    opening = {place for place in older if place[0] in stays.opening}
    yield _Stage(older, larger_than=SMALL_PART)
    yield _Stage(sorted(newest), larger_than=LARGE_PART)
    yield _Stage([place for place in older if place not in opening])
    yield from (_Stage(sorted(places)) for places in (opening, rules, plan, newest, task, words))


def _called_for(messages: Sequence[Message]) -> frozenset[int]:
    """What is pinned, but for tools that were loaded once and that nothing left calls; those loaded last stay. They can be searched for
    again, which nobody can do with the task."""
    stays = pins(messages)
    names = {call.name for message in messages for call in message.calls}
    used = (place for place in stays.tools if any(name in messages[place].full_text for name in names))
    return replace(stays, tools=frozenset([*used, *sorted(stays.tools)[-1:]])).all


def _cuttable(message: Message) -> Iterator[int]:
    """The places of the parts of a message that may be cut."""
    if message.instructs or message.reasons or is_note(message):
        return
    for place, part in enumerate(message.parts):
        if isinstance(part, (Text, ToolCall)) or (isinstance(part, ToolResult) and not part.has_media):
            yield place


def _tokens(part: Part, counter: Counter) -> int:
    return counter.text(part.arguments if isinstance(part, ToolCall) else part.text if isinstance(part, (Text, ToolResult)) else "")


def _shortened_arguments(arguments: str, tokens: int, counter: Counter) -> str:
    """JSON whose longest string is cut; anything else is left alone."""
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    strings = [key for key, inner in value.items() if isinstance(inner, str)] if isinstance(value, dict) else []
    if not strings:
        return arguments
    longest = max(strings, key=lambda key: len(value[key]))
    rest = counter.text(arguments) - counter.text(value[longest])
    return written({**value, longest: shorten(value[longest], max(8, tokens - rest), counter)})
