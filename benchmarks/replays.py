"""Whole sessions, request by request, through every engine, and what the corpus's judge says of it."""

from __future__ import annotations

import importlib.util
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from contexts import Context, FactsJudge, Reading, forwarding
from engines import WINDOW, Engine, Judge, Wire

__all__ = ["SETS", "Evidence", "Score", "SessionSet", "evidence", "facts_judge_of", "judge_of", "replayed", "sessions_of", "split"]

COUNTED = ("requests", "over", "too_big", "invalid", "errors", "at_risk", "retained", "sent", "cached", "cost")
"""What the judge counts and what is summed over sessions."""

FRACTION = 0.30
"""Budget of a question over a history, as a share of that history."""

MAX_EVIDENCE = 60
"""Questions with more evidence messages than this are left out: meetings have long evidence spans."""


@dataclass(frozen=True, slots=True)
class SessionSet:
    """Recorded sessions of one kind, by their size in tokens, and the budget that they are replayed at."""

    file: str
    budget: int
    min_tokens: int
    max_tokens: int = 10**9
    every: int = 1
    """Of the requests over the budget, every so many-th is read: in long sessions neighbours differ by one exchange, and one takes long."""


SETS = {
    "coding_agents": SessionSet("coding_agents", 16_000, 40_000, every=6),
    "agent_sessions": SessionSet("agent_sessions", 32_000, 60_000, 140_000, every=6),
    "tool_dialogues": SessionSet("tool_dialogues", 4_000, 5_000),
}


@dataclass(frozen=True, slots=True)
class Score:
    """An engine on a set; shares are of what the window loses and costs on the same sessions."""

    engine: Engine
    sessions: int
    requests: int
    over: int
    too_big: int
    invalid: int
    errors: int
    at_risk: int
    lost: int
    lost_share: float
    cache_hit: float
    cost_share: float
    milliseconds: float
    losses: tuple[int, ...] = ()
    """Facts lost, session by session."""
    contexts: tuple[Context, ...] = ()
    """What a reader finds, session by session; empty where nothing was read."""

    @property
    def context(self) -> Context:
        """What a reader finds on all sessions."""
        return Context.sum(self.contexts)

    @property
    def sent_too_big(self) -> int:
        """Requests that were forwarded too big, without those on which the engine raised."""
        return max(0, self.too_big - self.errors)

    @property
    def usable(self) -> bool:
        """Whether every request could be sent as it was forwarded."""
        return not (self.too_big or self.invalid or self.errors)


@dataclass(frozen=True, slots=True)
class Evidence:
    """An engine on questions over long dialogues: the share of evidence messages that it forwards."""

    engine: Engine
    dialogues: int
    recall: float
    too_big: int
    invalid: int


def judge_of(corpus: Path) -> Judge:
    """`evaluate.py` of a corpus as a module."""
    return _module(corpus, "evaluate")  # type: ignore[return-value]


def facts_judge_of(corpus: Path) -> FactsJudge:
    """`context_facts.py` of a corpus as a module; it imports the judge by name, so `judge_of` comes first."""
    return _module(corpus, "context_facts")  # type: ignore[return-value]


def _module(corpus: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, corpus / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def sessions_of(judge: Judge, corpus: Path, kind: SessionSet, most: int | None) -> list[list[Wire]]:
    """The set's sessions, the shortest first, so that an engine with a cap of its own takes the least time."""
    records = judge.load(str(corpus / f"{kind.file}.jsonl.gz"), kind.min_tokens, kind.max_tokens)
    return sorted((record["messages"] for record in records), key=len)[:most]


def split(judge: Judge, sessions: Sequence[list[Wire]], budget: int) -> tuple[list[list[Wire]], list[list[Wire]]]:
    """Sessions that can be made to fit, and those whose instructions alone are larger than the budget."""
    fits = [judge.total([message for message in session if message["role"] in ("system", "developer")]) <= budget for session in sessions]
    return tuple([session for session, fit in zip(sessions, fits, strict=True) if fit is wanted] for wanted in (True, False))  # type: ignore[return-value]


def replayed(
    judge: Judge,
    engines: Sequence[Engine],
    name: str,
    sessions: Sequence[list[Wire]],
    budget: int,
    tell: Callable[[str], None],
    read: Reading | None = None,
) -> list[Score]:
    """The scores of the engines, session by session side by side; the window is replayed for the shares in any case."""
    yardstick = Engine(WINDOW, WINDOW, lambda judge: judge.sliding_window)
    built = [(engine, engine.build(judge)) for engine in (*engines, yardstick)]
    results: dict[int, list[Mapping[str, Any]]] = {place: [] for place in range(len(built))}
    contexts: dict[int, list[Context]] = {place: [] for place in range(len(built))}
    for number, session in enumerate(sessions):
        for place, (engine, fit) in enumerate(built):
            if number < engine.most_sessions.get(name, len(sessions)):
                tell(f"{name} {number + 1}/{len(sessions)} {engine.label}")
                results[place].append(judge.replay(fit, [session], budget))
                if read and engine is not yardstick:
                    contexts[place].append(read(fit, session, budget))
    window = results[len(engines)]
    return [_score(engine, results[place], window[: len(results[place])], contexts[place]) for place, engine in enumerate(engines)]


def _score(engine: Engine, results: Sequence[Mapping[str, Any]], window: Sequence[Mapping[str, Any]], contexts: Sequence[Context]) -> Score:
    ours, theirs = _sum(results), _sum(window)
    lost, window_lost = (int(sums["at_risk"] - sums["retained"]) for sums in (ours, theirs))
    return Score(
        engine=engine,
        sessions=len(results),
        **{name: int(ours[name]) for name in ("requests", "over", "too_big", "invalid", "errors", "at_risk")},
        lost=lost,
        lost_share=lost / max(1, window_lost),
        cache_hit=ours["cached"] / max(1, ours["sent"]),
        cost_share=ours["cost"] / max(1, theirs["cost"]),
        milliseconds=statistics.median([result["ms"] for result in results] or [0.0]),
        losses=tuple(int(result["at_risk"] - result["retained"]) for result in results),
        contexts=tuple(contexts),
    )


def _sum(results: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {name: sum(result[name] for result in results) for name in COUNTED}


def evidence(judge: Judge, engines: Sequence[Engine], corpus: Path, most: int | None, tell: Callable[[str], None]) -> Iterator[Evidence]:
    """Questions over long dialogues at 30 % of the history, engine by engine."""
    every = [record for record in judge.load(str(corpus / "long_dialogues_qa.jsonl.gz")) if _has_evidence(record)]
    for engine in engines:
        tell(f"evidence {engine.label}")
        some = every[: engine.most_sessions.get("evidence", most)][:most]
        found = judge.evidence(forwarding(engine.build(judge)), some, FRACTION, max_evidence=MAX_EVIDENCE)
        yield Evidence(engine, len(some), found["recall"], found["too_big"], found["invalid"])


def _has_evidence(record: Wire) -> bool:
    return any(question.get("evidence_messages") for question in record["meta"].get("qa", ()))
