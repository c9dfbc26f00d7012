"""What providers demand of a conversation, one function a rule.

A rule compares the client's messages with the ones to be forwarded and complains about what compaction
broke; what the client's own messages break already is the provider's to judge. Each rule names the failure
that it prevents, as seen in public reports.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from token_guard.conversation import Media, Message, Opaque, Reasoning, Text, ToolResult
from token_guard.validity.profiles import Profile

__all__ = ["FAMILY_RULES", "RULES", "complaint", "family_complaint", "in_a_row", "repeated_turns", "runs", "speaker"]

Messages: TypeAlias = Sequence[Message]
Rule: TypeAlias = Callable[[Messages, Messages], str | None]
FamilyRule: TypeAlias = Callable[[Messages, Messages, Profile], str | None]


def complaint(before: Messages, after: Messages) -> str | None:
    """The first rule that `after` breaks and `before` does not, in words; None when all hold."""
    return next((found for rule in RULES if (found := rule(before, after))), None)


def family_complaint(before: Messages, after: Messages, profile: Profile) -> str | None:
    """The same of the rules that only this family of models has."""
    return next((found for rule in FAMILY_RULES if (found := rule(before, after, profile))), None)


def results_follow_their_calls(before: Messages, after: Messages) -> str | None:
    """OpenAI, Anthropic, Gemini and Mistral refuse a tool result whose call is not right before it."""
    new = _new(_orphans, before, after)
    return f"{new.total()} tool result(s) without a call" if new else None


def calls_are_answered(before: Messages, after: Messages) -> str | None:
    """All providers refuse a tool call that the next messages do not answer."""
    new = _new(_unanswered, before, after)
    return f"{new.total()} tool call(s) without a result" if new else None


def calls_and_results_go_together(before: Messages, after: Messages) -> str | None:
    """Responses takes a result anywhere after its call, and refuses either without the other."""
    now = {call_id: surplus for call_id, surplus in _surplus(after).items() if surplus}
    known = _surplus(before) if now else Counter[str]()
    parted = sum(1 for call_id, surplus in now.items() if not min(0, known[call_id]) <= surplus <= max(0, known[call_id]))
    return f"{parted} tool call(s) parted from their results" if parted else None


def arguments_stay_json(before: Messages, after: Messages) -> str | None:
    """Arguments cut in the middle are a 400 on every later turn."""
    written = [call.arguments for message in after if message.edited for call in message.calls]
    known = {call.arguments for message in before for call in message.calls} if written else ()
    changed = (arguments for arguments in written if arguments not in known)
    return next((f"arguments are not JSON: {error}" for error in map(_json_error, changed) if error), None)


def nothing_becomes_empty(before: Messages, after: Messages) -> str | None:
    """Anthropic and Mistral refuse messages and tool results without text."""
    bare = [message for message in after if not _says_anything(message)]
    empty = {message.index for message in before if not _says_anything(message)} if bare else ()
    return next((f"an empty {message.role} message" for message in bare if message.index not in empty), None)


def instructions_stay_whole(before: Messages, after: Messages) -> str | None:
    """System and developer messages carry the operator's rules, wherever they stand."""
    kept = {message.index: message.parts for message in after}
    lost = (message for message in before if message.instructs and kept.get(message.index) != message.parts)
    return next((f"a {message.role} message was changed" for message in lost), None)


def the_last_user_message_stays(before: Messages, after: Messages) -> str | None:
    """The newest user message is what the reply has to answer."""
    asks = [message for message in before if message.role == "user" and message.asks and message.index is not None]
    alone = next((message.index for message in reversed(asks) if not message.results), None)
    wanted = {message.index for message in asks[-1:]} | ({alone} if alone is not None else set())
    return None if wanted <= {message.index for message in after} else "the last user message was removed"


def the_last_assistant_turn_is_untouched(before: Messages, after: Messages) -> str | None:
    """Anthropic refuses a changed latest assistant turn when it holds thinking; no provider wants it removed."""
    last = next((message for message in reversed(before) if message.role == "assistant"), None)
    if last is None:
        return None
    kept = next((message for message in after if message.index == last.index), None)
    if kept is None:
        return "the last assistant message was removed"
    return "the last assistant message was changed" if last.reasons and kept.parts != last.parts else None


