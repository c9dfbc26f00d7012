from __future__ import annotations

import random
import statistics
from collections.abc import Iterator

import pytest
from counting_texts import records

from token_guard.conversation import Message, Part, Reasoning, Text, ToolCall, ToolResult
from token_guard.counting import meter_for
from token_guard.counting.calibration import TRUSTED, Calibration


def learned(samples: list[tuple[int, int]]) -> Calibration:
    calibration = Calibration()
    for estimate, actual in samples:
        calibration = calibration.learn(estimate, actual)
    return calibration


def test_without_samples_nothing_is_corrected() -> None:
    assert Calibration().correct(1_234) == 1_234
    assert Calibration().margin(100_000, untrained=700) == 700


def test_a_hidden_prompt_is_learned_from_one_sample() -> None:
    assert learned([(1_000, 1_400)]).correct(2_000) == 2_400


def test_another_tokenizer_is_learned() -> None:
    calibration = learned([(estimate, round(estimate * 1.3)) for estimate in range(1_000, 9_000, 1_000)])
    assert calibration.correct(50_000) == pytest.approx(65_000, rel=0.02)


def test_what_litellm_counted_itself_teaches_nothing() -> None:
    assert Calibration().learn(100, 130, litellm_count=130) == Calibration()
    assert Calibration().learn(0, 130) == Calibration().learn(100, 0) == Calibration()


def test_a_wrong_sample_moves_a_trusted_calibration_little() -> None:
    good = learned([(estimate, estimate + 50) for estimate in range(1_000, 9_000, 1_000)])
    assert good.learn(5_000, 500_000).correct(5_000) == pytest.approx(5_050, rel=0.05)
    assert good.learn(5_000, 3).correct(5_000) == pytest.approx(5_050, rel=0.05)


def test_the_margin_follows_the_observed_error() -> None:
    chance = random.Random(2)
    steady = learned([(estimate, estimate + 100) for estimate in range(1_000, 20_000, 1_000)])
    shaky = learned([(estimate, round(estimate * chance.uniform(0.9, 1.2))) for estimate in range(1_000, 20_000, 1_000)])
    assert steady.margin(100_000, 5_000) < 4_000 < shaky.margin(100_000, 5_000)
    assert steady.spread < shaky.spread


def test_what_the_first_predictions_were_off_by_takes_no_room_later() -> None:
    """Tools that are estimated some 250 tokens upward make a small prompt three times as large, and a large one hardly larger."""
    small = [(354, 129), (1_377, 1_131), (2_360, 2_093), (4_513, 4_225), (4_810, 4_501)]
    large = [(7_306, 6_934), (9_480, 9_129), (8_608, 8_215), (8_182, 7_852), (5_962, 5_695)]
    assert learned(small + large).margin(100_000, 5_000) < 5_000


def test_one_wrong_sample_at_the_beginning_takes_no_more_than_a_later_one() -> None:
    for place in (0, 3):
        samples = [(estimate, estimate + 50) for estimate in range(1_000, 9_000, 1_000)]
        samples[place] = (samples[place][0], 500_000)
        assert learned(samples).margin(100_000, 5_000) < 28_000


def test_samples_are_bounded() -> None:
    assert len(learned([(100 + number, 120 + number) for number in range(500)]).samples) <= 128


def _parts(wire: dict[str, object]) -> Iterator[Part]:
    if isinstance(thought := wire.get("reasoning_content"), str) and thought:
        yield Reasoning(thought)
    text = Text(str(wire.get("content") or ""))
    yield ToolResult("", (text,)) if wire["role"] == "tool" else text
    for call in wire.get("tool_calls") or ():  # type: ignore[attr-defined]
        yield ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])


def sessions(name: str, model: str) -> Iterator[list[tuple[int, int]]]:
    """Per session: our estimate of every request and what its provider counted, up to the client's own first compaction."""
    meter = meter_for(model)
    for record in records(name):
        stop = min((event["before_message"] for event in record["meta"].get("compactions") or ()), default=len(record["messages"]))
        sums = [3]
        for wire in record["messages"]:
            sums.append(sums[-1] + meter.message(Message(wire["role"], tuple(_parts(wire)))))
        usage = record["meta"].get("usage_prompt_cacheread_output") or ()
        if found := [(sums[place], counted) for place, counted, *_ in usage if counted and place <= stop]:
            yield found


@pytest.mark.parametrize(
    ("name", "model"), [("tool_dialogues", "gpt-4.1"), ("coding_agents", "deepseek/deepseek-chat"), ("agent_sessions", "claude-opus-4-5")]
)
def test_after_five_samples_predictions_are_close_and_covered(name: str, model: str) -> None:
    errors, covered = [], []
    for session in sessions(name, model):
        calibration = Calibration()
        for place, (estimate, actual) in enumerate(session):
            if place >= TRUSTED:
                predicted = calibration.correct(estimate)
                errors.append(abs(predicted / actual - 1))
                covered.append(actual <= predicted + calibration.margin(actual, 0))
            calibration = calibration.learn(estimate, actual)
    assert statistics.median(errors) < 0.05
    assert statistics.fmean(covered) > 0.99
