"""Every dependency has a lowest version, which the lowest lane of `.ci/run` installs, and can be imported."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import runpy
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT: Final = Path(__file__).parent.parent
PROJECT: Final[Mapping[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LANE: Final = runpy.run_path(str(ROOT / ".ci/lowest.py"))

MODULES: Final = {
    "pyyaml": "yaml",
    "pydantic-settings": "pydantic_settings",
    "splintr-rs": "splintr",
    "opentelemetry-sdk": "opentelemetry.sdk",
    "pytest-xdist": "xdist",
}
"""Packages whose module has another name."""


def requirements() -> Iterator[Requirement]:
    """All that the package and its extras need, but for those who check its style."""
    extras = (extra for name, extra in PROJECT["optional-dependencies"].items() if name != LANE["NOT_USED"])
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    yield from (Requirement(line) for line in lines if not line.startswith(LANE["OF_ITS_OWN"]))


def lowest() -> dict[str, Version]:
    """What the lowest lane asks for."""
    return {name: Version(version) for name, version in (line.split("==") for line in LANE["constraints"](PROJECT))}


NEEDED: Final = {one.name: one for one in requirements() if one.marker is None or one.marker.evaluate()}


def installed(name: str) -> Version:
    """Its version; skips where an extra is not installed."""
    try:
        return Version(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not installed")


def test_every_requirement_has_a_lowest_version_that_the_lowest_lane_asks_for() -> None:
    bounds = {one.name: max(Version(bound.version) for bound in one.specifier if bound.operator == ">=") for one in requirements()}
    assert bounds == lowest()


def test_nothing_that_is_required_has_an_upper_bound() -> None:
    """A bound from above would keep security fixes out; versions that are known to be bad are named."""
    assert {bound.operator for one in requirements() for bound in one.specifier} == {">=", "!="}


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_installed_is_allowed_and_can_be_imported(name: str) -> None:
    assert NEEDED[name].specifier.contains(installed(name), prereleases=True)
    importlib.import_module(MODULES.get(name, re.sub("-", "_", name)))


def test_the_lowest_lane_has_the_lowest_versions() -> None:
    if "LOWEST_VERSIONS" not in os.environ:
        pytest.skip("this is not the lowest lane")
    assert {name: installed(name) for name in NEEDED} == {name: lowest()[name] for name in NEEDED}
