"""The engines that are compared: ours, two plain baselines, and those of other packages, each given its best chance.

An engine takes chat messages and a budget in tokens and returns the messages to forward.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Literal, Protocol, TypeAlias

from token_guard import Guard, Settings

__all__ = ["ENGINES", "MODEL", "OURS", "WINDOW", "Engine", "Fit", "Judge", "Wire", "available"]

Wire: TypeAlias = dict[str, Any]
Fit: TypeAlias = Callable[[list[Wire], int], Sequence[Wire]]

MODEL = "gpt-4o"
WINDOW = "window"
"""The engine that the others' losses and costs are a share of."""

OURS = ("adaptive", "overflow")
"""The engines that are this package's; the first is its default, which the others are compared with."""

PLACEHOLDER = "[old tool output omitted]"


class Judge(Protocol):
    """The independent counter, rules and yardstick: `evaluate.py` of the corpus."""

    def load(self, path: str, min_tokens: int = 0, max_tokens: int = 10**9, /) -> list[Wire]: ...
    def count(self, message: Wire, /) -> int: ...
    def total(self, messages: Sequence[Wire], /) -> int: ...
    def sliding_window(self, messages: list[Wire], budget: int, /) -> list[Wire]: ...
    def replay(self, fit: Fit, sessions: Sequence[list[Wire]], budget: int, /) -> dict[str, Any]: ...
    def evidence(self, fit: Fit, conversations: Sequence[Wire], fraction: float, /, *, max_evidence: int) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Engine:
    """One row of the comparison; `build` makes a fresh one, which remembers nothing of other runs."""

    name: str
    label: str
    build: Callable[[Judge], Fit]
    package: str = ""
    """What has to be installed for it; the engine is left out where it is missing."""
    most_sessions: Mapping[str, int] = field(default_factory=dict)
    """By set, for engines that take long: only so many sessions are replayed, and compared with the window on the same."""


def available(names: Sequence[str] = ()) -> tuple[Engine, ...]:
    """The engines of those names, or all, that this environment has the packages for."""
    wanted = (engine for engine in ENGINES if engine.name in names or not names)
    return tuple(engine for engine in wanted if not engine.package or find_spec(engine.package))


def _ours(policy: Literal["ahead", "overflow"]) -> Fit:
    guard = Guard(Settings(policy=policy))

    def fit(messages: list[Wire], budget: int) -> Sequence[Wire]:
        return guard.process({"model": MODEL, "messages": messages}, max_input_tokens=budget).request["messages"]  # type: ignore[no-any-return]

    return fit


def _masking(judge: Judge) -> Fit:
    """Old tool outputs become a fixed placeholder, the oldest first, until it fits."""

    def fit(messages: list[Wire], budget: int) -> Sequence[Wire]:
        done, tokens = list(messages), judge.total(messages)
        for place, message in enumerate(messages):
            if tokens <= budget:
                break
            if message["role"] == "tool":
                done[place] = {**message, "content": PLACEHOLDER}
                tokens += judge.count(done[place]) - judge.count(message)
        return done

    return fit


def _litellm_compress(_: Judge) -> Fit:
    import litellm

    def fit(messages: list[Wire], budget: int) -> Sequence[Wire]:
        # It raises on `"content": null`, which every other engine takes; target: all that is allowed.
        spoken = [message if message.get("content") is not None else {**message, "content": ""} for message in messages]
        return litellm.compress(spoken, MODEL, compression_trigger=budget, compression_target=budget)["messages"]  # type: ignore[no-any-return]

    return fit


def _litellm_trim(_: Judge) -> Fit:
    from litellm.utils import trim_messages

    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)  # it logs a traceback for each request that it gives up on
    return lambda messages, budget: trim_messages(messages, MODEL, max_tokens=budget)  # type: ignore[return-value]


def _langchain_trim(judge: Judge) -> Fit:
    """With the judge's exact counter, and cut before any user or assistant turn."""
    from langchain_core.messages import convert_to_messages, trim_messages

    def fit(messages: list[Wire], budget: int) -> Sequence[Wire]:
        sizes = [judge.count(message) for message in messages]
        named = [one.model_copy(update={"id": str(place)}) for place, one in enumerate(convert_to_messages(messages))]
        kept = trim_messages(
            named,
            max_tokens=budget,
            token_counter=lambda some: 3 + sum(sizes[int(str(one.id))] for one in some),
            strategy="last",
            include_system=True,
            start_on=("human", "ai"),
        )
        return [messages[int(str(one.id))] for one in kept]

    return fit


def _headroom(_: Judge) -> Fit:
    os.environ.update(HEADROOM_TELEMETRY="off", HEADROOM_OFFLINE="1", HEADROOM_CCR_BACKEND="memory")
    from headroom import compress

    def fit(messages: list[Wire], budget: int) -> Sequence[Wire]:
        return compress(messages, MODEL, budget, compress_system_messages=False, kompress_model="disabled").messages  # type: ignore[no-any-return]

    return fit


ENGINES = (
    Engine("adaptive", "token_guard, adaptive", lambda _: _ours("ahead")),
    Engine("overflow", "token_guard, overflow", lambda _: _ours("overflow")),
    Engine(WINDOW, "sliding window", lambda judge: judge.sliding_window),
    Engine("masking", "masking only", _masking),
    Engine("compress", "litellm.compress", _litellm_compress, most_sessions={"coding_agents": 1, "agent_sessions": 1}),
    Engine("trim", "litellm trim_messages", _litellm_trim, most_sessions={"coding_agents": 1, "agent_sessions": 1, "evidence": 1}),
    Engine("langchain", "langchain-core trim_messages", _langchain_trim, "langchain_core"),
    Engine("headroom", "headroom-ai compress", _headroom, "headroom"),
)
"""In the order of the tables."""
