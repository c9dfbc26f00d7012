"""The command line, `token-guard`: what each command takes, how results are printed, and the exit status.

0 is fine, 1 means that something was found, 2 that the command was used wrongly. Results go to standard output,
remarks and errors to standard error. Commands are imported when they run, so that help and completion are instant.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from token_guard.errors import TokenGuardError

if TYPE_CHECKING:
    from token_guard.commands import Outcome

__all__ = ["app", "main"]

FINDINGS = 1
WRONG_USAGE = 2

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

ModelOption = Annotated[str | None, typer.Option("--model", "-m", help="The model; else the one that the request names, else gpt-4o.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; an error that token_guard raises on purpose is one line on standard error and exit status 2."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        app(list(sys.argv[1:] if arguments is None else arguments), prog_name="token-guard")
    except TokenGuardError as error:
        print(f"token-guard: {error}", file=sys.stderr)
        raise SystemExit(WRONG_USAGE) from None


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(version("token-guard"))
        raise typer.Exit


@app.callback()
def token_guard(
    _version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """See what token_guard does to requests: count them, look up limits, compact them, check a configuration."""


@app.command()
def count(
    files: Annotated[list[str] | None, typer.Argument(help="Texts, or chat requests in JSON; - is standard input.")] = None,
    model: ModelOption = None,
    var: Annotated[list[str] | None, typer.Option("--var", help="name=value: replaces {name} before counting; may be repeated.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Count the tokens of texts and chat requests.

    Status 1 when one of them is larger than its model's window, or cannot be read.
    """
    from token_guard.commands.count import count as run

    counted = run(files or ["-"], model, var or [])
    for error in counted.errors:
        print(f"token-guard: {error}", file=sys.stderr)
    _finish(counted, as_json)


@app.command()
def limits(
    models: Annotated[list[str] | None, typer.Argument(help="Names of models, with or without a provider prefix.")] = None,
    config: Annotated[str | None, typer.Option("--config", "-c", help="A LiteLLM configuration: all its deployments.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what every source of the chain said.")] = False,
    discover: Annotated[bool, typer.Option("--discover", help="Ask the servers of the configuration for their windows now.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show context windows and who says so.

    Status 1 when nobody knows a model, when a limit cannot be read, or when LiteLLM mixes the windows of deployments up.
    """
    from token_guard.commands.limits import limits as run

    _finish(run(models or [], config, explain, os.environ, discover=discover), as_json)


@app.command()
def compact(
    file: Annotated[str, typer.Argument(help="A chat request or a list of messages in JSON; - is standard input.")],
    model: ModelOption = None,
    max_input_tokens: Annotated[int | None, typer.Option("--max-input-tokens", "-n", min=1, help="Hard cap of the prompt.")] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Show what became of each message instead of the request.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print a request as it would be forwarded.

    Status 1 when it cannot be made to fit.
    """
    from token_guard.commands.compact import compact as run

    _finish(run(file, model, max_input_tokens, diff), as_json)


@app.command()
def check_config(
    config: Annotated[str, typer.Argument(help="A LiteLLM proxy configuration in YAML.")],
    as_json: JsonOption = False,
) -> None:
    """Check a LiteLLM configuration.

    Only what concerns the guard; status 1 when something is wrong.
    """
    from token_guard.commands.check_config import check_config as run

    _finish(run(config, os.environ), as_json)


@app.command()
def demo() -> None:
    """Show a refused request, then the same one answered.

    Through a real LiteLLM proxy on this machine; needs no key and no network.
    """
    from rich.console import Console

    from token_guard.demo import run_demo

    raise typer.Exit(run_demo(Console()))


def _finish(outcome: Outcome, as_json: bool) -> None:
    """Print the outcome and leave with its status. What is printed is other people's text: no markup is read out of it."""
    if as_json:
        print(json.dumps(outcome.as_json(), indent=2))
    else:
        from rich.console import Console

        outcome.show(Console(markup=False, highlight=False, emoji=False), Console(stderr=True, markup=False, highlight=False, emoji=False))
    raise typer.Exit(FINDINGS if outcome.found else 0)
