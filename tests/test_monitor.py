from __future__ import annotations

from token_guard.counting import TokenCounter
from token_guard.monitor import ContextMonitor, ContextUsage

COUNTER = TokenCounter("gpt-4o")
MESSAGES = [{"role": "user", "content": "hello world"}]


def test_usage_is_what_the_prompt_and_a_reply_take_of_the_limit() -> None:
    usage = ContextMonitor(COUNTER, max_tokens=10_090).check_usage(MESSAGES)
    assert usage == ContextUsage(9, 1_000, 1_009, 10_090, 0.1, should_compress=False)


def test_a_reply_is_kept_whatever_the_limit() -> None:
    for limit in (None, 500, 1_000_000):
        usage = ContextMonitor(COUNTER, max_tokens=limit).check_usage(MESSAGES)
        assert usage.total_tokens == usage.prompt_tokens + 1_000


def test_compressing_is_due_at_four_fifths() -> None:
    total = COUNTER.count_tokens_messages(MESSAGES) + 1_000
    assert ContextMonitor(COUNTER, max_tokens=total * 5 // 4).check_usage(MESSAGES).should_compress
    assert not ContextMonitor(COUNTER, max_tokens=total * 2).check_usage(MESSAGES).should_compress


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
