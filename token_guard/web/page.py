"""`/token-guard/`: the page and its assets. They hold no data and need no key; what the page shows it asks for with the viewer's own."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response

from token_guard.web.viewer import PREFIX

__all__ = ["page_routes"]

KINDS: Final[Mapping[str, str]] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}
"""No script but our own files, nobody else's frame, and a look whether a file is still the same before it is used again."""


def page_routes() -> APIRouter:
    """The routes of the page, over the files that ship with the package."""
    router = APIRouter(prefix=PREFIX, include_in_schema=False)
    assets = _assets()

    @router.get("/")
    async def page(request: Request) -> Response:
        """The page itself."""
        return _answer(request, assets, "index.html")

    @router.get("/static/{name}")
    async def asset(name: str, request: Request) -> Response:
        """One of its files."""
        return _answer(request, assets, name)

    return router


def _assets() -> Mapping[str, tuple[bytes, str]]:
    """The files by name, each with what tells its versions apart."""
    found = ((file.name, file.read_bytes()) for file in files("token_guard.web").joinpath("static").iterdir() if _kind(file.name))
    return {name: (content, f'"{blake2b(content, digest_size=8).hexdigest()}"') for name, content in found}


def _answer(request: Request, assets: Mapping[str, tuple[bytes, str]], name: str) -> Response:
    if name not in assets:
        raise HTTPException(404, "no such file")
    content, version = assets[name]
    headers = {**HEADERS, "etag": version}
    if request.headers.get("if-none-match") == version:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=_kind(name))


def _kind(name: str) -> str | None:
    return next((kind for end, kind in KINDS.items() if name.endswith(end)), None)
