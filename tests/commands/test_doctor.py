from __future__ import annotations

from pathlib import Path

import pytest

from token_guard.commands.doctor import Check, doctor

GOOD = """
model_list:
  - {model_name: chat, litellm_params: {model: openai/gpt-4o, api_key: none}}
  - {model_name: pictures, litellm_params: {model: openai/gpt-image-1}, model_info: {mode: image_generation}}
litellm_settings: {callbacks: ["token_guard.callback"]}
callback_settings: {token_guard: {store: "sqlite:///STORE"}}
"""


def _checks(tmp_path: Path, config: str) -> dict[str, list[Check]]:
    path = tmp_path / "config.yaml"
    path.write_text(config.replace("STORE", str(tmp_path / "store.db")), encoding="utf-8")
    found: dict[str, list[Check]] = {}
    for check in doctor(str(path), {}).checks:
        found.setdefault(check.topic, []).append(check)
    return found


@pytest.fixture(autouse=True)
def _own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKEN_GUARD_STORE")


def test_what_stands_well_is_said_in_a_line_each(tmp_path: Path) -> None:
    checks = _checks(tmp_path, GOOD)
    assert checks["callback"] == [Check("callback", "ok", "token_guard.callback is switched on")]
    assert checks["limits"][0] == Check("limits", "ok", "chat: 128,000 tokens, says litellm_map")
    assert checks["tokenizer"][0] == Check("tokenizer", "ok", "openai/gpt-4o: o200k_base, offline, exact")
    assert checks["store"][0].state == "ok"
    assert checks["unguarded"] == [Check("unguarded", "note", "pictures (image_generation): images are forwarded as they are")]
    assert "config" not in checks
    assert not (tmp_path / "store.db").exists()


@pytest.mark.parametrize(
    ("written", "instead", "message", "fix"),
    [
        (
            'callbacks: ["token_guard.callback"]',
            "callbacks: []",
            "litellm_settings.callbacks: the guard is not switched on",
            "add callbacks",
        ),
        ("openai/gpt-4o", "openai/zzz-unheard-of", "no source knows the context window", "add to its deployment"),
        ("sqlite:///STORE", "tape:", "'tape:' is not a store", "allowed: memory:"),
        ("{store:", "{triger: 0.5, store:", "callback_settings.token_guard: triger", "did you mean trigger?"),
    ],
)
def test_what_is_wrong_comes_with_a_fix(tmp_path: Path, written: str, instead: str, message: str, fix: str) -> None:
    wrong = [check for checks in _checks(tmp_path, GOOD.replace(written, instead)).values() for check in checks if check.state == "wrong"]
    assert any(message in check.message and fix in check.fix for check in wrong), wrong


def test_each_wrong_option_has_its_own_fix(tmp_path: Path) -> None:
    found = _checks(tmp_path, GOOD.replace("{store:", "{triger: 0.5, shadov: 7, store:"))["config"]
    assert [(check.message.rpartition(": ")[2], check.fix) for check in found] == [
        ("triger is not a setting", "did you mean trigger?"),
        ("shadov is not a setting", "did you mean shadow?"),
    ]


def test_a_server_that_does_not_answer_is_no_good_store(tmp_path: Path) -> None:
    (check,) = _checks(tmp_path, GOOD.replace("sqlite:///STORE", "redis://127.0.0.1:9/0"))["store"]
    assert check.state == "wrong"
    assert check.message.startswith("redis://127.0.0.1:9/0 does not answer")
