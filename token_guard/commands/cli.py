"""The command line, `token-guard`: what each command takes, how results are printed, and the exit status.

0 is fine, 1 means that something was found, 2 that the command was used wrongly, 130 that Ctrl-C ended it. Results go to standard output,
remarks and errors to standard error. Commands are imported when they run, so that help and completion are instant.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from token_guard.errors import TokenGuardError

if TYPE_CHECKING:
    from rich.console import Console

    from token_guard.commands import Outcome

__all__ = ["app", "main"]

FINDINGS = 1
WRONG_USAGE = 2

IN_A_PIPE = 10_000
"""Columns for what no terminal shows."""

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

shadow = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Compare what models do next over whole and compacted requests.")
app.add_typer(shadow, name="shadow")

ModelOption = Annotated[str | None, typer.Option("--model", "-m", help="The model; else the one that the request names, else gpt-4o.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; an error that token_guard raises on purpose is one line on standard error and exit status 2."""
    sys.stdin, sys.stdout, sys.stderr = _open(sys.stdin, "r"), _open(sys.stdout, "w"), _open(sys.stderr, "w")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        try:
            app(list(sys.argv[1:] if arguments is None else arguments), prog_name="token-guard")
        finally:
            sys.stdout.flush()
    except TokenGuardError as error:
        print(f"token-guard: {error}", file=sys.stderr)
        raise SystemExit(WRONG_USAGE) from None
    except OSError as error:  # of what a command reads and writes by itself it tells
        if error.errno != errno.EPIPE:
            print(f"token-guard: standard output: {error.strerror}", file=sys.stderr)
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a path that Python knows by name alone
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # what is left of it is not written again at the end of the process
        raise SystemExit(FINDINGS) from None


def _open(stream: TextIO | None, mode: str) -> TextIO:
    """A standard stream; one that nobody reads or writes in place of one that was closed before the process began."""
    return stream or open(os.devnull, mode, encoding="utf-8")  # type: ignore[return-value]  # noqa: PTH123


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
    paths: Annotated[
        list[str] | None, typer.Argument(help="Texts, chat requests in JSON, logs of them in JSON lines, folders; - is standard input.")
    ] = None,
    model: ModelOption = None,
    url: Annotated[list[str] | None, typer.Option("--url", "-u", help="Count what stands there; may be repeated.")] = None,
    var: Annotated[list[str] | None, typer.Option("--var", help="name=value: replaces {{name}} before counting; may be repeated.")] = None,
    total: Annotated[bool, typer.Option("--total", help="Print the sum alone.")] = False,
    sort: Annotated[bool, typer.Option("--sort", help="The largest first.")] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Count anew, and keep no count.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Count the tokens of texts and chat requests.

    Of folders all text files that .gitignore does not exclude. Status 1 when something is larger than its model's window, or cannot be
    counted.
    """
    from token_guard.commands.count import count as run

    nothing_named = [] if url else ["-"]
    counted = run(paths or nothing_named, url or [], model, var or [], cache=not no_cache)
    _tell(counted.errors)
    _finish(counted.shown_as(total=total, largest_first=sort), as_json)


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
def replay(  # noqa: PLR0913, PLR0917 - a parameter for each option, as typer has it
    logs: Annotated[
        list[str],
        typer.Argument(help="JSON lines, gzip or not: OpenAI batch files, LiteLLM's spend logs, plain requests, recorded sessions."),
    ],
    model: Annotated[str | None, typer.Option("--model", "-m", help="Replay everything for this model.")] = None,
    max_input_tokens: Annotated[int | None, typer.Option("--max-input-tokens", "-n", min=1, help="Hard cap of each prompt.")] = None,
    settings: Annotated[str | None, typer.Option("--settings", "-s", help="A YAML file of options, or a LiteLLM configuration.")] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Other options to compare with, or the python of an environment with another version.")
    ] = None,
    html: Annotated[str | None, typer.Option("--html", help="Write the report there, as a page that needs nothing else.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Sessions at a time; as many as there are cores.")] = None,
    engine: Annotated[str, typer.Option("--engine", help="local: processes of this machine; ray: a Ray cluster that is there.")] = "local",
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", help="The cluster; else RAY_ADDRESS, else the one on this machine. local starts one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the guard would have done to recorded requests.

    How many do not fit, what would be compacted or refused, what is kept, and what the prompts would cost before and after, with the
    provider's prompt cache. Status 1 when a line cannot be read.
    """
    from token_guard.commands.engines import Where
    from token_guard.commands.replay import replay as run

    replayed = run(logs, model, max_input_tokens, settings, against, html, where=Where(engine, workers, ray_address))
    _tell(replayed.errors)
    _finish(replayed, as_json)


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
def doctor(
    config: Annotated[str, typer.Option("--config", "-c", help="A LiteLLM proxy configuration in YAML.")],
    as_json: JsonOption = False,
) -> None:
    """Say in one screen whether a proxy would be guarded, and behind fix: what to do where not.

    Versions, the callback, options, the store, tokenizers, the windows of all deployments and who says so. Status 1 when something is
    wrong.
    """
    from token_guard.commands.doctor import doctor as run

    _finish(run(config, os.environ), as_json)


@shadow.command("report")
def shadow_report(
    config: Annotated[str | None, typer.Option("--config", "-c", help="The proxy's LiteLLM configuration, which names its store.")] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=90, help="How far back; counts are kept for 90 days.")] = 90,
    as_json: JsonOption = False,
) -> None:
    """Show whether compaction changes what models do next.

    How often two replies to a whole request differ, and how often one to the compacted request does, with 95 % intervals from 50 pairs
    on. Status 1 when compaction changes more than chance does.
    """
    from token_guard.commands.shadow import shadow_report as run

    _finish(run(config, days, os.environ), as_json)


@app.command()
def demo() -> None:
    """Show a refused request, then the same one answered.

    Through a real LiteLLM proxy on this machine; needs no key and no network.
    """
    from rich.console import Console

    from token_guard.demo import run_demo

    raise typer.Exit(run_demo(Console()))


def _tell(errors: Sequence[str]) -> None:
    from token_guard.commands.printable import printable

    for error in errors:
        print(f"token-guard: {printable(error)}", file=sys.stderr)


def _finish(outcome: Outcome, as_json: bool) -> None:
    """Print the outcome and leave with its status. What is printed is other people's text: no markup is read out of it."""
    if as_json:
        print(json.dumps(outcome.as_json(), indent=2))
    else:
        outcome.show(_console(sys.stdout), _console(sys.stderr))
    raise typer.Exit(FINDINGS if outcome.found else 0)


def _console(file: TextIO) -> Console:
    """Where people read; what is read by a program has lines as long as they are, so that no name is cut."""
    from rich.console import Console

    return Console(file=file, width=None if file.isatty() else IN_A_PIPE, markup=False, highlight=False, emoji=False)
