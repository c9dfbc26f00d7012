"""LiteLLM's map of models, read from the file that the package ships.

The file comes before `litellm.model_cost` because a proxy writes the model_info of its config into the latter, under the names of
real models, so that one deployment's 1,000-token window becomes everyone's. `litellm.get_model_info` is never called: for some
providers it asks a server. The legacy key `max_tokens` is never read: it is an output length for most entries.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from token_guard.budget import ContextLimit
from token_guard.limits.names import canonical, spellings
from token_guard.limits.source import Deployment
from token_guard.limits.tokens import read_tokens

__all__ = ["CostMap", "LitellmMap", "has_separate_output", "packaged_entries", "packaged_map"]

_FILE: Final = "model_prices_and_context_window_backup.json"
# The vendors' own APIs: an unprefixed name means theirs before any reseller's. Vendors whose API gives other windows than their open
# weights have (dashscope, minimax), or that host the models of others (perplexity), are left out.
_FIRST_PARTY: Final = ("gemini", "mistral", "xai", "deepseek", "moonshot", "zai")
_CHAT_MODES: Final = frozenset({"chat", "completion", "responses"})

# Entries whose max_input_tokens is a limit of the input alone, by family and number; every other entry counts as the whole context.
_INPUT_ONLY: Final[tuple[tuple[str, frozenset[int]], ...]] = (
    # OpenAI: 400,000 context = 272,000 input + 128,000 output, 1,050,000 = 922,000 + 128,000; the API refuses by input alone
    # ("Input tokens exceed the configured limit of 272000 tokens"). Entries with 400,000 or 1,050,000 are the whole context.
    ("gpt-5", frozenset({272_000, 922_000})),
    ("gpt-6", frozenset({272_000, 922_000})),
    # Google lists "input token limit" and "output token limit" apart, and refuses by input alone ("The input token count exceeds the
    # maximum number of tokens allowed (1048576)"). Smaller numbers are resellers' caps or image and audio models.
    ("gemini-", frozenset({1_048_576, 2_097_152})),
)


def has_separate_output(model: str, max_input_tokens: int, max_output_tokens: int | None) -> bool:
    """Whether a map entry's input window stands beside its output; False where it is not certain, which reserves room for the reply.

    >>> has_separate_output("azure/gpt-5", 272_000, 128_000), has_separate_output("gpt-5.1-codex", 400_000, 128_000)
    (True, False)
    """
    name = model.rsplit("/", 1)[-1].lower()
    sizes = next((sizes for family, sizes in _INPUT_ONLY if name.startswith(family)), frozenset())
    return max_input_tokens in sizes and max_output_tokens is not None and max_output_tokens < max_input_tokens


@dataclass(frozen=True, slots=True)
class CostMap:
    """The windows of a cost map: by canonical name, and what the hosts of a model mostly give it."""

    limits: Mapping[str, tuple[str, ContextLimit]] = field(default_factory=dict)
    hosted: Mapping[str, ContextLimit] = field(default_factory=dict)

    @classmethod
    def build(cls, entries: Mapping[str, Mapping[str, Any]]) -> CostMap:
        """The index over a map in litellm's form; entries without a window are left out."""
        limits: dict[str, tuple[str, ContextLimit]] = {}
        hosts: dict[str, list[ContextLimit]] = {}
        for name, limit in _windows(entries):
            limits.setdefault(canonical(name), (name, limit))
            if "/" in name and entries[name].get("mode") in _CHAT_MODES:
                hosts.setdefault(canonical(name.rsplit("/", 1)[1]), []).append(limit)
        return cls(limits, {name: _usual(offers) for name, offers in hosts.items()})

    def find(self, model: str) -> tuple[str, ContextLimit] | None:
        """The entry of a model, with the name it has in the map: as it is spelled, then with less and less of the spelling."""
        for name in map(canonical, spellings(model)):
            for key in (name, *(f"{vendor}/{name}" for vendor in _FIRST_PARTY if "/" not in name)):
                if key in self.limits:
                    return self.limits[key]
        return None

    def usual(self, model: str) -> ContextLimit | None:
        """What most hosts in the map give a model of that name; only for names with a digit, others are no certain model names."""
        names = (canonical(name.rsplit("/", 1)[-1]) for name in spellings(model))
        return next((self.hosted[name] for name in names if name in self.hosted and any(map(str.isdigit, name))), None)


def _windows(entries: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ContextLimit]]:
    for name, entry in entries.items():
        limit = _window(name, entry)
        if limit:
            yield name, limit


def _window(name: str, entry: Mapping[str, Any]) -> ContextLimit | None:
    max_input, max_output = read_tokens(entry.get("max_input_tokens")), read_tokens(entry.get("max_output_tokens"))
    return ContextLimit(max_input, max_output, "litellm_map", has_separate_output(name, max_input, max_output)) if max_input else None


def _usual(offers: Sequence[ContextLimit]) -> ContextLimit:
    """The window that most offers have (the smaller on a tie) with the smallest output length beside it."""
    counts = Counter(offer.max_input_tokens for offer in offers)
    window = min(counts, key=lambda tokens: (-counts[tokens], tokens))
    outputs = [offer.max_output_tokens for offer in offers if offer.max_input_tokens == window and offer.max_output_tokens]
    return ContextLimit(window, min(outputs, default=None), "inference")


def packaged_entries() -> Mapping[str, Mapping[str, Any]]:
    """The entries of the map in the installed litellm, which is not imported, by model name; none where there is no such file."""
    package = importlib.util.find_spec("litellm")
    path = Path(package.origin).with_name(_FILE) if package and package.origin else None
    entries: Mapping[str, Mapping[str, Any]] = json.loads(path.read_bytes()) if path and path.is_file() else {}
    return entries


@functools.cache
def packaged_map() -> CostMap:
    """The windows in that map, read once on first use (about 50 ms)."""
    return CostMap.build(packaged_entries())


@dataclass(frozen=True, slots=True)
class LitellmMap:
    """Windows from the packaged map; names that it lacks, from the map of the running litellm."""

    name: str = "litellm_map"

    def __call__(self, model: str, _deployment: Deployment | None) -> ContextLimit | None:
        """The window of the nearest entry."""
        found = packaged_map().find(model) or _find_live(model)
        return found[1] if found else None

    def why(self, model: str, _deployment: Deployment | None) -> str:
        """The name of that entry."""
        found = packaged_map().find(model) or _find_live(model)
        return found[0] if found else ""


def _find_live(model: str) -> tuple[str, ContextLimit] | None:
    live = getattr(sys.modules.get("litellm"), "model_cost", None)
    if not isinstance(live, Mapping):
        return None
    entries = ((name, entry) for name in spellings(model) if isinstance(entry := live.get(name), Mapping))
    return next(((name, limit) for name, entry in entries if (limit := _window(name, entry))), None)
