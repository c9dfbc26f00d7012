"""Trials on a Ray cluster that is there: found as all of Ray's programs find it, and left as it was."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import logging
import os
import re
import socket
import threading
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from token_guard.commands.engines.tried import AHEAD, EngineError, Tried
from token_guard.commands.interrupts import deferred
from token_guard.simulation import Options, Session, Total, trial

__all__ = ["Ray", "tried_on_a_node"]

RUNNING = "auto"
"""Ray's name for the cluster that runs on this machine; `local` is its name for one that is started for this command alone."""

ADDRESS = re.compile(r"(?:ray://)?(?P<host>[^/:]+|\[[^]]+\]):(?P<port>\d{1,5})$")

PATIENCE_SECONDS = 10.0
"""How long a cluster's address may take to answer: Ray itself tries for minutes, and says so line by line."""

CONNECTED_SECONDS = 60.0
"""How long it may take to be connected: some seconds where all is well, twenty where a cluster is started on a busy machine."""

LOOK_SECONDS = 0.2
"""How long Ray is waited for at a time: no signal is seen while it waits."""

DECISIVE = ("token-guard", "litellm", "tiktoken", "ctok", "splintr-rs")
"""The packages that the figures come from: the guard, the map of prices and windows, the tokenizers."""

Versions = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ray:
    """The cluster at `address`, else at RAY_ADDRESS, else the one that runs on this machine; at most so many sessions at a time."""

    address: str | None = None
    at_a_time: int | None = None

    def __call__(self, sessions: Sequence[Session], options: Options) -> Generator[Tried, None, None]:
        """What came of each session, as soon as it is there."""
        with _connected(self.address or os.environ.get("RAY_ADDRESS") or RUNNING) as ray:
            remote, shared = ray.remote(tried_on_a_node), ray.put(options)
            most = self.at_a_time or AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
            waiting: dict[Any, int] = {}
            for place, session in enumerate(sessions):
                with deferred():
                    waiting[remote.remote(session, shared, _versions())] = place
                while len(waiting) >= most:
                    yield from _finished(ray, waiting)
            while waiting:
                yield from _finished(ray, waiting)


def tried_on_a_node(session: Session, options: Options, versions: Versions) -> list[Total]:
    """The trial of a session, by the same packages as where the logs are; raises EngineError where those differ."""
    here = _versions()
    differing = [
        f"{name} {here[name] or 'missing'}, here {version or 'missing'}" for name, version in versions.items() if here[name] != version
    ]
    if differing:
        raise EngineError(f"Ray's node {socket.gethostname()} has {'; '.join(differing)}: install the same versions on all nodes")
    return trial(session, options)


@functools.cache
def _versions() -> Versions:
    return {name: _version(name) for name in DECISIVE}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Ray, connected to a cluster; raises EngineError where it is not installed, or nothing is there."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # before it is imported: Ray counts its users otherwise
    try:
        ray = importlib.import_module("ray")
    except ImportError as error:
        raise EngineError(f"--engine ray needs Ray ({error}): pip install 'token-guard[ray]', in the version of the cluster") from None
    _knock(address)
    _init(ray, address)
    try:
        yield ray
    except (ray.exceptions.RayError, ModuleNotFoundError) as error:
        raise _explained(error) from None
    finally:
        with deferred():
            ray.shutdown()


def _knock(address: str) -> None:
    """See that there is somebody at an address that names a host and a port."""
    found = ADDRESS.match(address)
    if found is None:
        return
    try:
        socket.create_connection((found["host"].strip("[]"), int(found["port"])), PATIENCE_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _nobody(address, getattr(error, "strerror", None) or str(error)) from None


def _init(ray: Any, address: str) -> None:
    """Connect, in a thread that is left behind where it takes too long: Ray sees no signal meanwhile, and takes SIGTERM for itself."""
    logging.getLogger("ray").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module="ray")
    said: list[Exception] = []

    def init() -> None:
        try:
            ray.init(address=address, configure_logging=False, log_to_driver=False)
        except Exception as error:  # the address, the version of Ray or of Python, a token: Ray has a class for some, words for all
            said.append(error)

    thread = threading.Thread(target=init, name="connect to Ray", daemon=True)
    thread.start()
    thread.join(CONNECTED_SECONDS)
    if said or thread.is_alive():
        raise _nobody(address, _first_line(said[0]) if said else f"no connection within {CONNECTED_SECONDS:.0f} seconds")


def _nobody(address: str, why: str) -> EngineError:
    where = "running on this machine" if address == RUNNING else f"at {address}"
    return EngineError(
        f"no Ray cluster {where} to connect to ({why}): name one with --ray-address or RAY_ADDRESS, or start one with `ray start --head`; "
        "one that asks for a token needs RAY_AUTH_MODE=token and the token here too"
    )


def _finished(ray: Any, waiting: dict[Any, int]) -> Iterator[Tried]:
    with deferred():
        ready, _ = ray.wait(list(waiting), timeout=LOOK_SECONDS)
        found = [Tried(waiting.pop(one), ray.get(one)) for one in ready]
    yield from found


def _explained(error: Exception) -> EngineError:
    """What went wrong on a node, in one line."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, EngineError):
        return cause
    said = _last_line(cause or error)
    missing = "; token_guard has to be installed on all nodes" if "token_guard" in str(error) and "No module named" in str(error) else ""
    return EngineError(f"the Ray cluster did not replay a session: {said}{missing}")


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _last_line(error: BaseException) -> str:
    return next(reversed(str(error).strip().splitlines()), type(error).__name__)
