"""The reference of the command line, docs/cli.md, made from the help texts: `python -m token_guard.commands.reference > docs/cli.md`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from token_guard.commands.cli import app

__all__ = ["reference"]

INTRODUCTION = """# The command line

Made from the help texts by `python -m token_guard.commands.reference`; a test says when it is not current.
Exit status: 0 fine, 1 something was found, 2 wrong usage, 130 ended by Ctrl-C, 143 by SIGTERM. `--json` prints the result for programs.
"""


def reference() -> str:
    """The reference as Markdown."""
    return "\n".join([INTRODUCTION, *("\n".join(_section(name, command)) for name, command in _commands(get_command(app)))])


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """The commands of a group and of the groups in it, each with its whole name."""
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _section(name: str, command: Any) -> Iterator[str]:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option" and parameter.name != "help"]
    usage = " ".join(["token-guard", name, *(["[OPTIONS]"] if options else []), *map(_usage, arguments)])
    yield f"## `{usage}`\n"
    yield from (f"{' '.join(paragraph.split())}\n" for paragraph in (command.help or "").split("\n\n"))
    if arguments or options:
        yield "| | |\n| --- | --- |"
        yield from (f"| `{_usage(argument)}` | {argument.help or ''} |" for argument in arguments)
        yield from (f"| `{', '.join(option.opts)}` | {option.help or ''} |" for option in options)
        yield ""


def _usage(argument: Any) -> str:
    shown = f"{argument.name.upper()}{'...' if argument.nargs == -1 else ''}"
    return shown if argument.required else f"[{shown}]"


if __name__ == "__main__":
    print(reference(), end="")
