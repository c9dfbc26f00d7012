"""What the members of this family share: the deployment they are asked about, and the form of a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from token_guard.budget import ContextLimit

__all__ = ["Answer", "Deployment", "Source"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of a LiteLLM router: what is known about the upstream that receives a request."""

    id: str = ""
    group: str = ""
    """The public alias (`model_name` in the config) under which clients ask for it."""
    api_base: str = ""
    """Its server; empty where litellm knows it by the provider, and where a client brought a server or key of its own."""
    api_key: str = field(default="", repr=False)
    """The key for that server; shown nowhere, sent nowhere else."""
    model_info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one source said about a model, and in a few words where it has that from."""

    source: str
    limit: ContextLimit | None
    note: str = ""


class Source(Protocol):
    """One place that may know a model's context window: a frozen dataclass with a name and `__call__`."""

    @property
    def name(self) -> str:
        """The name under which limits, reports and headers show this source."""

    def __call__(self, model: str, deployment: Deployment | None, /) -> ContextLimit | None:
        """The limit that this source knows, or None; never raises, whatever the text or the model_info."""

    def why(self, model: str, deployment: Deployment | None, /) -> str:
        """Where that limit comes from, in a few words; empty when there is none."""
