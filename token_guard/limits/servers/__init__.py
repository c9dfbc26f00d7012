"""Servers that tell how much their models take: one file each, in the order in which an unknown server is asked.

A member is a frozen dataclass with a name, the question it is asked and the reading of the answer. A further one is added by its
file and its place in `SERVERS`.
"""

from __future__ import annotations

from typing import Final, Protocol

from token_guard.limits.servers.answers import Windows, limit_of, window_of
from token_guard.limits.servers.llama_cpp import LlamaCpp
from token_guard.limits.servers.lm_studio import LmStudio
from token_guard.limits.servers.ollama import Ollama
from token_guard.limits.servers.openai_models import OpenaiModels
from token_guard.limits.servers.question import Question
from token_guard.limits.servers.tgi import Tgi

__all__ = ["SERVERS", "Question", "Server", "Windows", "limit_of", "window_of"]


class Server(Protocol):
    """One kind of server."""

    @property
    def name(self) -> str:
        """The name under which explanations show it."""

    def question(self, base: str, model: str, /) -> Question:
        """What to ask at a deployment's api_base to learn about a model."""

    def windows(self, content: object, /) -> Windows:
        """The windows in the JSON of an answer, whatever it is; empty when it names none."""


# llama.cpp before Ollama, whose question it also answers, with less in it.
SERVERS: Final[tuple[Server, ...]] = (OpenaiModels(), LmStudio(), LlamaCpp(), Ollama(), Tgi())
