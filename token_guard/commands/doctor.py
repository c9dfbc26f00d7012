"""`token-guard doctor`: on one screen, whether a proxy with this configuration would be guarded, and what to do where not."""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, TypeAlias

from rich.console import Console

from token_guard.budget import ContextLimit
from token_guard.commands import litellm_config
from token_guard.commands.findings import findings
from token_guard.commands.limits import asked
from token_guard.counting import meter_for, own_meter_for
from token_guard.errors import ConfigError, TokenGuardError
from token_guard.limits import Served, unsaid
from token_guard.proxy.needs import lacking
from token_guard.settings import Settings
from token_guard.stores import answers, trouble_with

__all__ = ["Check", "Examined", "doctor"]

State: TypeAlias = Literal["ok", "note", "wrong"]

MARKS: Mapping[State, tuple[str, str]] = {"ok": ("ok", "green"), "note": ("note", "yellow"), "wrong": ("WRONG", "red")}

PACKAGES = ("token-guard", "litellm", "tiktoken", "pydantic")

EXTRAS: Mapping[str, tuple[str, str]] = {
    "fast": ("fastokens", "counts 6 to 12 times faster"),
    "claude": ("ctok", "Claude's own vocabulary"),
    "gemini": ("splintr", "Gemini's own vocabulary"),
    "metrics": ("prometheus_client", "token_guard_* metrics"),
}
"""What each extra of the package brings."""

