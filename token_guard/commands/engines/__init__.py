"""Where sessions are replayed: by processes of this machine, or on a Ray cluster; each engine runs the same `trial` on every session."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import NamedTuple, Protocol

from token_guard.commands.engines.local import Local
from token_guard.commands.engines.on_ray import Ray
from token_guard.commands.engines.tried import EngineError, Tried
from token_guard.simulation import Options, Session

__all__ = ["ENGINES", "Engine", "EngineError", "Where", "engine_for"]


class Engine(Protocol):
    """Runs the trials of sessions."""

    def __call__(self, sessions: Sequence[Session], options: Options, /) -> Generator[Tried, None, None]:
        """What came of each session, as soon as it is there; raises EngineError where it cannot be run."""


class Where(NamedTuple):
    """What was asked for: an engine by its name, how many sessions at a time, and the address of a cluster."""

    engine: str = "local"
    workers: int | None = None
    ray_address: str | None = None


ENGINES: Mapping[str, Callable[[Where], Engine]] = {
    "local": lambda where: Local(where.workers),
    "ray": lambda where: Ray(where.ray_address, where.workers),
}


def engine_for(where: Where) -> Engine:
    """The engine that was asked for; raises EngineError for a name that none has, and for an address without a cluster to go with it."""
    if where.engine not in ENGINES:
        raise EngineError(f"--engine {where.engine}: no such engine; there are {' and '.join(ENGINES)}")
    if where.ray_address is not None and where.engine != "ray":
        raise EngineError("--ray-address goes with --engine ray")
    return ENGINES[where.engine](where)