def reasoning_stays_with_its_message(before: Messages, after: Messages) -> str | None:
    """DeepSeek and Kimi refuse call turns without their reasoning_content, Anthropic thinking without its signature."""
    edited = {message.index: _reasons(message) for message in after if message.index is not None and message.edited}
    changed = any(message.index in edited and _reasons(message) != edited[message.index] for message in before) if edited else False
    return "reasoning was changed" if changed else None


def a_tool_loop_keeps_its_opening_reasoning(before: Messages, after: Messages) -> str | None:
    """Anthropic: a tool loop that opened with thinking must still open with thinking."""
    bare = {turn.index for opener, turn in _loops(after) if turn is opener and not turn.reasons}
    lost = any(turn.index in bare and opener.reasons for opener, turn in _loops(before)) if bare else False
    return "a tool loop lost the reasoning it opened with" if lost else None


def reasoning_opens_its_turn(before: Messages, after: Messages) -> str | None:
    """Anthropic reads two assistant messages in a row as one turn, and refuses thinking that does not open a turn."""
    new = _inner_reasoning(after) - _inner_reasoning(before)
    return f"{len(new)} turn(s) with reasoning right behind another reply" if new else None


def the_first_turn_stays_a_user_turn(before: Messages, after: Messages) -> str | None:
    """Gemini and strict chat templates refuse a history that opens with the assistant or with a call."""
    opened, opens = _first_turn(before), _first_turn(after)
    return f"the history opens with {opens or 'nothing'}" if opened == "user" != opens else None


def the_last_role_stays(before: Messages, after: Messages) -> str | None:
    """A trailing assistant message made by compaction is an unwanted prefill, which new models refuse."""
    ended, ends = (messages[-1].role if messages else None for messages in (before, after))
    return f"the request ends with {ends} instead of {ended}" if ended != ends else None


def results_are_unique(before: Messages, after: Messages) -> str | None:
    """Providers refuse two results for one call."""
    new = _new(_repeated_results, before, after)
    return f"{new.total()} repeated tool result(s)" if new else None


def messages_keep_their_order(before: Messages, after: Messages) -> str | None:
    """No rule names it; every other one rests on it."""
    del before
    places = [message.index for message in after if message.index is not None]
    return "messages changed their order" if places != sorted(set(places)) else None


RULES: tuple[Rule, ...] = (
    messages_keep_their_order,
    results_follow_their_calls,
    calls_are_answered,
    results_are_unique,
    calls_and_results_go_together,
    arguments_stay_json,
    nothing_becomes_empty,
    instructions_stay_whole,
    the_last_user_message_stays,
    the_last_assistant_turn_is_untouched,
    reasoning_stays_with_its_message,
    a_tool_loop_keeps_its_opening_reasoning,
    reasoning_opens_its_turn,
    the_first_turn_stays_a_user_turn,
    the_last_role_stays,
)


def turns_alternate(before: Messages, after: Messages, profile: Profile) -> str | None:
    """Mistral's API and strict chat templates refuse two user turns without a reply between them, and two replies in a row."""
    own = runs(before) if profile.alternates else {}
    new = [pair for pair in repeated_turns(after) if not in_a_row(own, *pair)] if profile.alternates else ()
    return f"{len(new)} turn(s) of the same side in a row" if new else None


def call_ids_keep_their_form(before: Messages, after: Messages, profile: Profile) -> str | None:
    """Mistral refuses ids that are not nine letters and digits, Anthropic those with other characters; the client's own are its."""
    known = {call.id for message in before for call in message.calls}
    new = {call.id for message in after for call in message.calls} - known if profile.call_ids else set()
    return next(("a tool call id of another form" for call_id in new if not re.fullmatch(profile.call_ids, call_id)), None)


def call_turns_keep_reasoning(before: Messages, after: Messages, profile: Profile) -> str | None:
    """DeepSeek and Kimi refuse a call turn without reasoning_content as soon as thinking is on."""
    if profile.reasoning != "call turns":
        return None
    bare = {message.index for message in before if message.calls and not message.reasons}
    stripped = any(message.calls and not message.reasons and message.index not in bare for message in after)
    return "a tool call turn lost its reasoning" if stripped else None


FAMILY_RULES: tuple[FamilyRule, ...] = (turns_alternate, call_ids_keep_their_form, call_turns_keep_reasoning)


