"""Windows inferred from a name, for models that no list has: retired ones, variants, weights that someone serves themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from token_guard.budget import ContextLimit
from token_guard.limits.families import FAMILIES, Family
from token_guard.limits.litellm_map import packaged_map
from token_guard.limits.names import family_forms
from token_guard.limits.source import Deployment

__all__ = ["Inference", "size_in_name"]

# "-32k", "-128k-", "-1m": a whole part of the name. Of the sizes in m only real windows count: smollm-135m has 135 million parameters.
_SIZE: Final = re.compile(r"(?:^|-)(?:(\d{1,4})k|(1|2|4|10)m)(?:-|$)")
# Up to 64k every vendor means powers of two (gpt-4-32k: 32,768); above, some mean 128,000 and some 131,072, so the smaller is taken.
_LAST_BINARY_SIZE: Final = 64


def size_in_name(name: str) -> int | None:
    """The window that a name states, in tokens, never more than is meant.

    >>> [size_in_name(name) for name in ("phi-3-mini-4k-instruct", "yarn-mistral-7b-128k", "glm-4-9b-chat-1m", "smollm-135m")]
    [4096, 128000, 1000000, None]
    """
    match = _SIZE.search(name)
    if not match:
        return None
    if match[2]:
        return int(match[2]) * 1_000_000
    thousands = int(match[1])
    return (thousands * 1024 if thousands <= _LAST_BINARY_SIZE else thousands * 1000) or None


@dataclass(frozen=True, slots=True)
class Inference:
    """Windows from a size in the name, the longest known family prefix, or what the hosts of that model mostly give."""

    name: str = "inference"

    def __call__(self, model: str, _deployment: Deployment | None) -> ContextLimit | None:
        """The inferred window."""
        found = _infer(model)
        return found[0] if found else None

    def why(self, model: str, _deployment: Deployment | None) -> str:
        """The rule that inferred it."""
        found = _infer(model)
        return found[1] if found else ""


def _infer(model: str) -> tuple[ContextLimit, str] | None:
    forms = family_forms(model)
    prefix = next((prefix for form in forms for prefix in _prefixes(form) if prefix in FAMILIES), "")
    size = size_in_name(forms[0])
    if size:
        return _sized(size, FAMILIES.get(prefix)), "size in the name"
    if prefix:
        return _of_family(FAMILIES[prefix]), f"family {prefix}"
    usual = packaged_map().usual(model)
    return (usual, "what most hosts give it") if usual else None


def _prefixes(form: str) -> Iterator[str]:
    """A name, then the same without its last part, and so on, so that the longest prefix in a table is met first."""
    while form:
        yield form
        form = form.rpartition("-")[0]


def _sized(size: int, family: Family | None) -> ContextLimit:
    output = family.max_output_tokens if family else None
    return ContextLimit(size, output if output and output < size else None, "inference")


def _of_family(family: Family) -> ContextLimit:
    return ContextLimit(family.max_input_tokens, family.max_output_tokens, "inference", family.separate_output)
