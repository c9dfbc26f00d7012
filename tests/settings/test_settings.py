"""Settings are validated once; what is wrong is one line that names the key and what is allowed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from token_guard.errors import ConfigError
from token_guard.guard import Guard
from token_guard.settings import Settings


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"triger": 0.7}, "triger is not a setting; did you mean trigger?"),
        ({"mask": {"min_token": 3}}, "mask.min_token is not a setting; did you mean min_tokens?"),
        ({"summarize": {"zzz": 1}}, "summarize.zzz is not a setting; allowed: share, max_directives, complexity"),
        ({"trigger": "hot"}, "trigger: Input should be a valid number, unable to parse string as a number (got 'hot')"),
        ({"trigger": 1.2}, "trigger: Input should be less than or equal to 1 (got 1.2)"),
        ({"trigger": 0}, "trigger: Input should be greater than 0 (got 0)"),
        ({"mode": "quiet"}, "mode: Input should be 'enforce', 'observe' or 'off' (got 'quiet')"),
        (
            {"strategy": False},
            "strategy: Input should be 'adaptive', 'sliding_window', 'summarization' or 'hybrid' (got False, as which YAML",
        ),
        ({"adaptive": "often"}, "adaptive is not a setting"),
        ({"trigger": 0.3, "target": 0.5}, "target (0.5) must be below trigger (0.3)"),
        ({"trigger": 0.5, "target": 0.5}, "target (0.5) must be below trigger (0.5)"),
        ({"reserve_output": 0}, "reserve_output: Input should be greater than 0 (got 0)"),
        ({"limits": {"models": {"mine": "large"}}}, "limits.models.mine.max_input_tokens: Input should be a valid integer"),
        ({"trigger": 2, "mode": "x"}, "mode: Input should be 'enforce', 'observe' or 'off' (got 'x'); trigger: Input should be"),
    ],
)
def test_a_wrong_option_is_one_line_that_names_the_key_and_what_is_allowed(options: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Settings.load(options)
    assert str(raised.value).startswith(f"token_guard settings: {line}")
    assert "\n" not in str(raised.value)


def test_a_wrong_option_is_one_line_whatever_its_name() -> None:
    with pytest.raises(ConfigError) as refused:
        Settings.load({"limits": {"models": {"a\nb\u2028c" * 100: None}}})
    assert len(str(refused.value).splitlines()) == 1
    assert "limits.models.a b c" in str(refused.value)


def test_an_unknown_option_without_a_likely_meaning_lists_all_that_there_are() -> None:
    with pytest.raises(ConfigError) as raised:
        Settings.load({"zzz": 1})
    assert all(name in str(raised.value) for name in Settings.model_fields)


@pytest.mark.parametrize("options", [[1], "mode: off", 3])
def test_options_that_are_no_mapping_are_refused(options: Any) -> None:
    with pytest.raises(ConfigError, match="must be a mapping of options, not"):
        Settings.load(options)


@pytest.mark.parametrize("options", [None, {}])
def test_without_options_everything_is_at_its_default(options: dict[str, Any] | None) -> None:
    assert Settings.load(options) == Settings()


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_GUARD_TRIGGER", "0.6")
    assert Settings.load({"trigger": 0.5, "policy": "overflow"}).trigger == 0.6
    assert Settings.load({"trigger": 0.5, "policy": "overflow"}).policy == "overflow"


def test_the_environment_replaces_a_nested_option_and_leaves_its_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_GUARD_MASK__MIN_TOKENS", "11")
    monkeypatch.setenv("TOKEN_GUARD_MASK__EXEMPT_TOOLS", '["Read"]')
    mask = Settings.load({"mask": {"min_tokens": 10, "keep_recent": 0.1}}).mask
    assert (mask.min_tokens, mask.keep_recent, mask.exempt_tools) == (11, 0.1, ("Read",))


def test_a_wrong_value_in_the_environment_is_named_like_one_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_GUARD_TRIGGER", "hot")
    with pytest.raises(ConfigError, match="trigger: Input should be a valid number"):
        Settings.load({})


def test_in_python_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_GUARD_TRIGGER", "0.6")
    assert Settings(trigger=0.7).trigger == 0.7


def test_settings_do_not_change_after_they_were_made() -> None:
    with pytest.raises(ValidationError):
        Settings().trigger = 0.5


def test_every_option_says_what_it_means(options: tuple[Any, ...]) -> None:
    assert [option.key for option in options if not option.meaning] == []


def test_a_list_in_the_environment_is_json_and_anything_else_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_GUARD_MASK__EXEMPT_TOOLS", '["Read"]')
    assert Settings.load().mask.exempt_tools == ("Read",)
    monkeypatch.setenv("TOKEN_GUARD_MASK__EXEMPT_TOOLS", "Read")
    with pytest.raises(ConfigError, match=r"mask.*JSON"):
        Settings.load()


def test_a_mistyped_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_GUARD_TRIGER", "0.7")
    with pytest.raises(ConfigError, match=r"TOKEN_GUARD_TRIGER.*did you mean trigger"):
        Settings.load()


def test_a_key_that_is_no_text_is_named() -> None:
    with pytest.raises(ConfigError, match="5 is not a setting"):
        Settings.load({5: 1})  # type: ignore[dict-item]


def test_a_limit_is_a_number_or_a_pair() -> None:
    models = Settings.load({"limits": {"models": {"a": 1_000, "b": {"max_input_tokens": 2_000}}}}).limits.models
    assert Guard(Settings.load({"limits": {"models": models}})).limits.resolve("b").max_input_tokens == 2_000
