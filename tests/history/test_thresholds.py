"""When a conversation is compacted, by its shape."""

from __future__ import annotations

import pytest
from build import Characters, answer, call, parsed, result, say

from token_guard.compaction import Compacted, Draft, Goal
from token_guard.history.replay import Replay
from token_guard.history.states import Memo
from token_guard.history.tally import Tally
from token_guard.history.thresholds import HIGHEST, LENIENT_TARGET, LOWEST, Levels, Thresholds, levels, thresholds
from token_guard.settings import Settings

SETTINGS = Settings()


@pytest.mark.parametrize("density", [0.0, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("size", [10, 300, 5_000])
def test_target_and_trigger_stay_apart_and_in_bounds(density: float, size: int) -> None:
    tally = Tally(messages=100, tool_messages=int(100 * density), tokens=100 * size, replies=50)
    shares = thresholds(tally, SETTINGS)
    assert 0.05 <= shares.target < shares.trigger
    assert LOWEST <= shares.trigger <= (HIGHEST if tally.kind == "tools" else 1.0)


def test_talk_waits_until_it_does_not_fit_and_tools_nearly_so_long() -> None:
    talk, mixed, helped, alone = (thresholds(Tally(100, count, 10_000, 50), SETTINGS) for count in (5, 50, 90, 98))
    assert talk.trigger == 1.0 > helped.trigger == mixed.trigger == alone.trigger
    assert helped.target > alone.target == talk.target > mixed.target


def test_talk_goes_by_numbers_that_the_operator_wrote() -> None:
    assert thresholds(Tally(100, 5, 10_000, 50), Settings(trigger=0.6)).trigger < 0.8


def test_an_agent_whose_outputs_come_as_user_messages_is_a_session_of_tools() -> None:
    rounds = [
        message
        for number in range(20)
        for message in (answer(f"```bash\ncat {number}.py\n```"), say("user", f"<returncode>0</returncode>\n<output>\n{number}\n</output>"))
    ]
    messages = parsed([say("system", "You are careful."), say("user", "Mend it."), *rounds])
    assert Tally().plus(messages, 5_000).kind == "tools"
    assert Tally().plus(messages, 5_000).is_alone


def test_an_epoch_frees_room_for_a_few_turns_where_turns_are_large() -> None:
    shares = Thresholds(0.9, 0.5)
    small, usual, large = (levels(shares, Tally(20, 18, 1_000 + 9 * turn, 9), 10_000, instructions=1_000) for turn in (330, 650, 1_500))
    assert small == Levels(1_000 + 8_100, 1_000 + 4_500)
    assert usual.target == small.trigger - 7 * 650
    assert large.target == 1_000 + 3_000  # no lower than a third of the room


def test_instructions_stay_whole_and_come_on_top_of_every_share() -> None:
    assert levels(Thresholds(0.8, 0.4), Tally(), 10_000, 8_000) == Levels(9_600, 8_800)
    assert levels(Thresholds(0.8, 0.4), Tally(), 10_000, 12_000) == Levels(10_000, 10_000)


def test_one_question_over_a_document_waits_until_it_does_not_fit() -> None:
    assert thresholds(Tally(messages=5, tokens=50_000), SETTINGS) == Thresholds(1.0, 1.0)


def test_lenient_thresholds_wait_too() -> None:
    assert thresholds(Tally(100, 90, 50_000), SETTINGS, lenient=True) == Thresholds(1.0, LENIENT_TARGET)


def compactions(system: str) -> list[int]:
    """Sizes at which a session of small tool calls behind a system prompt is compacted, in a budget of 4,000."""
    sizes: list[int] = []

    def compact(draft: Draft, goal: Goal) -> Compacted:
        sizes.append(Characters().messages(draft.messages))
        kept = (*draft.messages[:2], *draft.messages[-2:])
        return Compacted(Draft(kept), Characters().messages(kept), ())

    rounds = [message for number in range(40) for message in (call(f"c{number}", path="a.py"), result(f"c{number}", "x" * 60))]
    replay = Replay(4_000, lambda tally: thresholds(tally, Settings(trigger=0.6)), compact, Characters(), Memo(1_000_000))
    replay(parsed([say("system", system), say("user", "Go."), *rounds]))
    return sizes


def test_a_long_system_prompt_puts_compactions_off() -> None:
    assert compactions("x" * 1_800)[0] > compactions("x" * 20)[0]
    assert compactions("x" * 1_800)[0] <= HIGHEST * 4_000 + 200
