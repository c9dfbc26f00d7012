"""What a short request pays for: the time of every hook that a proxy calls for one, in this process, without the network.

    python benchmarks/hooks.py [--beside FOLDER] [--rounds 9] [--requests 400] [--profile]

`--beside` measures another copy of the package (a worktree of an older commit) in the same process, round by round in turn, so that what
else the machine does befalls both. Shown are medians over the rounds of the mean microseconds of processor time that a request takes, in
all threads: a proxy's worker has one processor, and what the guard takes of it others wait for.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import importlib
import itertools
import logging
import pstats
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import litellm
from litellm.proxy import proxy_server
from litellm.proxy._types import UserAPIKeyAuth
from litellm.types.utils import CallTypes

PACKAGE = "token_guard"
HERE = Path(__file__).parent.parent
MODEL, GROUP = "gpt-4o", "main"
PARAMETERS = {"model": f"openai/{MODEL}", "api_base": "http://127.0.0.1:1/v1", "api_key": "none"}
DEPLOYMENT = {"model_name": GROUP, "litellm_params": PARAMETERS, "model_info": {"id": "d-128000", "max_input_tokens": 128_000}}
AUTH = UserAPIKeyAuth(api_key="sk-a-key", key_alias="a key", team_alias="a team", user_id="a user", request_route="/chat/completions")
IDENTITY = {"user_api_key_hash": "f" * 64, "user_api_key_alias": "a key", "user_api_key_team_alias": "a team", "user_api_key_auth": AUTH}

_numbers = itertools.count()


@dataclass(slots=True)
class Request:
    """One request on its way: what the proxy hands to the hooks before, while and after a deployment answers it."""

    number: int = field(default_factory=lambda: next(_numbers))
    messages: list[dict[str, Any]] = field(default_factory=list)
    """A short chat where none are given."""
    session: str = ""
    """The name that its client gives its session."""
    window: int = 128_000
    data: dict[str, Any] = field(default_factory=dict)
    event: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        messages = self.messages or [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"What is a ledger? I ask for the {self.number}. time, and I want one sentence."},
        ]
        call = f"call-{self.number}"
        headers = {"host": "localhost", "content-type": "application/json", "user-agent": "a client", "accept": "*/*"}
        metadata = {**IDENTITY, "model_group": GROUP, "attempted_retries": 0, "headers": headers}
        metadata |= {"session_id": self.session} if self.session else {}
        asked = {"model": GROUP, "messages": messages, "max_tokens": 256, "temperature": 0.2, "litellm_call_id": call}
        self.data = {**asked, "metadata": metadata, "proxy_server_request": {"headers": headers, "body": asked}}
        usage = {"prompt_tokens": 30, "completion_tokens": 8, "total_tokens": 38, "prompt_tokens_details": {"cached_tokens": 0}}
        payload = {"prompt_tokens": 30, "completion_tokens": 8, "metadata": {"usage_object": usage}, "model_map_information": {}}
        parameters = {"metadata": metadata, "model_info": self.model_info, "api_base": PARAMETERS["api_base"]}
        told = {
            "model": MODEL,
            "messages": messages,
            "call_type": "acompletion",
            "litellm_call_id": call,
            "optional_params": {"max_tokens": 256},
        }
        self.event = {**told, "litellm_params": parameters, "standard_logging_object": payload, "stream": False}

    @property
    def model_info(self) -> dict[str, Any]:
        """That of the deployment which answers it."""
        return {"id": f"d-{self.window}", "max_input_tokens": self.window}

    @property
    def attempt(self) -> dict[str, Any]:
        """What the router makes of it for its deployment."""
        own = {"litellm_logging_obj": None, "shared_session": None, "litellm_trace_id": "a trace", "timeout": 600.0, "max_retries": 0}
        return {**self.data, **PARAMETERS, **own, "secret_fields": {}, "client": None, "model_info": self.model_info}


Hook = Callable[[Any, Request], Awaitable[Any]]


async def _before_the_call(callback: Any, request: Request) -> None:
    callback.log_pre_api_call(MODEL, request.data["messages"], request.event)


HOOKS: Mapping[str, Hook] = {
    "pre_call": lambda callback, request: callback.async_pre_call_hook(AUTH, None, request.data, "acompletion"),
    "filter_deployments": lambda callback, request: callback.async_filter_deployments(
        GROUP, [DEPLOYMENT], request.data["messages"], request.data, None
    ),
    "pre_call_deployment": lambda callback, request: callback.async_pre_call_deployment_hook(request.attempt, CallTypes.acompletion),
    "log_pre_api_call": _before_the_call,
    "response_headers": lambda callback, request: callback.async_post_call_response_headers_hook(request.data, AUTH, None),
    "logging": lambda callback, request: callback.async_logging_hook(request.event, None, "acompletion"),
    "success_event": lambda callback, request: callback.async_log_success_event(request.event, None, None, None),
}
"""In the order in which a proxy calls them."""


@dataclass(frozen=True)
class Copy:
    """One copy of the package, with a callback of its own."""

    name: str
    modules: dict[str, ModuleType]
    callback: Any

    @contextmanager
    def imported(self) -> Iterator[None]:
        """What is imported inside of functions is this copy's."""
        _forget()
        sys.modules.update(self.modules)
        yield


