"""`python -m token_guard` is the command `token-guard`."""

from token_guard.commands.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
