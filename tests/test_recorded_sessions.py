"""Whole recorded sessions, request by request: everything fits, nothing breaks."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from token_guard import fit

FIRST, EVERY = (0, 1) if os.environ.get("ALL_REQUESTS") else (3, 8)
"""Of each file every eighth session from the fourth on, which has every agent's but not the longest one, half of the time of all of
them; with ALL_REQUESTS=1 all."""


@pytest.fixture(scope="module")
def evaluate(corpus_folder: Path) -> ModuleType:
    """The corpus's own judge: an independent count and independent rules."""
    spec = importlib.util.spec_from_file_location("corpus_evaluate", corpus_folder / "evaluate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def fitted(messages: list[dict[str, Any]], budget: int) -> Any:
    return fit({"model": "gpt-4o", "messages": messages}, max_input_tokens=budget).request["messages"]


def possible(evaluate: ModuleType, corpus: Any, file: str, budget: int) -> list[list[dict[str, Any]]]:
    sessions = [record["messages"] for record in corpus(file)[FIRST::EVERY]]
    return [session for session in sessions if must_stay(evaluate, session) <= budget]


def must_stay(evaluate: ModuleType, session: list[dict[str, Any]]) -> int:
    """A system prompt larger than the budget cannot be helped: that is an error of its own, tested elsewhere."""
    return int(evaluate.total([message for message in session if message["role"] in ("system", "developer")]))


@pytest.mark.parametrize(("file", "budget"), [("tool_dialogues", 4_000), ("coding_agents", 16_000), ("agent_sessions", 32_000)])
def test_every_request_of_recorded_sessions_fits_is_valid_and_keeps_more_for_less_than_a_sliding_window(
    evaluate: ModuleType, corpus: Any, file: str, budget: int
) -> None:
    sessions = possible(evaluate, corpus, file, budget)
    ours, window = (evaluate.replay(compactor, sessions, budget) for compactor in (fitted, evaluate.sliding_window))
    assert ours["over"] > 100 // EVERY
    assert (ours["too_big"], ours["invalid"], ours["errors"], ours["complaints"]) == (0, 0, 0, {})
    assert ours["retention"] > window["retention"]
    assert ours["cost"] < (0.8 if file == "tool_dialogues" else 0.5) * window["cost"]
    assert ours["cache_hit"] > (0.8 if file == "tool_dialogues" else 0.85)
