"""Ollama."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from token_guard.limits.names import without_provider
from token_guard.limits.servers.answers import ANY_MODEL, Windows, limit_of, mapping
from token_guard.limits.servers.question import Question, root_of

__all__ = ["Ollama"]

_NUM_CTX: Final = re.compile(r"^[^\S\n]*num_ctx\s+([0-9]{1,12})[^\S\n]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Ollama:
    """`POST /api/show` (https://docs.ollama.com/api), a question about one model."""

    name: str = "ollama"

    def question(self, base: str, model: str) -> Question:
        """What the model file says."""
        return Question(f"{root_of(base)}/api/show", without_provider(model))

    def windows(self, content: object) -> Windows:
        """The `num_ctx` of the model file; without one, the window that the model was made for."""
        parameters = mapping(content).get("parameters")
        chosen = _NUM_CTX.search(parameters) if isinstance(parameters, str) else None
        info = mapping(mapping(content).get("model_info"))
        made_for = (value for key, value in info.items() if str(key).endswith(".context_length"))
        limit = limit_of(chosen[1]) if chosen else limit_of(next(made_for, None))
        return {ANY_MODEL: limit} if limit else {}
