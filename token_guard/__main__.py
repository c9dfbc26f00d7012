"""`python -m token_guard` is the command `token-guard`."""

from __future__ import annotations

from token_guard.commands.interrupts import interruptible

__all__ = ["main"]


def main() -> None:
    """Run the command line; Ctrl-C ends it also while it is being loaded."""
    with interruptible():
        from token_guard.commands.cli import main as run

        run()


if __name__ == "__main__":
    main()
