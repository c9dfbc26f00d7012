"""What YAML and the environment make of words counts as what was meant, and old names count as the new ones."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import yaml

from token_guard.errors import ConfigError
from token_guard.settings import Settings
from token_guard.settings.renamed import _tell, _tell_gone


def read(text: str) -> Settings:
    return Settings.load(yaml.safe_load(text))


@pytest.mark.parametrize("word", ["off", "Off", "OFF", "no", "false", "'off'", "'OFF'", "'No'"])
def test_the_kill_switch_works_unquoted(word: str) -> None:
    assert read(f"mode: {word}").mode == "off"


@pytest.mark.parametrize("word", ["on", "yes", "true", "'on'", "enforce", "Enforce"])
def test_switched_on_is_what_counts_when_nothing_is_said(word: str) -> None:
    assert read(f"mode: {word}").mode == "enforce"


@pytest.mark.parametrize("word", ["off", "Off", "false", "no"])
def test_the_kill_switch_works_in_the_environment_and_in_python(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings(mode=word).mode == "off"  # type: ignore[arg-type]
    monkeypatch.setenv("TOKEN_GUARD_MODE", word)
    assert Settings.load({}).mode == Settings().mode == "off"


@pytest.mark.parametrize(
    ("text", "option", "value"),
    [
        ("headers: off", "headers", False),
        ("headers: 'no'", "headers", False),
        ("recall: off", "recall.enabled", False),
        ("recall: {enabled: no}", "recall.enabled", False),
        ("summarizer: {model: off}", "summarizer.model", None),
        ("summarizer: {model: 4}", "summarizer.model", "4"),
        ("summarizer: {model: 2026-01-31}", "summarizer.model", "2026-01-31"),
        ("trigger: '0.7'", "trigger", 0.7),
        ("reserve_output: '2048'", "reserve_output", 2_048),
        ("strategy: HYBRID", "strategy", "hybrid"),
        ("mask: {exempt_tools: [Read, 7]}", "mask.exempt_tools", ("Read", "7")),
        ("limits: {models: {4: 5000}}", "limits.models", {"4": 5_000}),
        ("limits: {unknown: Default}", "limits.unknown", "default"),
    ],
)
def test_a_word_or_number_counts_as_its_option_can_mean_it(text: str, option: str, value: Any) -> None:
    found: Any = read(text)
    for name in option.split("."):
        found = getattr(found, name)
    plain = {name: limit.max_input_tokens for name, limit in found.items()} if isinstance(found, dict) else found
    assert plain == value


@pytest.mark.parametrize("text", ["trigger: yes", "reserve_output: on", "mask: {min_tokens: true}"])
def test_a_truth_value_is_no_number(text: str) -> None:
    with pytest.raises(ConfigError, match="got 'on'"):
        read(text)


def test_an_empty_variable_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_GUARD_MODE", "")
    monkeypatch.setenv("TOKEN_GUARD_MASK__MIN_TOKENS", "")
    monkeypatch.setenv("TOKEN_GUARD_ADAPTIVE", "")
    assert Settings.load({"mode": "observe", "mask": {"min_tokens": 7}}).mode == "observe"
    assert Settings().mode == "enforce"


def test_switching_the_store_off_keeps_what_is_learned_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKEN_GUARD_STORE")
    assert read("store: off").store == "memory:"


def test_a_tool_may_have_the_name_of_a_truth_value() -> None:
    assert {"off", "No"} <= set(read("mask: {exempt_tools: [No]}").mask.exempt_tools)


def test_null_leaves_every_option_at_its_default(options: tuple[Any, ...]) -> None:
    for option in options:
        written: Any = None
        for name in reversed(option.key.split(".")):
            written = {name: written}
        assert Settings.load(written) == Settings()
    assert read("mask:\nlimits:\nmode:") == Settings()


@pytest.mark.parametrize(
    ("text", "thresholds", "policy"),
    [
        ("adaptive: false", "fixed", "ahead"),
        ("adaptive: true", "by_shape", "ahead"),
        ("policy: adaptive", "by_shape", "ahead"),
        ("policy: overflow", "by_shape", "overflow"),
        ("{adaptive: off, policy: Adaptive}", "fixed", "ahead"),
        ("{adaptive: false, thresholds: by_shape}", "by_shape", "ahead"),
        ("adaptive:", "by_shape", "ahead"),
    ],
)
def test_old_names_count_as_the_new_ones(text: str, thresholds: str, policy: str) -> None:
    options = yaml.safe_load(text)
    for settings in (Settings.load(options), Settings(**options)):
        assert (settings.thresholds, settings.policy) == (thresholds, policy)


def test_old_names_count_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_GUARD_ADAPTIVE", "false")
    monkeypatch.setenv("TOKEN_GUARD_POLICY", "adaptive")
    monkeypatch.setenv("ADAPTIVE", "true")
    assert (Settings().thresholds, Settings().policy) == ("fixed", "ahead")
    assert Settings.load({"adaptive": True}).thresholds == "fixed"
    assert Settings(adaptive=True).thresholds == "by_shape"  # type: ignore[call-arg]


def test_an_old_name_is_one_warning_that_names_the_new_one(caplog: pytest.LogCaptureFixture) -> None:
    _tell.cache_clear()
    with caplog.at_level(logging.WARNING, "token_guard"):
        for _ in range(2):
            Settings(policy="adaptive", adaptive=False)  # type: ignore[arg-type, call-arg]
    lines = sorted(record.getMessage() for record in caplog.records)
    assert [line.split(";")[0] for line in lines] == [
        "token_guard settings: adaptive: false is an old name of thresholds: fixed",
        "token_guard settings: policy: adaptive is an old name of policy: ahead",
    ]


def test_an_option_that_decides_nothing_any_more_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    _tell_gone.cache_clear()
    with caplog.at_level(logging.WARNING, "token_guard"):
        for _ in range(2):
            assert Settings(summarize={"share": 0.3, "max_decisions": 5}).summarize.share == 0.3
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [
        "token_guard settings: summarize.max_decisions decides nothing any more"
    ]
