"""llama.cpp's own server."""

from __future__ import annotations

from dataclasses import dataclass

from token_guard.limits.servers.answers import ANY_MODEL, Windows, limit_of, mapping
from token_guard.limits.servers.question import Question, root_of

__all__ = ["LlamaCpp"]


@dataclass(frozen=True, slots=True)
class LlamaCpp:
    """`GET /props` (https://github.com/ggml-org/llama.cpp/tree/master/tools/server)."""

    name: str = "llama_cpp"

    def question(self, base: str, _model: str) -> Question:
        """The properties of the server."""
        return Question(f"{root_of(base)}/props")

    def windows(self, content: object) -> Windows:
        """The window of one slot: of each request, where the server works on several at a time."""
        limit = limit_of(mapping(mapping(content).get("default_generation_settings")).get("n_ctx"))
        return {ANY_MODEL: limit} if limit else {}
