"""What is asked again: a call that repeats one whose result was taken out, so that whoever runs the proxy sees whether it is missed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from token_guard.compaction.deeds import changes, target
from token_guard.compaction.kinds import kind_of
from token_guard.conversation import Message, ToolCall
from token_guard.conversation.paired import Pair, paired
from token_guard.report import AskedAgain

__all__ = ["asked_again"]


def asked_again(history: Sequence[Message], start: int, seen: Iterable[Message]) -> tuple[AskedAgain, ...]:
    """The calls from `start` on that repeat an earlier one, of the same tool with the same target, whose result the model did not see
    any more when it made them: `seen` is what was forwarded then. A call that changes something does not ask."""
    new = [call for message in history[start:] if message.role == "assistant" for call in message.calls if not changes(call)]
    if not new:
        return ()
    earlier = tuple(paired(history[:start]))
    visible = {(message.index, result.call_id): result for message in seen for result in message.results}
    gone = frozenset(number for number, pair in enumerate(earlier) if visible.get((pair.answered, pair.call.id)) != pair.result)
    if not gone:
        return ()
    missed = (_last_alike(call, earlier) for call in new)
    return tuple(_asked(earlier[number]) for number in missed if number in gone)


def _last_alike(call: ToolCall, earlier: Sequence[Pair]) -> int | None:
    """Which is the newest earlier call of the same tool with the same target; where the arguments name no target, with the same ones."""
    wanted = target(call)
    alike = (number for number in range(len(earlier) - 1, -1, -1) if earlier[number].call.name == call.name)
    return next((number for number in alike if _repeats(call, earlier[number].call, wanted)), None)


def _repeats(call: ToolCall, earlier: ToolCall, wanted: str) -> bool:
    return earlier.arguments == call.arguments or bool(wanted and target(earlier) == wanted)


def _asked(pair: Pair) -> AskedAgain:
    return AskedAgain(kind_of(pair.result.text), pair.call.name)
