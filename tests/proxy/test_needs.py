"""What the guard needs of LiteLLM is there, and what is not is said with what goes missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from litellm.integrations.custom_logger import CustomLogger

from token_guard.proxy import needs
from token_guard.proxy.plugin import TokenGuardCallback


def test_the_installed_version_lacks_nothing() -> None:
    assert needs.lacking() == ()


def test_every_hook_that_the_callback_implements_is_asked_for() -> None:
    known = {name for name in vars(TokenGuardCallback) if hasattr(CustomLogger, name) and not name.startswith("_")}
    asked = {need.words.removeprefix("def ") for need in needs.NEEDS}
    assert {name for name in known if name.startswith("async_")} <= asked


def test_what_is_not_there_is_named_with_what_is_not_done(tmp_path: Path) -> None:
    hooks = tmp_path / "integrations/custom_logger.py"
    hooks.parent.mkdir()
    hooks.write_text("def async_pre_call_deployment_hook(self): ...", encoding="utf-8")
    wanted = [need for need in needs.NEEDS if need.file == "integrations/custom_logger.py"]
    lines = list(needs._lacking("1.100.0", tmp_path, tuple(wanted)))
    assert len(lines) == len(wanted) - 1
    assert "litellm 1.100.0 has no async_post_call_response_headers_hook" in "\n".join(lines)
    assert all(line.endswith(need.without) for line, need in zip(lines, wanted[1:], strict=True))


@pytest.mark.parametrize(
    ("installed", "words"),
    [("1.107.0", "compromised"), ("1.107", "compromised"), ("1.99.3", "older than 1.100"), ("1.80", "older than 1.100")],
)
def test_a_version_that_should_not_be_run_is_named(installed: str, words: str, tmp_path: Path) -> None:
    [line] = needs._lacking(installed, tmp_path, ())
    assert words in line


@pytest.mark.parametrize("installed", ["1.100.0", "1.108.7", "1.1070.1", "2.0", ""])
def test_other_versions_are_fine(installed: str, tmp_path: Path) -> None:
    assert list(needs._lacking(installed, tmp_path, ())) == []
