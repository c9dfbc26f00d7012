"""Windows that a request names: Ollama's `num_ctx`, Anthropic's beta of a million tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from token_guard.budget import ContextLimit
from token_guard.limits.names import canonical
from token_guard.limits.tokens import read_tokens

__all__ = ["as_requested"]

NAME: Final = "request"

_OLLAMA: Final = ("ollama/", "ollama_chat/")
_TOLD: Final = frozenset({"environment", "config_file", "deployment", "learned", "discovery"})
"""Sources that know this deployment: a request opens no window wider than they say."""

_BETA: Final = "context-1m"
_BETA_MODELS: Final = (
    *("claude-sonnet-4-5", "claude-4-5-sonnet", "claude-sonnet-4-2", "claude-sonnet-4-0", "claude-4-sonnet"),
    "claude-sonnet-4@",
)
"""Models whose window the beta widens (platform.claude.com/docs, context windows); newer ones have a million without it."""
_MILLION: Final = 1_000_000


def as_requested(limit: ContextLimit, model: str, request: Mapping[str, Any]) -> ContextLimit:
    """The limit that holds for a request, which may name a window of its own: where the operator or the server has said what the
    deployment takes, no wider one than that.

    >>> as_requested(ContextLimit(131_072), "ollama_chat/qwen3", {"num_ctx": 8_192}).max_input_tokens
    8192
    """
    window = _num_ctx(model, request) or _beta(model, request)
    if window is None or (limit.source in _TOLD and window >= limit.max_input_tokens):
        return limit
    output = limit.max_output_tokens
    return replace(limit, max_input_tokens=window, max_output_tokens=output if output and output < window else None, source=NAME)


def _num_ctx(model: str, request: Mapping[str, Any]) -> int | None:
    """What Ollama will cut the prompt to, in silence: a parameter of the deployment, an option of the request, or in its extra body."""
    if not (model.startswith(_OLLAMA) or request.get("custom_llm_provider") in ("ollama", "ollama_chat")):
        return None
    body = _mapping(request.get("extra_body"))
    said = (request, _mapping(request.get("litellm_params")), _mapping(request.get("optional_params")), body)
    places = (place for one in said for place in (one, _mapping(one.get("options"))))
    return next((window for place in places if (window := read_tokens(place.get("num_ctx")))), None)


def _beta(model: str, request: Mapping[str, Any]) -> int | None:
    if not _has_beta(model):
        return None
    return _MILLION if any(_BETA in words for words in _betas(request)) else None


@lru_cache(maxsize=1_024)
def _has_beta(model: str) -> bool:
    name = canonical(model.rsplit("/", 1)[-1])
    return any(known in f"{name}@" for known in _BETA_MODELS)


def _betas(request: Mapping[str, Any]) -> Iterator[str]:
    """The names of betas that come with a request: as headers, also those of the proxy's client, or in the body."""
    body = _mapping(request.get("extra_body"))
    holders = (request, _mapping(request.get("proxy_server_request")), _mapping(request.get("provider_specific_header")))
    for holder in holders:
        for headers in map(_mapping, (holder.get("extra_headers"), holder.get("headers"))):
            yield from (str(value) for key, value in headers.items() if str(key).lower() == "anthropic-beta")
    for place in (request, body):
        yield from (str(place.get(key) or "") for key in ("anthropic_beta", "betas"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
