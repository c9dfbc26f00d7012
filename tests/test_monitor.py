from __future__ import annotations

from token_guard.counting import TokenCounter
from token_guard.monitor import ContextMonitor, ContextUsage

COUNTER = TokenCounter("gpt-4o")
MESSAGES = [{"role": "user", "content": "hello world"}]


def test_usage_is_the_prompts_share_of_the_limit() -> None:
    assert ContextMonitor(COUNTER, max_tokens=90).check_usage(MESSAGES) == ContextUsage(9, 0, 9, 90, 0.1, should_compress=False)


def test_compressing_is_due_at_four_fifths() -> None:
    prompt = COUNTER.count_tokens_messages(MESSAGES)
    assert ContextMonitor(COUNTER, max_tokens=prompt * 5 // 4).check_usage(MESSAGES).should_compress
    assert not ContextMonitor(COUNTER, max_tokens=prompt * 2).check_usage(MESSAGES).should_compress


def test_the_system_prompt_counts() -> None:
    monitor = ContextMonitor(COUNTER, max_tokens=1_000)
    assert monitor.check_usage(MESSAGES, "Be brief.").prompt_tokens > monitor.check_usage(MESSAGES).prompt_tokens


def test_without_a_limit_the_window_less_a_reply_counts() -> None:
    assert ContextMonitor(COUNTER).max_tokens == 128_000 - 4_000


def test_a_small_window_keeps_room_for_a_prompt() -> None:
    assert ContextMonitor(TokenCounter("nobody-knows-this")).max_tokens == 8_192 - 4_000
    assert ContextMonitor(TokenCounter("gpt-3.5-turbo-0301")).max_tokens > 0


def test_a_limit_of_nothing_is_full() -> None:
    usage = ContextMonitor(COUNTER, max_tokens=0).check_usage(MESSAGES)
    assert usage.usage_ratio == 1.0
    assert usage.should_compress
