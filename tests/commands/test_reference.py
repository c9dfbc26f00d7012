from __future__ import annotations

from pathlib import Path

from token_guard.commands.reference import reference


def test_the_reference_of_the_command_line_is_current() -> None:
    """Make it anew with `python -m token_guard.commands.reference > docs/cli.md`."""
    assert (Path(__file__).parent.parent.parent / "docs" / "cli.md").read_text(encoding="utf-8") == reference()
