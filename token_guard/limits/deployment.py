"""What a deployment's own `model_info` says, in the config or in the database of the proxy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from token_guard.budget import ContextLimit
from token_guard.limits.source import Deployment, Source
from token_guard.limits.tokens import ALLOWED_TOKENS, read_tokens

__all__ = ["CLAIMED", "Claims", "ModelInfo", "claims_of", "unreadable_claims", "words_of_claims"]

CLAIMED: Final = ("max_input_tokens", "max_output_tokens")
"""The keys that count in a model_info, and above them in its `token_guard` section."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a model_info says about windows; rubbish in it counts as not said."""

    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    base_model: str = ""
    overridden: bool = False
    """Whether the input window was said under `token_guard`, above litellm's own key."""


def claims_of(model_info: object) -> Claims:
    """The claims of a model_info, its `token_guard` section above its own keys.

    >>> claims_of({"max_input_tokens": "8192", "base_model": "azure/gpt-4o", "token_guard": {"max_output_tokens": 1024}})
    Claims(max_input_tokens=8192, max_output_tokens=1024, base_model='azure/gpt-4o', overridden=False)
    """
    info = _mapping(model_info)
    if not info:
        return Claims()
    own = _mapping(info.get("token_guard"))
    base_model = info.get("base_model")
    override = read_tokens(own.get("max_input_tokens"))
    return Claims(
        max_input_tokens=override or read_tokens(info.get("max_input_tokens")),
        max_output_tokens=read_tokens(own.get("max_output_tokens")) or read_tokens(info.get("max_output_tokens")),
        base_model=base_model.strip() if isinstance(base_model, str) else "",
        overridden=override is not None,
    )


def words_of_claims(model_info: object) -> str:
    """The same unread, in a tenth of the time: what says the same here claims the same.

    >>> words_of_claims({"max_input_tokens": "8192", "mode": "chat"}) == words_of_claims({"max_input_tokens": "8192"})
    True
    """
    info = _mapping(model_info)
    own = _mapping(info.get("token_guard"))
    return repr((info.get("base_model"), *map(info.get, CLAIMED), *map(own.get, CLAIMED)))


def unreadable_claims(model_info: object) -> Iterator[tuple[str, str]]:
    """The key and a complaint for each window of a model_info that is no number of tokens; one that is null is not said.

    >>> [key for key, _ in unreadable_claims({"max_input_tokens": "many", "token_guard": {"max_output_tokens": 0}})]
    ['max_input_tokens', 'token_guard.max_output_tokens']
    """
    info = _mapping(model_info)
    for prefix, section in (("", info), ("token_guard.", _mapping(info.get("token_guard")))):
        for key in CLAIMED:
            value = section.get(key)
            if value is not None and read_tokens(value) is None:
                yield prefix + key, f"{value!r} is no number of tokens; allowed: {ALLOWED_TOKENS}"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Windows that a deployment claims for itself, or those of the base model that it names."""

    known: tuple[Source, ...]
    """Who is asked about the base model, in this order."""
    name: str = "deployment"

    def __call__(self, model: str, deployment: Deployment | None) -> ContextLimit | None:
        """The claimed window; with only an output length or a base model claimed, the rest is what is known of that model."""
        claims = claims_of(deployment.model_info) if deployment else Claims()
        if claims.max_input_tokens:
            return ContextLimit(claims.max_input_tokens, claims.max_output_tokens, self.name)
        if not (claims.base_model or claims.max_output_tokens):
            return None
        limit = self._known(claims.base_model) or (self._known(model) if claims.max_output_tokens else None)
        return replace(limit, max_output_tokens=claims.max_output_tokens or limit.max_output_tokens, source=self.name) if limit else None

    def _known(self, model: str) -> ContextLimit | None:
        return next((limit for source in self.known if (limit := source(model, None))), None) if model else None

    def why(self, model: str, deployment: Deployment | None) -> str:
        """The key of the model_info that decides."""
        claims = claims_of(deployment.model_info) if deployment else Claims()
        if claims.max_input_tokens:
            return "model_info.token_guard.max_input_tokens" if claims.overridden else "model_info.max_input_tokens"
        if self(model, deployment) is None:
            return ""
        return f"model_info.base_model {claims.base_model}" if self._known(claims.base_model) else "model_info.max_output_tokens"
