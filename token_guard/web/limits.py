"""`/token-guard/limits`: the window of every deployment, who says so, and how far its estimates are off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, HTTPException

from token_guard.case import calibrated_as
from token_guard.counting import Calibrations
from token_guard.guard import Guard
from token_guard.limits import LimitChain, Served, advice, unreadable_claims
from token_guard.web.viewer import PREFIX, DataRoute, Host, Viewer, viewing

__all__ = ["limits_routes"]


def limits_routes(guard: Guard, host: Host) -> APIRouter:
    """The route over the limits of a guard; what deployments there are is for administrators alone."""
    router = APIRouter(prefix=PREFIX, tags=["token_guard"], route_class=DataRoute)
    who = viewing(host.authenticate)

    @router.get("/limits")
    async def limits(viewer: Viewer = who) -> dict[str, Any]:
        """Every deployment: its limit and what each source says, its calibration, and what is wrong."""
        if not viewer.sees_all:
            raise HTTPException(403, "the list of deployments is for administrators; POST /token-guard/count tells the limit of one model")
        return await host.away(viewer.owner, lambda: _told(guard, host.served(None, None)))

    return router


def _told(guard: Guard, everyone: Sequence[Served]) -> dict[str, Any]:
    concrete = [served for served in everyone if "*" not in served.model]
    return {
        "deployments": [_deployment(guard.limits, guard.calibrations, served) for served in concrete],
        "wildcards": [served.model for served in everyone if "*" in served.model],
        "warnings": list(guard.limits.complaints),
    }


def _deployment(limits: LimitChain, calibrations: Calibrations, served: Served) -> dict[str, Any]:
    limit = served.shown_limit(limits)
    return {
        "id": served.deployment.id,
        "group": served.deployment.group,
        "model": served.model,
        **asdict(limit),
        "guessed": limit.source == "default",
        "calibration": _calibration(calibrations, served),
        "warnings": list(_warnings(limits, served)),
        "chain": [asdict(answer) for answer in limits.explain(served.model, served.deployment)],
    }


def _calibration(calibrations: Calibrations, served: Served) -> dict[str, Any] | None:
    known = calibrations.get(calibrated_as(served.model, served.deployment))
    if not known.samples:
        return None
    line = {"slope": round(known.slope, 4), "offset": round(known.offset, 1), "spread": round(known.spread, 4)}
    return {**line, "samples": len(known.samples), "trusted": known.trusted}


def _warnings(limits: LimitChain, served: Served) -> Iterator[str]:
    limit = served.shown_limit(limits)
    if limit.source == "default":
        yield advice(served.model, served.deployment, limit)
    for key, complaint in unreadable_claims(served.deployment.model_info):
        yield f"model_info.{key}: {complaint}"