UNGUARDED: Mapping[str, str] = {
    "embedding": "inputs are cut or refused only with on_too_long",
    "image_generation": "images are forwarded as they are",
    "audio_transcription": "sound is forwarded as it is",
    "audio_speech": "speech is forwarded as it is",
    "rerank": "documents are forwarded as they are",
    "realtime": "realtime sessions are forwarded as they are",
    "batch": "batch files are forwarded as they are",
}
"""Kinds of deployments, as model_info.mode names them, that have no turns to compact."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: how it stands, and what to do where it should not."""

    topic: str
    state: State
    message: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """All that was looked at."""

    config: str
    checks: tuple[Check, ...]

    @property
    def found(self) -> bool:
        """Whether anything is wrong."""
        return any(check.state == "wrong" for check in self.checks)

    def as_json(self) -> Mapping[str, Any]:
        """One object per check."""
        return {"config": self.config, "checks": [asdict(check) for check in self.checks]}

    def show(self, out: Console, _remarks: Console, /) -> None:
        """A line per check, and one below it for what to do."""
        for check in self.checks:
            mark, style = MARKS[check.state]
            out.print(f"{mark:5}  {check.topic:11} {check.message}", style=style if check.state != "ok" else None, soft_wrap=True)
            if check.fix:
                out.print(f"       {'':11} fix: {check.fix}", style=style, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class _Proxy:
    """A configuration, and the guard's options in it; None where they are wrong."""

    config: Mapping[str, Any]
    settings: Settings | None
    served: Sequence[Served]
    limits: Mapping[int | None, ContextLimit]
    """Of each deployment, by its place, what a proxy would go by."""
    silent: Sequence[str]
    """A line on each deployment whose server was asked and named no window."""


def doctor(name: str, environ: Mapping[str, str]) -> Examined:
    """Look at all that a proxy with the configuration in the file `name` needs; raises ConfigError or InputError when that cannot be
    read. No server is asked but the store's and, where discovery is switched on, those of the deployments."""
    config = litellm_config.load(name, environ)
    try:
        settings = Settings.load(litellm_config.options(config))
    except ConfigError:
        settings = None
    served = tuple(litellm_config.served(config))
    limits, silent = _windows(settings, [one for one in served if "*" not in one.model]) if settings else ({}, ())
    proxy = _Proxy(config, settings, served, limits, silent)
    return Examined(name, tuple(check for look in LOOKS for check in look(proxy)))


def _windows(settings: Settings, concrete: Sequence[Served]) -> tuple[Mapping[int | None, ContextLimit], Sequence[str]]:
    chain, routed, silent = asked(settings, concrete)
    return {one.place: one.shown_limit(chain) for one in routed}, silent


def _versions(_proxy: _Proxy) -> Iterator[Check]:
    yield Check("versions", "ok", f"Python {platform.python_version()}, " + ", ".join(f"{name} {_version(name)}" for name in PACKAGES))
    for line in lacking():
        yield Check("versions", "wrong", f"litellm: {line}", "install a version of litellm that has it")
    missing = [f"{extra} ({gives})" for extra, (module, gives) in EXTRAS.items() if importlib.util.find_spec(module) is None]
    if missing:
        names = ",".join(extra.partition(" ")[0] for extra in missing)
        yield Check("extras", "note", f"not installed: {'; '.join(missing)}", f"pip install 'token-guard[{names}]'")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _tokenizers(proxy: _Proxy) -> Iterator[Check]:
    for model in dict.fromkeys(served.model for served in proxy.served if "*" not in served.model):
        try:
            meter = own_meter_for(model) or meter_for(model)
            meter.text("a few words")
        except TokenGuardError as error:
            yield Check("tokenizer", "wrong", f"{model}: {error}", "install litellm again: its rank files are incomplete")
            continue
        how = "exact" if not meter.doubt else f"the provider may count up to {meter.doubt:.0%} more"
        yield Check("tokenizer", "ok", f"{model}: {meter.family}, offline, {how}")


def _store(proxy: _Proxy) -> Iterator[Check]:
    if proxy.settings is None:
        return
    url = proxy.settings.store
    shown = url.partition("?")[0].rpartition("@")[2] if "@" in url else url
    if trouble_with(url):
        return  # told among the findings
    if url.startswith("memory:"):
        yield Check(
            "store", "note", "memory: what is learned is gone with the process", "callback_settings.token_guard.store: sqlite:///path"
        )
    elif answers(url):
        yield Check("store", "ok", shown)
    else:
        yield Check("store", "wrong", f"{shown} does not answer: what is learned stays in each process", "start it, or name another store")


def _limits(proxy: _Proxy) -> Iterator[Check]:
    for served in proxy.served if proxy.settings else ():
        group, limit = served.deployment.group or served.model, proxy.limits.get(served.place)
        if limit is None:
            yield Check("limits", "ok", f"{group}: depends on the model that a request asks for")
        elif limit.source != "default" and not unsaid(served.model, limit):  # told among the findings
            yield Check("limits", "ok", f"{group}: {limit.max_input_tokens:,} tokens, says {limit.source}")
    for line in proxy.silent:
        yield Check("limits", "note", line, "start it, or write its window into model_info.max_input_tokens")


def _support(proxy: _Proxy) -> Iterator[Check]:
    for served in proxy.served:
        mode = str(served.deployment.model_info.get("mode") or "")
        if mode in UNGUARDED:
            yield Check("unguarded", "note", f"{served.deployment.group or served.model} ({mode}): {UNGUARDED[mode]}")
    if proxy.settings and proxy.settings.mode != "enforce":
        yield Check("mode", "note", f"{proxy.settings.mode}: nothing is compacted", "callback_settings.token_guard.mode: enforce")


def _findings(proxy: _Proxy) -> Iterator[Check]:
    """What check-config finds: the callback, the options, the store, windows that nobody knows."""
    known = {place for place, limit in proxy.limits.items() if limit.source in ("learned", "discovery")}
    found = [finding for finding in findings(proxy.config) if finding.place not in known]
    if not any(finding.key == "litellm_settings.callbacks" for finding in found):
        yield Check("callback", "ok", f"{litellm_config.CALLBACK} is switched on")
    for finding in found:
        if finding.key != "litellm":  # told with the versions
            what, fix = _parted(finding.message)
            yield Check("config", "wrong", f"{finding.key}: {what}", fix)


def _parted(message: str) -> tuple[str, str]:
    """What is wrong, and what to do, where a message says both.

    >>> _parted("the guard is not switched on; add callbacks: [...]")
    ('the guard is not switched on', 'add callbacks: [...]')
    """
    what, _, fix = message.partition("; ")
    return what, fix or "see docs/configuration.md for what is allowed there"


LOOKS: tuple[Callable[[_Proxy], Iterator[Check]], ...] = (_versions, _findings, _store, _tokenizers, _limits, _support)
