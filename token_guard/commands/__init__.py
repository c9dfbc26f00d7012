"""What the command line can do: each command takes plain values and returns an outcome that can be shown or printed as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Outcome"]


class Outcome(Protocol):
    """The result of one command."""

    @property
    def found(self) -> bool:
        """Whether something was found that needs attention (exit status 1)."""

    def as_json(self) -> Mapping[str, Any]:
        """The result for programs."""

    def show(self, out: Console, remarks: Console, /) -> None:
        """The result for people: what can be piped on `out`, the rest on `remarks`."""
