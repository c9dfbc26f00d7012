"""The example configuration and the tables of options say what Settings says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from token_guard.commands import litellm_config
from token_guard.commands.findings import findings
from token_guard.settings import Settings

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "config.example.yaml"
TABLE_ROW = re.compile(r"^\| `([a-z_.]+)` \| `(.*?)` \| (.*) \|$", re.MULTILINE)


def _plain(value: Any) -> Any:
    """As YAML and JSON see it: tuples are lists."""
    return json.loads(json.dumps(dict(value) if isinstance(value, Mapping) else value))


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(_plain(value))


def _at(section: Any, key: str) -> Any:
    for name in key.split("."):
        section = section[name]
    return section


def _example() -> dict[str, Any]:
    return yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["callback_settings"]["token_guard"]


def test_the_example_names_every_option_at_its_true_default(options: tuple[Any, ...]) -> None:
    example = _example()
    assert {option.key: _at(example, option.key) for option in options} == {option.key: _plain(option.default) for option in options}


def test_the_example_sets_nothing_that_is_not_an_option() -> None:
    assert Settings.load(_example()) == Settings()


def test_the_example_explains_every_option(options: tuple[Any, ...]) -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    explained = {line.split(":")[0].strip() for line in lines if re.match(r" +\w+:.*# \w", line)}
    assert {option.key.split(".")[-1] for option in options} <= explained


def test_nothing_is_to_be_complained_about_in_the_example() -> None:
    config = litellm_config.load(str(EXAMPLE), {})
    assert findings(config) == ()
    assert [served.deployment.group for served in litellm_config.served(config)] == ["demo"]


@pytest.mark.parametrize(("document", "complete"), [("README.md", False), ("docs/configuration.md", True)])
def test_the_tables_of_options_are_those_of_settings(options: tuple[Any, ...], document: str, complete: bool) -> None:
    rows = set(TABLE_ROW.findall((ROOT / document).read_text(encoding="utf-8")))
    wanted = {(option.key, _cell(option.default), option.meaning) for option in options if complete or "." not in option.key}
    assert rows == wanted
