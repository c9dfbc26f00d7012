"""What the documents tell people to type works."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from token_guard.commands import litellm_config
from token_guard.commands.cli import app
from token_guard.commands.findings import findings

ROOT = Path(__file__).parent.parent
DOCUMENTS = (
    "README.md",
    "docs/configuration.md",
    "docs/decisions.md",
    "CHANGELOG.md",
    "docs/quickstart.md",
    "docs/operating.md",
    "docs/security.md",
)
WITH_A_MODEL = ("docs/quickstart.md",)
"""Their Python asks a model: tests/end_to_end/test_quickstart.py runs it."""
PAGES = sorted(str(page.relative_to(ROOT)) for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]+)?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
OPTION_OF_THE_SHELL = {"export", "pytest", "litellm", "pip", "curl", "docker", "helm", "claude", "codex", "pip-audit"}


def _blocks(language: str, but: tuple[str, ...] = ()) -> list[Any]:
    names = [name for name in DOCUMENTS if name not in but]
    found = [
        (name, block) for name in names for kind, block in BLOCK.findall((ROOT / name).read_text(encoding="utf-8")) if kind == language
    ]
    return [pytest.param(block, id=f"{name}-{number}") for number, (name, block) in enumerate(found)]


def _commands(block: str) -> Iterator[list[str]]:
    for line in block.replace("\\\n", " ").splitlines():
        for command in re.split(r"&&|\|", line):
            yield shlex.split(re.sub(r">\s*\S+", "", command), comments=True)


@pytest.mark.parametrize("block", _blocks("python", but=WITH_A_MODEL))
def test_python_runs(block: str) -> None:
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})


@pytest.mark.parametrize("block", _blocks("yaml"))
def test_yaml_is_a_configuration_without_findings(block: str) -> None:
    config = yaml.safe_load(block)
    assert findings(config) == ()
    assert list(litellm_config.served(config))


@pytest.mark.parametrize("block", _blocks("bash"))
def test_shell_commands_exist(block: str) -> None:
    for words in _commands(block):
        if words and words[0] == "token-guard":
            assert_known(words[1:])
        else:
            assert not words or words[0] in OPTION_OF_THE_SHELL


def assert_known(words: list[str]) -> None:
    """Parse as the command line would, without running anything."""
    command = get_command(app).commands[words[0]]  # type: ignore[attr-defined]
    command.make_context(words[0], words[1:])


def test_extras_that_are_installed_exist() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = set(re.findall(r"'\.\[(\w+)\]'", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named
    assert named <= declared.keys()


@pytest.mark.parametrize("document", PAGES)
def test_links_lead_somewhere(document: str) -> None:
    page = ROOT / document
    targets = {(page.parent / path if path else page, anchor[1:]) for path, anchor in LINK.findall(page.read_text(encoding="utf-8"))}
    assert [str(path) for path, _ in targets if not path.exists()] == []
    assert [anchor for path, anchor in targets if anchor and anchor not in _anchors(path)] == []


def _anchors(page: Path) -> set[str]:
    """The names of a page's headings in links."""
    headings = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
