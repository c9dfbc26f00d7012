"""`token-guard check-config`: whether the guard is switched on in a LiteLLM configuration, and its options right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from token_guard.commands import litellm_config
from token_guard.commands.findings import Finding, findings

__all__ = ["Checked", "check_config"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A configuration file and what is wrong with it."""

    name: str
    findings: tuple[Finding, ...]

    @property
    def found(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.findings)

    def as_json(self) -> Mapping[str, Any]:
        """The findings, each with its key."""
        return {"config": self.name, "findings": [{"key": finding.key, "message": finding.message} for finding in self.findings]}

    def show(self, out: Console, remarks: Console, /) -> None:
        """One line per finding."""
        for finding in self.findings:
            out.print(f"{finding.key}: {finding.message}", style="red", soft_wrap=True)
        if not self.findings:
            remarks.print(f"{self.name}: nothing to complain about", style="green", soft_wrap=True)


def check_config(name: str, environ: Mapping[str, str]) -> Checked:
    """Check the configuration in the file `name`; raises ConfigError or InputError when it cannot be read."""
    return Checked(name, findings(litellm_config.load(name, environ)))
