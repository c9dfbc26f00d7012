"""Who looks, and the proxy that is looked at: a key sees what is its own, the master key and other administrators see all."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from fastapi import Depends, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from token_guard.limits import Deployment, Served

__all__ = ["PREFIX", "Away", "DataRoute", "Host", "Told", "Viewer", "viewer_of", "viewing"]

PREFIX: Final = "/token-guard"

_ADMINISTRATORS: Final = ("proxy_admin", "proxy_admin_viewer")
_MAY_DELETE: Final = ("proxy_admin",)

_LET_IN: Final = "token_guard_let_in"
"""What the state of a request has once the proxy has accepted its key."""
_REFUSED: Final = ("401", "403")
_KEYS: Final = ("authorization", "x-litellm-api-key", "x-api-key", "api-key", "x-goog-api-key", "ocp-apim-subscription-key")
"""Headers in which LiteLLM looks for a key."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Viewer:
    """A key by its hash, and whether it is one of an administrator, who sees all, and may delete what it sees."""

    owner: str
    sees_all: bool = False
    deletes_all: bool = False
    auth: Any = None
    """What the proxy itself says of the key."""

    def sees(self, owner: str) -> bool:
        """Whether the sessions of a key are shown. Where no key is known, only an administrator sees anything."""
        return self.sees_all or bool(self.owner and owner == self.owner)

    def deletes(self, owner: str) -> bool:
        """Whether the sessions of a key may be deleted."""
        return self.deletes_all or bool(self.owner and owner == self.owner)


class Away(Protocol):
    """Work in a thread, in turn with that of other callers; raises TimeoutError when it takes too long."""

    async def __call__(self, caller: str, work: Callable[[], T], /) -> T: ...


@dataclass(frozen=True, slots=True)
class Host:
    """What the routes need of the proxy that they are on."""

    authenticate: Callable[..., Any]
    """Its own dependency, which lets a key in or raises."""
    served: Callable[[str | None, Any], Sequence[Served]]
    """The deployments behind a model's public name, or all of them, by that and what the proxy says of the key."""
    may_use: Callable[[str, Any], Awaitable[bool]]
    """Whether a key may use a model, by the model's public name and what the proxy says of the key."""
    away: Away
    options: Callable[[Any, Deployment | None], Mapping[str, Any]] = lambda _auth, _deployment: {}
    """What holds for the requests of a key at a deployment, above the settings."""


class Told(JSONResponse):
    """JSON in ASCII: names come from clients, and half a surrogate pair, which JSON can hold, is no UTF-8."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class DataRoute(APIRoute):
    """A route whose answers nobody keeps, and which browsers take for nothing but what they are."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "response_class": Told})

    def get_route_handler(self) -> Callable[[Request], Any]:
        answer = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                response: Response = await answer(request)
            except Exception as error:
                if not hasattr(request.state, _LET_IN):
                    raise _refusal(request, error) from None
                if isinstance(error, RequestValidationError):  # FastAPI's own answer quotes the body, which need not be text
                    raise HTTPException(422, "; ".join(f"{_place(one['loc'])}: {one['msg']}" for one in error.errors())) from None
                raise
            response.headers.update({"cache-control": "no-store", "x-content-type-options": "nosniff"})
            return response

        return answered


def _place(path: Sequence[Any]) -> str:
    return ".".join(map(str, path))


def _refusal(request: Request, error: Exception) -> Exception:
    """What somebody is told whom the proxy has not let in: that, also where LiteLLM's own check of keys fails on the way to saying so,
    as it does without a database (500 without a key, 400 for one that it does not know)."""
    status = str(getattr(error, "status_code", None) or getattr(error, "code", ""))
    if status in _REFUSED:
        return error
    if not any(name in request.headers for name in _KEYS):
        return HTTPException(401, "no key: send one of the proxy's, as Authorization: Bearer <key>")
    if getattr(error, "type", "") == "no_db_connection":
        return HTTPException(401, "the proxy does not know this key")
    return error if status else HTTPException(401, "the proxy cannot check this key: it is none, or the request's body is no JSON object")


def viewing(authenticate: Callable[..., Any]) -> Any:
    """The dependency that says who looks."""

    async def viewer(request: Request, auth: Any = Depends(authenticate)) -> Viewer:  # noqa: B008 - FastAPI's own way
        setattr(request.state, _LET_IN, True)
        return viewer_of(auth)

    return Depends(viewer)


def viewer_of(auth: Any) -> Viewer:
    """Who the proxy says it is: `auth` is its `UserAPIKeyAuth`."""
    role = getattr(auth, "user_role", None)
    named = str(getattr(role, "value", role) or "")
    return Viewer(str(getattr(auth, "api_key", None) or ""), named in _ADMINISTRATORS, named in _MAY_DELETE, auth)