def repeated_turns(messages: Sequence[Message]) -> frozenset[tuple[int | None, int | None]]:
    """Where the same side speaks twice, as the places of both messages; tool calls and their results do not count as speaking."""
    speaking = [message for message in messages if speaker(message)]
    return frozenset((one.index, other.index) for one, other in pairwise(speaking) if speaker(one) == speaker(other))


def runs(messages: Sequence[Message]) -> dict[int | None, int]:
    """For each message that speaks, by its place, the number of the run of one side's messages that it belongs to."""
    found: dict[int | None, int] = {}
    number, side = 0, None
    for message in messages:
        speaks = speaker(message)
        if speaks:
            number, side = number + (speaks != side), speaks
            found[message.index] = number
    return found


def in_a_row(own: Mapping[int | None, int], one: int | None, other: int | None) -> bool:
    """Whether two messages of one side belong to one run of the client's own: nothing of the other side stood between them."""
    return one in own and other in own and own[one] == own[other]


def speaker(message: Message) -> str | None:
    """Whose turn a message is: the user's or the assistant's; None for instructions and for tool calls with their results."""
    if message.asks:
        return "user"
    return "assistant" if message.role == "assistant" and not message.calls else None


def _new(count: Callable[[Messages], Counter[str]], before: Messages, after: Messages) -> Counter[str]:
    """What there is more of than there was; where there is nothing, nobody looks through what was."""
    now = count(after)
    return now - count(before) if now else now


def _orphans(messages: Messages) -> Counter[str]:
    orphans: Counter[str] = Counter()
    open_calls: frozenset[str] = frozenset()
    for message in messages:
        if results := message.results:
            orphans.update([result.call_id for result in results if result.call_id not in open_calls])
        elif open_calls or message.calls:
            open_calls = frozenset([call.id for call in message.calls])
    return orphans


def _unanswered(messages: Messages) -> Counter[str]:
    unanswered: Counter[str] = Counter()
    open_calls: dict[str, int] = {}
    for message in messages:
        if results := message.results:
            for result in results:
                if open_calls.get(result.call_id):
                    open_calls[result.call_id] -= 1
        elif open_calls or message.calls:
            unanswered.update(open_calls)
            open_calls = {}
            for call in message.calls:
                open_calls[call.id] = open_calls.get(call.id, 0) + 1
    unanswered.update(open_calls)
    return +unanswered


def _surplus(messages: Messages) -> Counter[str]:
    """For every id, how many more calls than results have it."""
    surplus = Counter(call.id for message in messages for call in message.calls)
    surplus.subtract(result.call_id for message in messages for result in message.results)
    return surplus


def _repeated_results(messages: Messages) -> Counter[str]:
    repeated: Counter[str] = Counter()
    answered: set[str] = set()
    for message in messages:
        if message.results:
            repeated.update(result.call_id for result in message.results if result.call_id in answered)
            answered.update(result.call_id for result in message.results)
        elif answered:
            answered = set()
    return repeated


def _json_error(arguments: str) -> str | None:
    try:
        json.loads(arguments or "{}")
    except ValueError as error:
        return str(error)
    except RecursionError:  # too deep for a reader is not cut
        return None
    return None


def _says_anything(message: Message) -> bool:
    return bool(message.calls) or any(map(_is_something, message.parts))


def _is_something(part: object) -> bool:
    if isinstance(part, (Text, Opaque)):
        return bool(part.text.strip())
    if isinstance(part, ToolResult):
        return any(map(_is_something, part.content))
    return isinstance(part, Media)


def _reasons(message: Message) -> tuple[object, ...]:
    return tuple(part for part in message.parts if isinstance(part, Reasoning)) if message.reasons else ()


def _inner_reasoning(messages: Messages) -> frozenset[int | None]:
    pairs = pairwise(messages)
    return frozenset(other.index for one, other in pairs if one.role == other.role == "assistant" and other.reasons)


def _first_turn(messages: Messages) -> str | None:
    first = next((message for message in messages if not message.instructs), None)
    return first.role if first else None


def _loops(messages: Messages) -> Iterator[tuple[Message, Message]]:
    """Each assistant turn with the one that opened its loop: the first after the user, or after a note of the guard's, spoke."""
    opener: Message | None = None
    for message in messages:
        if message.role == "user" and not message.results:
            opener = None
        elif message.role == "assistant":
            opener = opener or message
            yield opener, message
