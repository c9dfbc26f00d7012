"""`token-guard limits`: a model's context window, who says so, and what everybody else said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from token_guard.budget import ContextLimit
from token_guard.commands import litellm_config
from token_guard.commands.findings import unreadable
from token_guard.commands.inputs import InputError, model_or
from token_guard.commands.merges import merges
from token_guard.guard import Guard
from token_guard.limits import Answer, Deployment, Discovery, Learned, LimitChain, Served, advice, unsaid
from token_guard.proxy.routed import as_routed
from token_guard.settings import Settings
from token_guard.stores import open_store, trouble_with
from token_guard.stores.files import is_there

__all__ = ["Known", "Limits", "asked", "limits"]

_ASKED_AT_ONCE = 8
"""Servers that are waited for at a time: most of the wait is that for those which are down."""


@dataclass(frozen=True, slots=True)
class Known:
    """One model (of one deployment), its limit, and what each source of the chain answered."""

    served: Served
    limit: ContextLimit
    answers: tuple[Answer, ...]

    @property
    def guessed(self) -> bool:
        """Whether nobody knows the model."""
        return self.limit.source == "default"

    @property
    def unsaid(self) -> str:
        """What is to be done where nobody has said which window its server has loaded; else empty."""
        return unsaid(self.served.model, self.limit)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of several models."""

    known: tuple[Known, ...]
    wildcards: tuple[str, ...]
    explain: bool
    warnings: tuple[str, ...] = ()
    """What is wrong: limits that cannot be read, deployments whose windows LiteLLM mixes up."""
    silent: tuple[str, ...] = ()
    """A line on each model whose server was asked and named no window."""

    @property
    def found(self) -> bool:
        """Whether a model is known by the default alone, or something is wrong."""
        return bool(self.warnings) or any(known.guessed or known.unsaid for known in self.known)

    def as_json(self) -> Mapping[str, Any]:
        """One object per model; with its chain when that was asked for."""
        models = [_as_json(known, self.explain) for known in self.known]
        return {"models": models, "wildcards": list(self.wildcards), "warnings": list(self.warnings), "silent": list(self.silent)}

    def show(self, out: Console, remarks: Console, /) -> None:
        """A table of the models, and a table of the chain for each when that was asked for."""
        if self.known:
            out.print(_overview(self.known))
        for known in self.known if self.explain else ():
            out.print(_chain(known))
        for model in self.wildcards:
            remarks.print(f"{model}: depends on the model that a request asks for", soft_wrap=True)
        for line in self.silent:
            remarks.print(line, soft_wrap=True)
        unknown = (advice(known.served.model, known.served.deployment, known.limit) for known in self.known if known.guessed)
        for warning in (*self.warnings, *unknown, *(known.unsaid for known in self.known if known.unsaid and not known.guessed)):
            remarks.print(warning, style="yellow", soft_wrap=True)


def limits(models: Sequence[str], config: str | None, explain: bool, environ: Mapping[str, str], *, discover: bool = False) -> Limits:
    """The limits of the models named, and of every deployment of a LiteLLM configuration; raises InputError without either.

    With `discover`, or where the configuration switches discovery on, the deployments' servers are asked and waited for.
    """
    if not models and config is None:
        raise InputError("limits of what? name models, or a LiteLLM configuration with --config")
    if discover and config is None:
        raise InputError("discover what? --discover asks the servers of a LiteLLM configuration, given with --config")
    document = {} if config is None else litellm_config.load(config, environ)
    settings = Settings.load(litellm_config.options(document))
    deployments = list(litellm_config.served(document))
    everyone = [*(Served(model_or(model, {}), Deployment()) for model in models), *deployments]
    concrete = [served for served in everyone if "*" not in served.model]
    chain, routed, silent = asked(settings, concrete, discover=discover)
    known = tuple(_known(chain, served) for served in routed)
    wildcards = tuple(served.model for served in everyone if "*" in served.model)
    wrong = (f"{key}: {complaint}" for served in deployments for key, complaint in unreadable(served))
    return Limits(known, wildcards, explain, (*chain.complaints, *wrong, *merges(deployments)), silent)


def asked(
    settings: Settings, everyone: Sequence[Served], *, discover: bool = False
) -> tuple[LimitChain, Sequence[Served], tuple[str, ...]]:
    """The limits that a proxy with these settings would go by: with what its store has learned and, where discovery is switched on or
    wanted, what the deployments' servers say now, who are waited for; the deployments as what was learned of them is found; and a line
    on each that named no window."""
    discovery = Discovery.if_wanted(discover or settings.limits.discovery)
    silent = _ask(discovery[0], everyone) if discovery else ()
    learned = _learned(settings)
    routed = list(map(as_routed, everyone)) if learned.knows_any else everyone
    return Guard(settings, sources=(learned, *discovery)).limits, routed, silent


def _learned(settings: Settings) -> Learned:
    """What the proxies that keep their facts in the same store have learned. A file that is not there yet is not made for the question,
    and the Redis of a proxy is known to that proxy alone."""
    can_be_read = not settings.store.startswith("proxy:") and not trouble_with(settings.store) and is_there(settings.store)
    return Learned(open_store(settings.store if can_be_read else "memory:"), settings.limits.learned_ttl_seconds)


def _ask(discovery: Discovery, everyone: Sequence[Served]) -> tuple[str, ...]:
    """Have all servers asked; a line on each that named no window, or did not answer."""
    known = [served for served in everyone if served.deployment.api_base]
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as threads:
        found = list(threads.map(lambda served: discovery.ask(served.model, served.deployment), known))
    mute = (served for served, limit in zip(known, found, strict=True) if limit is None)
    return tuple(f"{one.model}: its server {discovery.trouble(one.model, one.deployment)}" for one in mute)


def _known(chain: LimitChain, served: Served) -> Known:
    limit, answers = served.shown_limit(chain), chain.explain(served.model, served.deployment)
    own = (Answer("request", limit, "named by its litellm_params"),) if limit.source == "request" else ()
    return Known(served, limit, (*own, *answers))


def _as_json(known: Known, explain: bool) -> dict[str, Any]:
    chain = {"chain": [asdict(answer) for answer in known.answers]} if explain else {}
    return {"model": known.served.model, "group": known.served.deployment.group, **asdict(known.limit), **chain}


def _overview(known: Sequence[Known]) -> Table:
    table = Table("model", "served as")
    for title in ("context window", "longest reply"):
        table.add_column(title, justify="right")
    table.add_column("source")
    for one in known:
        style = "yellow" if one.guessed else None
        table.add_row(one.served.model, one.served.deployment.group, *_numbers(one.limit), one.limit.source, style=style)
    return table


def _chain(known: Known) -> Table:
    table = Table("source", title=known.served.model, title_justify="left")
    for title in ("context window", "longest reply"):
        table.add_column(title, justify="right")
    table.add_column("note")
    for answer in known.answers:
        chosen = answer.limit is not None and answer.source == known.limit.source
        table.add_row(answer.source, *_numbers(answer.limit), answer.note, style="bold" if chosen else None)
    return table


def _numbers(limit: ContextLimit | None) -> tuple[str, str]:
    """Both windows for a table.

    >>> _numbers(ContextLimit(128_000, None))
    ('128,000', '-')
    """
    if limit is None:
        return "-", "-"
    return f"{limit.max_input_tokens:,}", f"{limit.max_output_tokens:,}" if limit.max_output_tokens else "-"