def _forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def opened(name: str, folder: Path) -> Copy:
    """The package of a folder, imported beside those that are there."""
    from prometheus_client import REGISTRY

    _forget()
    sys.path.insert(0, str(folder))
    try:
        plugin = importlib.import_module(f"{PACKAGE}.proxy.plugin")
        settings = importlib.import_module(f"{PACKAGE}.settings")
        callback = plugin.TokenGuardCallback(settings.Settings(store="memory:"))
        callback.guard.warm_up()
    finally:
        sys.path.remove(str(folder))
    for collector in set(REGISTRY._names_to_collectors.values()):  # the next copy opens metrics of the same names
        if type(collector).__module__ == "prometheus_client.metrics":
            REGISTRY.unregister(collector)
    return Copy(name, {key: module for key, module in sys.modules.items() if key.partition(".")[0] == PACKAGE}, callback)


async def measured(copy: Copy, requests: int) -> dict[str, float]:
    """The mean seconds of processor time of each hook, of so many requests."""
    spent = dict.fromkeys(HOOKS, 0.0)
    for _ in range(requests):
        request = Request()
        for name, hook in HOOKS.items():
            began = time.process_time()
            await hook(copy.callback, request)
            spent[name] += time.process_time() - began
    return {name: seconds / requests for name, seconds in spent.items()}


def rounds_of(copies: list[Copy], rounds: int, requests: int) -> dict[str, list[dict[str, float]]]:
    """The rounds of each copy, in turn; the first of each warms up and does not count."""
    found: dict[str, list[dict[str, float]]] = {copy.name: [] for copy in copies}
    for round_ in range(rounds + 1):
        for copy in copies if round_ % 2 else copies[::-1]:
            with copy.imported():
                gc.collect()
                times = asyncio.run(measured(copy, requests))
                found[copy.name] += [times] if round_ else []
    return found


def show(found: Mapping[str, list[dict[str, float]]]) -> None:
    """One line for each hook, one column for each copy."""
    print(f"{'microseconds of a short request':32s}" + "".join(f"{name:>12s}" for name in found))
    for hook in (*HOOKS, "all"):
        columns = [[sum(times.values()) if hook == "all" else times[hook] for times in rounds] for rounds in found.values()]
        print(f"{hook:32s}" + "".join(f"{1e6 * statistics.median(column):12.1f}" for column in columns))


def profile(copy: Copy, requests: int) -> None:
    """Where the time goes, by function."""
    asyncio.run(measured(copy, requests))
    profiler = cProfile.Profile()
    profiler.runcall(asyncio.run, measured(copy, requests))
    pstats.Stats(profiler).sort_stats("tottime").print_stats(45)


def main() -> None:
    """Print the table, or the profile."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--beside", type=Path)
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--requests", type=int, default=400)
    options.add_argument("--profile", action="store_true")
    asked = options.parse_args()
    logging.getLogger("token_guard").setLevel(logging.INFO)
    proxy_server.llm_router = litellm.Router(model_list=[DEPLOYMENT])
    copies = [opened(*named) for named in (("beside", asked.beside), ("here", HERE)) if named[1]]
    if asked.profile:
        profile(copies[-1], asked.requests)
    else:
        show(rounds_of(copies, asked.rounds, asked.requests))


if __name__ == "__main__":
    main()
