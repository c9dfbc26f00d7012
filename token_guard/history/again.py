"""What is asked again: a call that repeats one whose result was taken out, so that whoever runs the proxy sees whether it is missed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from token_guard.compaction.deeds import changes, target
from token_guard.compaction.kinds import kind_of
from token_guard.conversation import Message, ToolCall, ToolResult
from token_guard.report import AskedAgain

__all__ = ["asked_again"]


def asked_again(history: Sequence[Message], start: int, seen: Iterable[Message]) -> tuple[AskedAgain, ...]:
    """The calls from `start` on that repeat an earlier one, of the same tool with the same target, whose result the model did not see
    any more when it made them: `seen` is what was forwarded then. A call that changes something does not ask."""
    new = [call for message in history[start:] if message.role == "assistant" for call in message.calls if not changes(call)]
    if not new:
        return ()
    results = {result.call_id: result for message in history[:start] for result in message.results}
    visible = {result.call_id: result for message in seen for result in message.results}
    gone = {call_id for call_id, result in results.items() if visible.get(call_id) != result}
    if not gone:
        return ()
    earlier = [call for message in history[:start] for call in message.calls if call.id in results]
    missed = (_last_alike(call, earlier) for call in new)
    return tuple(_asked(call, results[call.id]) for call in missed if call and call.id in gone)


def _last_alike(call: ToolCall, earlier: Sequence[ToolCall]) -> ToolCall | None:
    """The newest earlier call of the same tool with the same target; where the arguments name no target, with the same arguments."""
    wanted = target(call)
    alike = (one for one in reversed(earlier) if one.name == call.name)
    return next((one for one in alike if one.arguments == call.arguments or (wanted and target(one) == wanted)), None)


def _asked(call: ToolCall, result: ToolResult) -> AskedAgain:
    return AskedAgain(kind_of(result.text), call.name)
