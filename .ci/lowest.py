"""The lowest versions that pyproject.toml allows, as constraints for pip: `name==bound`, one a line."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

BOUND = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?>=([0-9.]+)")
"""Every requirement of pyproject.toml is written so; further clauses behind a comma only take versions out."""

NOT_USED = "lint"
"""The extra that the package does not run with; one version of a linter decides, the newest."""

OF_ITS_OWN = "token-guard["
"""An extra that names other extras."""


def constraints(project: Mapping[str, Any]) -> Iterator[str]:
    """One line for each package; where it is required twice, both name the same bound."""
    extras = (extra for name, extra in project["optional-dependencies"].items() if name != NOT_USED)
    required = [*project["dependencies"], *(item for extra in extras for item in extra)]
    bounds: dict[str, str] = {}
    for requirement in required:
        if requirement.startswith(OF_ITS_OWN):
            continue
        found = BOUND.match(requirement)
        if not found or bounds.setdefault(found[1], found[2]) != found[2]:
            raise SystemExit(f"pyproject.toml: {requirement}: expected name>=version, the same wherever it is required")
    return (f"{name}=={bound}" for name, bound in sorted(bounds.items()))


if __name__ == "__main__":
    document = tomllib.loads(Path(__file__).parent.parent.joinpath("pyproject.toml").read_text(encoding="utf-8"))
    sys.stdout.writelines(f"{line}\n" for line in constraints(document["project"]))
