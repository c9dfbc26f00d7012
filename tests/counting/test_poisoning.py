"""What is estimated upward teaches nothing, and no lesson goes beyond what a family's tokenizer can be off by."""

from __future__ import annotations

from typing import Any

import pytest

from token_guard.counting import Calibration, meter_for
from token_guard.guard import Guard
from token_guard.settings import Settings

SAID = {"role": "user", "content": "the ledger of the month " * 200}
FILM = {"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://e.org/a.mp4"}}]}
WAITING = {"type": "function", "function": {"name": "later", "parameters": {}}, "defer_loading": True}
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://e.org/a.png"}}]}


def _learned(request: dict[str, Any]) -> bool:
    guard = Guard(Settings())
    guard.learn({"model": "gpt-4o", **request}, 900, api="openai.chat")
    return bool(guard.calibrations.get("gpt-4o").samples)


SERVED = {"type": "mcp_toolset", "mcp_server_name": "crm", "default_config": {"defer_loading": True}}


@pytest.mark.parametrize(
    "request_",
    [
        {"messages": [SAID, FILM]},
        {"messages": [SAID, PICTURE]},
        {"messages": [SAID], "tools": [WAITING]},
        {"messages": [SAID], "tools": [SERVED]},
        {"messages": [SAID], "tools": [{"type": "namespace", "name": "crm", "tools": [WAITING]}]},
    ],
)
def test_a_request_with_anything_estimated_upward_teaches_nothing(request_: dict[str, Any]) -> None:
    assert not _learned(request_)


def test_a_request_of_text_teaches() -> None:
    assert _learned({"messages": [SAID]})


@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4-5", "gemini-2.5-pro", "llama-3.3", "mistral-large"])
def test_no_samples_stretch_a_correction_beyond_the_familys_error(model: str) -> None:
    slopes = meter_for(model).slopes
    low = high = Calibration()
    for estimate in range(10_000, 110_000, 10_000):
        low = low.learn(estimate, estimate // 2, slopes=slopes)
        high = high.learn(estimate, estimate * 9, slopes=slopes)
    assert low.slope == slopes[0] >= 0.85
    assert high.slope == slopes[1] < 1.5


def test_a_prompt_of_which_a_part_was_read_teaches_nothing_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    guard = Guard(Settings())
    request = {"model": "ollama_chat/qwen3:8b", "messages": [{"role": "user", "content": "a few words of a long story " * 3_000}]}
    with caplog.at_level("WARNING", "token_guard"):
        assert [guard.learn(request, 4_035, api="openai.chat") for _ in range(3)] == [None] * 3
    told = [record.getMessage() for record in caplog.records if "4,035" in record.getMessage()]
    assert len(told) == 1
    assert "num_ctx" in told[0]
    counted = guard.process(request, api="openai.chat").report.tokens_before
    assert guard.learn(request, counted, api="openai.chat") is not None


@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4-5", "claude-opus-4-7", "gemini-2.5-pro", "llama-3.3"])
def test_no_lesson_opens_a_budget_beyond_the_window_less_the_reply(model: str) -> None:
    guard = Guard(Settings())
    request = {"model": model, "max_tokens": 4_000, "messages": [SAID]}
    for actual in range(300, 900, 50):
        guard.learn(request, actual)
    report = guard.process(request).report
    assert report.correction is not None
    beside = 0 if report.limit.separate_output else 4_000
    assert report.budget.allowed <= report.limit.max_input_tokens - beside
