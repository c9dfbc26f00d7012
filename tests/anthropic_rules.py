"""What Anthropic's Messages endpoint refuses: each rule is a function (turns) -> words or None.

Deliberately written apart from the guard's own rules, so that the two check each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

__all__ = ["anthropic_refusal", "cache_marks", "forged_thinking", "thinking_of", "turns_of"]

Turn: TypeAlias = tuple[str, list[dict[str, Any]]]

ROLES = ("user", "assistant", "system")
ID = re.compile(r"[a-zA-Z0-9_-]+")
THINKING = ("thinking", "redacted_thinking")
SERVER_CALLS = ("server_tool_use", "mcp_tool_use")
MOST_CACHE_MARKS = 4


def anthropic_refusal(request: Mapping[str, Any]) -> str | None:
    """The first rule that a request breaks, in words; None when it would be answered."""
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        return "messages: at least one message is required"
    if wrong := next((message for message in messages if set(message) != {"role", "content"} or message["role"] not in ROLES), None):
        return f"messages: extra inputs are not permitted, or no role: {sorted(wrong)}"
    turns = turns_of(messages)
    broken = next((words for rule in RULES if (words := rule(turns))), None) or _split_results(messages)
    return broken or _max_tokens_refusal(request) or _cache_refusal(request) or _thinking_refusal(request, turns)


def thinking_of(messages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Every thinking block with its seal."""
    for block in (block for _, blocks in turns_of(messages) for block in blocks if block["type"] in THINKING):
        yield block.get("thinking", ""), block.get("signature") or block.get("data") or ""


def forged_thinking(messages: Sequence[Mapping[str, Any]], signed: Collection[tuple[str, str]]) -> str | None:
    """What the endpoint says of thinking that it never signed; None when all is its own."""
    forged = any(thought not in signed for thought in thinking_of(messages))
    return "messages.content: Invalid `signature` in `thinking` block" if forged else None


def turns_of(messages: Sequence[Mapping[str, Any]]) -> list[Turn]:
    """Consecutive messages of one role are one turn; a string is a text block."""
    turns: list[Turn] = []
    for message in messages:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
        if turns and turns[-1][0] == message["role"]:
            turns[-1][1].extend(blocks)
        else:
            turns.append((message["role"], blocks))
    return turns


def cache_marks(value: Any) -> Iterator[Any]:
    """Every cache_control in a wire value, in order."""
    if isinstance(value, dict):
        if "cache_control" in value:
            yield value["cache_control"]
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from cache_marks(inner)


def _opens_with_the_user(turns: Sequence[Turn]) -> str | None:
    return None if turns[0][0] == "user" else f"first message must use the user role, not {turns[0][0]}"


def _says_something(turns: Sequence[Turn]) -> str | None:
    if not all(blocks for _, blocks in turns):
        return "messages must have non-empty content"
    blocks = [block for _, blocks in turns for block in blocks]
    nested = [inner for block in blocks if isinstance(block.get("content"), list) for inner in block["content"]]
    empty = any(not block["text"].strip() for block in (*blocks, *nested) if block["type"] == "text")
    return "text content blocks must contain non-whitespace text" if empty else None


def _answers_calls_at_once(turns: Sequence[Turn]) -> str | None:
    for place, (role, blocks) in enumerate(turns):
        calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if calls and role != "assistant":
            return f"turn {place}: tool_use blocks can only be in assistant messages"
        answers = turns[place + 1][1] if place + 1 < len(turns) and turns[place + 1][0] == "user" else []
        first = [block.get("tool_use_id") for block in answers[: len(calls)] if block["type"] == "tool_result"]
        if sorted(calls) != sorted(first):
            return f"turn {place}: tool_use ids were found without tool_result blocks immediately after: {set(calls) - set(first)}"
    return None


def _answers_nothing_else(turns: Sequence[Turn]) -> str | None:
    for place, (_, blocks) in enumerate(turns):
        known = {block["id"] for block in turns[place - 1][1] if block["type"] == "tool_use"} if place else set()
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if len(set(answered)) != len(answered):
            return f"turn {place}: each tool_use must have a single result"
        if set(answered) - known:
            return f"turn {place}: unexpected tool_use_id in tool_result blocks: {set(answered) - known}"
    return None


