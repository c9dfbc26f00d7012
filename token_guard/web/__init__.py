"""The page and the routes that it needs, on the proxy's own application under `/token-guard/`, behind the proxy's own authentication."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter

from token_guard.guard import Guard
from token_guard.sessions import Recent
from token_guard.stores import Store
from token_guard.web.count import count_routes
from token_guard.web.limits import limits_routes
from token_guard.web.overview import overview_routes
from token_guard.web.page import page_routes
from token_guard.web.sessions import session_routes
from token_guard.web.viewer import Host

__all__ = ["PATHS", "Host", "routes"]

_DATA: Final = ("sessions", "sessions/{id:path}", "stats", "overview", "count", "count/{task}", "limits")
PATHS: Final = tuple(f"/token-guard/{name}" for name in _DATA)
"""What answers with data, to whom it belongs."""


def routes(guard: Guard, recent: Recent, store: Store | None, host: Host, mode: str) -> Sequence[APIRouter]:
    """All of them; those of sessions where there is a store of them."""
    told = (page_routes(), overview_routes(recent, host, mode), count_routes(guard, host), limits_routes(guard, host))
    return (*told, session_routes(store, host.authenticate)) if store is not None else told
