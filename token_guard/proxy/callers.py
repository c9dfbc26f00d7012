"""On whose behalf the guard itself calls a model: who pays for it, and whether they may use that model."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from token_guard.limits import Served
from token_guard.proxy.attempt import PLACES

__all__ = ["caller_of", "deployments", "identity_of", "may_call", "may_use", "owner_of", "proxys_redis", "router", "served", "told_of"]

_AUTH: Final = "user_api_key_auth"

# What LiteLLM itself hands on to the calls that its own features make (litellm_core_utils/internal_call_metadata.py).
_IDENTITY: Final = (
    "user_api_key",
    "user_api_key_hash",
    "user_api_key_alias",
    "user_api_key_team_id",
    "user_api_key_team_alias",
    "user_api_key_org_id",
    "user_api_key_user_id",
    "user_api_key_end_user_id",
    _AUTH,
)

_PROXY: Final = "litellm.proxy.proxy_server"

# A proxy connects to its Redis while it starts, within seconds of loading its callbacks.
_REDIS_SECONDS: Final = 15.0


def router() -> Any:
    """The router of the proxy that this process is; None without one."""
    return getattr(sys.modules.get(_PROXY), "llm_router", None)


def proxys_redis() -> Any:
    """The client of the Redis that this proxy itself uses; waits for it, because a proxy has it some time after its callbacks.

    Raises LookupError where there is none.
    """
    deadline = time.monotonic() + _REDIS_SECONDS
    while (cache := getattr(sys.modules.get(_PROXY), "redis_usage_cache", None)) is None:
        if time.monotonic() > deadline:
            raise LookupError("this proxy uses no Redis; litellm_settings.cache or general_settings.coordination_redis names one")
        time.sleep(0.1)
    return cache.redis_client


def deployments(group: str | None = None, team: str | None = None) -> Sequence[Mapping[str, Any]]:
    """The deployments behind a name of the router, those of a team among them, or all of them; none without a router."""
    listed = getattr(router(), "get_model_list", None)
    return (listed(group, **({"team_id": team} if team else {})) or ()) if callable(listed) else ()


def served(group: str | None = None, auth: Any = None) -> list[Served]:
    """The same for whoever `auth` is, each opened: those that a name reaches as an alias or through a wildcard, too."""
    return [Served.read(entry, group=group) for entry in deployments(group, getattr(auth, "team_id", None))]


def identity_of(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a request's metadata by which LiteLLM attributes spend."""
    bucket = told_of(kwargs)
    identity = {name: bucket[name] for name in _IDENTITY if name in bucket}
    return {**identity, _AUTH: _without_reservation(identity[_AUTH])} if _is_proof(identity.get(_AUTH)) else identity


def told_of(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metadata that say who sent a request: those that the proxy vouches for, else the first that there are."""
    buckets = [kwargs[place] for place in PLACES if isinstance(kwargs.get(place), Mapping)]
    # A client can send a bucket of its own, but JSON holds no such object.
    return next((bucket for bucket in buckets if _is_proof(bucket.get(_AUTH))), buckets[0] if buckets else {})


def caller_of(kwargs: Mapping[str, Any]) -> str:
    """Who sent a request, as far as the proxy has told: callers take turns by it, and it decides nothing else."""
    buckets = (kwargs.get(place) for place in PLACES)
    known = (bucket.get("user_api_key_hash") or bucket.get("user_api_key") for bucket in buckets if isinstance(bucket, Mapping))
    return next((key for key in known if isinstance(key, str)), "")


def owner_of(kwargs: Mapping[str, Any]) -> str:
    """The hash of the key that sent a request; empty where the proxy has not checked one: what a client says of itself counts nothing."""
    told = told_of(kwargs)
    return str(told.get("user_api_key_hash") or "") if _is_proof(told.get(_AUTH)) else ""


async def may_call(model: str, identity: Mapping[str, Any]) -> bool:
    """Whether the caller's key, team, project and user may use a model, and have budget for it; without a proxy there are no keys."""
    proxy = sys.modules.get(_PROXY)
    if proxy is None:
        return True
    auth = identity.get(_AUTH)
    try:
        return await may_use(model, auth) and await _has_budget(model, auth, proxy)
    except Exception:  # LiteLLM says no by an exception, of several classes
        return False


async def may_use(model: str, auth: Any) -> bool:
    """Whether a key that the proxy has checked, its team, project and user may use a model."""
    if not _is_proof(auth):
        return False
    from litellm.proxy.auth import auth_checks

    check: Any = getattr(auth_checks, "can_key_call_resolved_model", None) or auth_checks.can_key_call_model
    try:
        models = router()
        await check(model=model, llm_model_list=models.get_model_list() if models else None, valid_token=auth, llm_router=models)
    except Exception:  # LiteLLM says no by an exception, of several classes
        return False
    return True


async def _has_budget(model: str, auth: Any, proxy: Any) -> bool:
    """Whether a key that has budgets of its own by model has some left for this one."""
    limiter = getattr(proxy, "model_max_budget_limiter", None)
    if limiter is None or not getattr(auth, "model_max_budget", None):
        return True
    return bool(await limiter.is_key_within_model_budget(auth, model))


def _is_proof(auth: Any) -> bool:
    """Whether this is what the proxy makes of a key that it has checked."""
    types = sys.modules.get("litellm.proxy._types")
    return types is not None and isinstance(auth, types.UserAPIKeyAuth)


def _without_reservation(auth: Any) -> Any:
    """The reservation is the causing request's: a second call that carries it would settle it too early."""
    return auth.model_copy(update={"budget_reservation": None}) if getattr(auth, "budget_reservation", None) is not None else auth
