"""`/token-guard/overview`: what the last hour's requests of this process add up to."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, HTTPException

from token_guard.sessions import Recent
from token_guard.web.viewer import PREFIX, DataRoute, Host, Viewer, viewing

__all__ = ["overview_routes"]


def overview_routes(recent: Recent, host: Host, mode: str) -> APIRouter:
    """The route over the requests of the last hour; `mode` is what the guard does by default."""
    router = APIRouter(prefix=PREFIX, tags=["token_guard"], route_class=DataRoute)
    who = viewing(host.authenticate)

    @router.get("/overview")
    async def overview(viewer: Viewer = who) -> dict[str, Any]:
        """Figures in all, by model and over time: of a key's own requests, or for an administrator of all."""
        if not viewer.sees_all and not viewer.owner:
            raise HTTPException(403, "no key is known for this request, so that no request is its own")
        found = await host.away(viewer.owner, partial(recent.overview, None if viewer.sees_all else viewer.owner))
        return {"scope": "all" if viewer.sees_all else "own", "mode": mode, **found}

    return router
