"""One proxy for all modules that want nothing of it but deployments of their own: a start takes as long as thirty requests.

What a proxy learns it keeps by deployment, so that no module sees what another one did; their names are apart.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import openai

from token_guard.demo.proxy import Proxy
from token_guard.demo.stand_in import StandIn

__all__ = ["PLAIN", "WATCHED", "Part", "Shared", "behind", "client_of", "started", "with_this_folder"]

PLAIN, WATCHED = "token_guard.callback", "watched_callback.callback"
"""The two proxies, by their callback: the guard, and a guard that says when it is asked."""


@dataclass(frozen=True)
class Part:
    """What one module has behind a shared proxy: its stand-ins, and the deployments that lead to them."""

    upstreams: Mapping[str, StandIn]
    deployments: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Shared:
    """A running proxy, and the stand-ins of each module."""

    proxy: Proxy
    upstreams: Mapping[str, Mapping[str, Any]]


_PARTS: dict[str, dict[str, Callable[[], Part]]] = defaultdict(dict)


def behind(callback: str, module: str) -> Callable[[Callable[[], Part]], Callable[[], Part]]:
    """Says what a module wants to have behind a shared proxy, before that is started."""

    def kept(make: Callable[[], Part]) -> Callable[[], Part]:
        _PARTS[callback][module] = make
        return make

    return kept


@cache
def client_of(proxy: Proxy, key: str | None = None) -> openai.OpenAI:
    """The openai SDK before a proxy, made once: what it loads of certificates takes longer than a short request."""
    return openai.OpenAI(base_url=proxy.url, api_key=key or proxy.key, max_retries=0)


def started(callback: str, environment: Mapping[str, str]) -> Iterator[Shared]:
    """The proxy with this callback in front of the stand-ins of all modules that were collected."""
    with ExitStack() as stack:
        parts = {module: make() for module, make in _PARTS[callback].items()}
        for upstream in (upstream for part in parts.values() for upstream in part.upstreams.values()):
            stack.enter_context(upstream)
        config = {
            "model_list": [dict(deployment) for part in parts.values() for deployment in part.deployments],
            "litellm_settings": {"callbacks": [callback]},
            "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        }
        proxy = stack.enter_context(Proxy(config, environment=environment))
        yield Shared(proxy.wait(), {module: part.upstreams for module, part in parts.items()})


def with_this_folder() -> dict[str, str]:
    """An environment in which a proxy finds the callbacks of this folder."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH"))))}
