"""MODEL_LIMIT_<NAME>=tokens in the environment of the process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from token_guard.budget import ContextLimit
from token_guard.limits.configured import Configured, Unread, Written, look_up, written
from token_guard.limits.source import Deployment
from token_guard.limits.tokens import ALLOWED_TOKENS, read_tokens

__all__ = ["VARIABLE_PREFIX", "Environment"]

VARIABLE_PREFIX: Final = "MODEL_LIMIT_"


@dataclass(frozen=True, slots=True)
class Environment:
    """Windows from variables, read once.

    >>> Environment.read({"MODEL_LIMIT_OPENAI_GPT_4": "8k"})("gpt-4", None)
    ContextLimit(max_input_tokens=8000, max_output_tokens=None, source='environment', separate_output=False)
    """

    said: Written
    name: str = "environment"

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Environment:
        """The variables of an environment; those that are no number of tokens are complained about in `said`."""
        return cls(written(_entries(environ)))

    def __call__(self, model: str, deployment: Deployment | None) -> ContextLimit | None:
        """The window that a variable gives for the model or its public alias."""
        entry = look_up(self.said.table, model, deployment)
        return entry.limit if entry else None

    def why(self, model: str, deployment: Deployment | None) -> str:
        """The name of the variable."""
        entry = look_up(self.said.table, model, deployment)
        return entry.origin if entry else ""


def _entries(environ: Mapping[str, str]) -> Iterator[Configured | Unread]:
    for variable, value in sorted(environ.items()):
        if not variable.upper().startswith(VARIABLE_PREFIX):
            continue
        name, tokens = variable[len(VARIABLE_PREFIX) :], read_tokens(value)
        if tokens is None:
            yield Unread(name, f"{variable}={value!r} is no context window; allowed: {ALLOWED_TOKENS}")
        else:
            yield Configured(name, ContextLimit(tokens, source="environment"), variable)
