"""Counting for people: files, pages, requests."""

from __future__ import annotations

from token_guard.settings.section import Section

__all__ = ["CountingSettings"]


class CountingSettings(Section):
    """Counting for people: files, pages, requests."""

    allowed_hosts: tuple[str, ...] = ()
    """Private hosts whose pages may be counted by URL: names, patterns (*.corp.example) and networks (10.0.0.0/8)."""
