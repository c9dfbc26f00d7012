"""From one recorded prompt of a Claude session to the next: what the meters say that the new messages count, against what Anthropic did."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from token_guard.conversation import Conversation, Message
from token_guard.counting import Meter, meter_for, own_meter_for
from token_guard.formats import format_for

MODEL = "claude-opus-4-5"
STEPS = 150
"""Of about 1,600, evenly taken: ctok takes two seconds for their texts."""

LONGEST = 12_000
"""Characters of a step that is taken."""

Step = tuple[int, tuple[Message, ...]]
Load = Callable[[str], tuple[dict[str, Any], ...]]


def _steps(conversation: dict[str, Any]) -> Iterator[Step]:
    """What each recorded prompt counted more than the one before, and the messages in which they differ, where the client left all
    that was before as it was."""
    chat = format_for("openai.chat", conversation)
    parsed = chat.parse({"model": MODEL, "messages": conversation["messages"]}) if chat else None
    assert isinstance(parsed, Conversation)
    cuts = [cut["before_message"] for cut in conversation["meta"]["compactions"]]
    for before, after in pairwise(conversation["meta"]["usage_prompt_cacheread_output"]):
        start, stop, grown = before[0], after[0], after[1] - before[1]
        if grown > 0 and start < stop and not any(start < cut <= stop for cut in cuts):
            yield grown, parsed.messages[start:stop]


@pytest.fixture(scope="module")
def steps(corpus: Load) -> list[Step]:
    sessions = [one for one in corpus("agent_sessions") if one["id"].startswith("pi-mono")]  # the whole of what was sent
    found = [step for session in sessions for step in _steps(session) if _characters(step[1]) <= LONGEST]
    return found[:: max(1, len(found) // STEPS)]


def _characters(messages: tuple[Message, ...]) -> int:
    return meter_for(MODEL).characters(messages)


def _median_error(meter: Meter, steps: list[Step]) -> float:
    return statistics.median(abs(meter.messages(messages) / grown - 1) for grown, messages in steps)


def test_half_of_the_steps_are_estimated_to_a_twentieth(steps: list[Step]) -> None:
    assert _median_error(meter_for(MODEL), steps) <= 0.05


def test_half_of_the_steps_are_counted_to_a_hundredth_by_the_models_own_vocabulary(steps: list[Step]) -> None:
    own = own_meter_for(MODEL)
    if own is None:
        pytest.skip("ctok is not installed: the extra claude, from Python 3.12 on")
    assert _median_error(own, steps) <= 0.01
