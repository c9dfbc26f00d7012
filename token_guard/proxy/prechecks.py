"""The router's own check of context windows (`enable_pre_call_checks`), which comes before a request can be compacted.

It drops deployments that are too small and refuses the request when none is left. So deployments that fit are preferred here, and
what is left is handed on in copies without a limit: the guard fits the request to the true one afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from token_guard.guard import Guard
from token_guard.limits import Served
from token_guard.proxy.attempt import TRUE_MAX

__all__ = ["admissible"]

NO_LIMIT = 10**9
"""More tokens than any request has."""


def admissible(guard: Guard, group: str, deployments: Sequence[Any], request: Mapping[str, Any], api: str) -> list[Any]:
    """The deployments that take the request as it is; all of them when none does. In copies, without limits."""
    fitting = [one for one in deployments if _fits(guard, group, one, request, api)]
    return [_lifted(one) for one in fitting or deployments]


def _fits(guard: Guard, group: str, deployment: Mapping[str, Any], request: Mapping[str, Any], api: str) -> bool:
    served = Served.read(deployment, group=group)
    return guard.fits(served.received(request), api=api, deployment=served.deployment)


def _lifted(deployment: Mapping[str, Any]) -> dict[str, Any]:
    info = deployment.get("model_info") or {}
    return {**deployment, "model_info": {**info, "max_input_tokens": NO_LIMIT, TRUE_MAX: info.get("max_input_tokens")}}
