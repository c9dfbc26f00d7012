"""The options that may differ from one request to the next."""

from __future__ import annotations

from typing import Final

__all__ = ["OVERRIDABLE"]

OVERRIDABLE: Final = ("mode", "strategy", "policy", "thresholds", "trigger", "target", "reserve_output", "on_overflow")
"""By deployment, team, key and, where `client_overrides` allows it, by client; all others hold for the whole process."""
