"""A LiteLLM proxy with the guard and the same without it, under the same load, in turn.

    python benchmarks/proxy.py [--clients 1 --clients 16 --clients 64] [--rounds 5] [--scale 1.0] [--out docs]

Both stand before one stand-in upstream that refuses what is longer than its window; a third has a callback that does nothing. Rounds take
turns, so that what else the machine does befalls all; what is compared is a round with the rounds beside it. With `--out` it writes
performance.md and its plot.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import typer
from load import KINDS, MODEL, Round, run
from performance import page

from token_guard.demo.proxy import Proxy
from token_guard.demo.upstream import Upstream

if TYPE_CHECKING:
    from performance import Figures

__all__ = ["ARMS", "main"]

WINDOW: Final = 128_000
ARMS: Final[Mapping[str, Sequence[str]]] = {
    "bare": [],
    "idle callback": ["idle_callback.callback"],
    "token_guard": ["token_guard.callback"],
}
"""The proxies, by their callbacks."""

REQUESTS: Final[Mapping[str, Callable[[int], int]]] = {
    "short chats": lambda clients: 120 + 6 * clients,
    "mixed sessions": lambda clients: 40 + 2 * clients,
}
"""Requests of a round by so many clients: a few seconds."""


@dataclass(frozen=True, slots=True)
class _Arm:
    name: str
    proxy: Proxy

    def round(self, load: str, clients: int, requests: int, seed: int) -> Round:
        return run(self.proxy.url, self.proxy.key, self.proxy.pid, load, clients, requests, seed)


def config(upstream: Upstream, callbacks: Sequence[str], window: int = WINDOW) -> dict[str, Any]:
    """One model, whose window is known."""
    params = {"model": "openai/gpt-4o", "api_base": upstream.url, "api_key": "none"}
    deployment = {"model_name": MODEL, "litellm_params": params, "model_info": {"id": MODEL, "max_input_tokens": window}}
    return {"model_list": [deployment], "litellm_settings": {"callbacks": list(callbacks)}}


def measured(arms: Sequence[_Arm], clients: Sequence[int], rounds: int, scale: float) -> Figures:
    """All rounds, by load, clients and arm; the first of each load warms up and does not count."""
    found: dict[tuple[str, int], dict[str, list[Round]]] = {}
    for load in KINDS:
        for arm in arms:
            arm.round(load, 4, max(20, int(scale * 60)), seed=0)
        for many in clients:
            requests = max(many, int(scale * REQUESTS[load](many)))
            rows = found[load, many] = {arm.name: [] for arm in arms}
            for number in range(rounds):
                turn = number % len(arms)
                for arm in (*arms[turn:], *arms[:turn]):
                    rows[arm.name].append(arm.round(load, many, requests, seed=number + 1))
            ratios = [ours.rate / bare.rate for ours, bare in zip(rows["token_guard"], rows["bare"], strict=True)]
            typer.echo(f"{load}, {many} clients: {statistics.median(ratios):.3f} of the throughput", err=True)
    return found


def main(
    clients: Annotated[list[int], typer.Option(help="Clients at once; may be repeated.")] = [1, 16, 64],  # noqa: B006
    rounds: Annotated[int, typer.Option(help="Rounds of each proxy.")] = 5,
    scale: Annotated[float, typer.Option(help="Longer or shorter rounds.")] = 1.0,
    out: Annotated[Path | None, typer.Option(help="The folder for performance.md and its plot.")] = None,
) -> None:
    """Measure, and show the page."""
    environment = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])}
    with ExitStack() as stack:
        upstream = stack.enter_context(Upstream(WINDOW))
        proxies = {name: stack.enter_context(Proxy(config(upstream, each), environment=environment)) for name, each in ARMS.items()}
        figures = measured([_Arm(name, proxy.wait()) for name, proxy in proxies.items()], clients, rounds, scale)
    text = page(figures, rounds, out)
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