def _split_results(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """Some hosts do not join messages of one role, so all answers have to be in the message right after the calls."""
    for place, message in enumerate(messages[:-1]):
        calls = {block["id"] for block in _blocks_of(message) if block["type"] == "tool_use"}
        if calls - {block.get("tool_use_id") for block in _blocks_of(messages[place + 1])}:
            return f"messages.{place}: tool_use ids were found without tool_result blocks in the next message"
    return None


def _blocks_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    return turns_of([message])[0][1]


def _calls_are_well_formed(turns: Sequence[Turn]) -> str | None:
    calls = [block for _, blocks in turns for block in blocks if block["type"] == "tool_use"]
    if len({call["id"] for call in calls}) != len(calls):
        return "tool_use ids must be unique"
    wrong = [call for call in calls if not ID.fullmatch(call["id"]) or not isinstance(call["input"], dict)]
    return f"tool_use: id or input is not valid: {wrong[0]['id']}" if wrong else None


def _server_tools_are_answered(turns: Sequence[Turn]) -> str | None:
    """What a tool of the provider's own gave stands in the turn that used it; only the last turn may still wait."""
    for place, (_, blocks) in enumerate(turns):
        used = {block["id"] for block in blocks if block["type"] in SERVER_CALLS}
        given = {block["tool_use_id"] for block in blocks if block["type"].endswith("_tool_result")}
        if given - used or (used - given and place + 1 < len(turns)):
            return f"turn {place}: server tool uses and their results do not match: {used ^ given}"
    return None


def _opens_its_last_turn_with_thinking(turns: Sequence[Turn]) -> str | None:
    last = next((blocks for role, blocks in reversed(turns) if role == "assistant"), [])
    kinds = [block["type"] in THINKING for block in last]
    return "a final assistant message must start with a thinking block" if any(kinds) and not kinds[0] else None


def _has_signed_thinking(turns: Sequence[Turn]) -> str | None:
    blocks = [block for _, blocks in turns for block in blocks if block["type"] == "thinking"]
    return "thinking.signature: field required" if any(not block.get("signature") for block in blocks) else None


RULES: tuple[Callable[[Sequence[Turn]], str | None], ...] = (
    _opens_with_the_user,
    _says_something,
    _answers_calls_at_once,
    _answers_nothing_else,
    _calls_are_well_formed,
    _server_tools_are_answered,
    _opens_its_last_turn_with_thinking,
    _has_signed_thinking,
)


def _max_tokens_refusal(request: Mapping[str, Any]) -> str | None:
    budget = (request.get("thinking") or {}).get("budget_tokens", 0)
    most = request.get("max_tokens")
    if not isinstance(most, int) or most < 1:
        return "max_tokens: field required"
    return None if most > budget else "max_tokens must be greater than thinking.budget_tokens"


def _thinking_refusal(request: Mapping[str, Any], turns: Sequence[Turn]) -> str | None:
    """With thinking switched on, the tool loop that is not finished has to open with thinking."""
    start = max((place + 1 for place, turn in enumerate(turns) if _is_asked(turn)), default=0)
    opener = next((blocks for role, blocks in turns[start:] if role == "assistant"), None)
    if opener is None or (request.get("thinking") or {}).get("type") != "enabled" or opener[0]["type"] in THINKING:
        return None
    return f"Expected `thinking` or `redacted_thinking`, but found `{opener[0]['type']}`"


def _is_asked(turn: Turn) -> bool:
    return turn[0] == "user" and not any(block["type"] == "tool_result" for block in turn[1])


def _cache_refusal(request: Mapping[str, Any]) -> str | None:
    marks = list(cache_marks([request.get("tools"), request.get("system"), request["messages"]]))
    return f"a maximum of {MOST_CACHE_MARKS} blocks with cache_control may be provided" if len(marks) > MOST_CACHE_MARKS else None
