"""Ways of compacting, by name: which passes run, weakest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from token_guard.compaction import Pass
from token_guard.compaction.deduplicate import Deduplicate
from token_guard.compaction.mask_observations import MaskObservations
from token_guard.compaction.summarize import WEIGHTS, Summarize
from token_guard.compaction.summarize_old import SummarizeOld
from token_guard.compaction.truncate import Truncate
from token_guard.settings import Settings

__all__ = ["STRATEGIES", "passes"]

Strategy: TypeAlias = Callable[[Settings], tuple[Pass, ...]]

HYBRID_WINDOW = 0.5
"""Half of the target for the newest exchanges as they came; instructions, task and notes share the other half."""


def passes(settings: Settings, *, keyed: bool = False) -> tuple[Pass, ...]:
    """The passes of the strategy that the settings name, with their options; where the model can ask for originals, what stands in their
    place names their keys."""
    found = STRATEGIES[settings.strategy](settings)
    return tuple(map(_keyed, found)) if keyed else found


def _keyed(step: Pass) -> Pass:
    match step:
        case MaskObservations() | Summarize():
            return replace(step, keyed=True)
        case SummarizeOld():
            return replace(step, summarize=replace(step.summarize, keyed=True))
    return step


def _adaptive(settings: Settings) -> tuple[Pass, ...]:
    """Outputs become placeholders where that is enough, repeats pointers, what matters least a summary; outputs of what is left become
    placeholders, the oldest goes."""
    return (
        MaskObservations(**settings.mask.model_dump(), only_if_enough=True),
        Deduplicate(**settings.deduplicate.model_dump(), exempt_tools=settings.mask.exempt_tools),
        _summary(settings),
        MaskObservations(**settings.mask.model_dump()),
        _window(settings),
    )


def _sliding_window(settings: Settings) -> tuple[Pass, ...]:
    """The oldest exchanges go, and nothing is put in their place."""
    return (Truncate(**settings.truncate.model_dump(), tells=False),)


def _summarization(settings: Settings) -> tuple[Pass, ...]:
    """All exchanges before the last turn go into a summary; what is still too long is cut."""
    return (SummarizeOld(_summary(settings)), _window(settings))


def _hybrid(settings: Settings) -> tuple[Pass, ...]:
    """The newest exchanges stay as they came, up to half of the target, and all older ones go into a summary."""
    return (SummarizeOld(_summary(settings), window=HYBRID_WINDOW), _window(settings))


STRATEGIES: Mapping[str, Strategy] = {
    "adaptive": _adaptive,
    "sliding_window": _sliding_window,
    "summarization": _summarization,
    "hybrid": _hybrid,
}
"""Every strategy leaves instructions, task, last user message and last turn alone, and ends with the pass that always fits."""


def _summary(settings: Settings) -> Summarize:
    options = settings.summarize.model_dump()
    return Summarize(**{**options, "weights": {**WEIGHTS, **options["weights"]}})


def _window(settings: Settings) -> Truncate:
    return Truncate(**settings.truncate.model_dump(), max_directives=settings.summarize.max_directives)
