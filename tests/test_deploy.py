"""What docs/deploy has for containers is taken by the linters of its kinds, and says what the guard reads."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from token_guard.commands.findings import findings

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / "docs/deploy"

CHART: Final[Mapping[str, Any]] = {
    "image": ("repository", "pullPolicy", "tag"),
    "replicaCount": (),
    "environmentSecrets": (),
    "redis": ("enabled", "architecture"),
    "proxy_config": ("model_list", "litellm_settings", "general_settings", "callback_settings", "router_settings"),
}
"""Of the values of LiteLLM's chart (deploy/charts/litellm-helm/values.yaml) those that are set here; `proxy_config` becomes config.yaml."""

SET_BY_THE_CHART: Final = {"PROXY_MASTER_KEY", "REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD"}
"""What its deployment puts into the environment, with `redis.enabled`."""


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed (the extra lint brings it)")
    checked = run(hadolint, str(FOLDER / "Dockerfile"))
    assert checked.returncode == 0, checked.stdout


def test_the_dockerfile_is_two_lines_and_installs_extras_that_exist() -> None:
    base, install = (FOLDER / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert base.startswith("FROM ghcr.io/berriai/litellm:")
    extras = re.search(r"/src\[([\w,]+)\]", install)
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert extras
    assert set(extras[1].split(",")) <= declared.keys()


def test_the_compose_file_is_one_by_its_specification() -> None:
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema is not installed (the extra lint brings it)")
    checked = run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FOLDER / "compose.yaml"))
    assert checked.returncode == 0, checked.stdout


def test_the_compose_file_mounts_builds_and_names_what_is_there() -> None:
    services = read("compose.yaml")["services"]
    proxy, config = services["proxy"], read("config.yaml")
    build = proxy["build"]
    assert (FOLDER / build["context"] / build["dockerfile"]).resolve() == FOLDER / "Dockerfile"
    source, target, _ = proxy["volumes"][0].split(":")
    assert (FOLDER / source).exists()
    assert target == proxy["command"][proxy["command"].index("--config") + 1]
    host = re.fullmatch(r"redis://(\w+):6379/0", config["callback_settings"]["token_guard"]["store"])
    assert host
    assert host[1] in services.keys() & proxy["depends_on"].keys()
    assert named_in(config) <= set(proxy["environment"])


def test_the_values_are_those_of_the_chart() -> None:
    values = read("values.yaml")
    assert values.keys() <= CHART.keys()
    for name, known in CHART.items():
        assert not known or set(values[name]) <= set(known)
    assert named_in(values["proxy_config"]) - SET_BY_THE_CHART == {"OPENAI_API_KEY"}
    assert values["environmentSecrets"]
    assert values["redis"]["enabled"]


@pytest.mark.parametrize("config", [read("config.yaml"), read("values.yaml")["proxy_config"]], ids=["compose", "chart"])
def test_nothing_is_to_be_complained_about(config: Any) -> None:
    assert findings(config) == ()


def named_in(config: Any) -> set[str]:
    """The variables of the environment that a configuration reads."""
    return set(re.findall(r"os\.environ/(\w+)", yaml.safe_dump(config)))
