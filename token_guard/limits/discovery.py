"""What the servers behind configured deployments say about their own windows, asked in the background."""

from __future__ import annotations

import functools
import importlib.util
import json
import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from token_guard.budget import ContextLimit
from token_guard.limits.pages import Page, Pages, careful_client
from token_guard.limits.servers import SERVERS, limit_of, window_of
from token_guard.limits.source import Deployment
from token_guard.limits.workers import Workers

if TYPE_CHECKING:
    import httpx

__all__ = ["Discovery", "FactStore"]

_LOG: Final = logging.getLogger("token_guard")

SECTION: Final = "discovered"

# Servers are few, and most of the time is spent waiting for them.
_THREADS: Final = 2
# A round of questions to one server, each within its time-out.
_ROUND_SECONDS: Final = 10.0
# Clients choose model names where a proxy has wildcards.
_MAX_ENDPOINTS: Final = 1_024


class FactStore(Protocol):
    """Where text values outlive the process."""

    def get(self, section: str, key: str) -> str | None:
        """The value under a key of a section; None where there is none."""

    def put(self, section: str, key: str, value: str) -> None:
        """Set a value."""


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """A model at a deployment's own server."""

    base: str
    model: str
    api_key: str = field(repr=False)

    @property
    def shown(self) -> str:
        """The server without the secrets that an address may hold."""
        return self.base.partition("?")[0].rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class _Finding:
    """What is known of an endpoint, and until when nobody asks again."""

    limit: ContextLimit | None = None
    server: str = ""
    until: float = 0.0
    silent: bool = False
    """Whether it could not be asked just now."""


class Discovery:
    """Windows that servers name when asked; never on a request's path.

    The first request for a deployment starts the questions and goes on without an answer, as does any while a server is silent.
    A server is asked at the deployment's own api_base only, with the deployment's own key.
    """

    name = "discovery"

    def __init__(
        self,
        *,
        store: FactStore | None = None,
        clock: Callable[[], float] = time.monotonic,
        client: Callable[[float], AbstractContextManager[httpx.Client]] = careful_client,
    ) -> None:
        self._store = store
        self._clock = clock
        self._client = client
        self._pages = Pages(clock)
        self._workers = Workers(_THREADS, "token_guard discovery")
        self._findings: dict[_Endpoint, _Finding] = {}
        self._asked: set[_Endpoint] = set()
        self._lock = threading.Lock()
        self.changes = 0
        """How often a server's window has become known, or another."""

    @classmethod
    def if_wanted(cls, wanted: bool, store: FactStore | None = None) -> tuple[Discovery, ...]:
        """One discovery where it is wanted; none, with a warning, where its HTTP client is not installed."""
        if not wanted:
            return ()
        if importlib.util.find_spec("httpx") is not None:
            return (cls(store=store),)
        _LOG.warning("limits.discovery needs the package httpx, which is not installed; no server is asked for its window")
        return ()

    def __call__(self, model: str, deployment: Deployment | None) -> ContextLimit | None:
        """The window that the deployment's server has named so far."""
        endpoint = _endpoint(model, deployment)
        if endpoint is None:
            return None
        finding = self._known(endpoint)
        if self._clock() >= finding.until and self._open(endpoint):
            self._workers.submit(lambda: self._ask(endpoint))
        return finding.limit

    def why(self, model: str, deployment: Deployment | None) -> str:
        """The kind of server that named it, and where that is."""
        endpoint = _endpoint(model, deployment)
        finding = self._findings.get(endpoint, _Finding()) if endpoint else _Finding()
        return f"{finding.server} at {endpoint.shown}" if endpoint and finding.limit else ""

    def ask(self, model: str, deployment: Deployment) -> ContextLimit | None:
        """The window that the deployment's server names now; waits for it, at most ten seconds."""
        endpoint = _endpoint(model, deployment)
        if endpoint and self._open(endpoint):
            self._ask(endpoint)
        return self._findings.get(endpoint, _Finding()).limit if endpoint else None

    def trouble(self, model: str, deployment: Deployment) -> str:
        """What came of asking a server that named no window, in words."""
        endpoint = _endpoint(model, deployment)
        finding = self._findings.get(endpoint) if endpoint else None
        return "did not answer" if finding and finding.silent else "named no context window"

    def _open(self, endpoint: _Endpoint) -> bool:
        """Whether nobody is asking this server about this model already, nor too many about others."""
        with self._lock:
            if endpoint in self._asked or len(self._asked) >= _MAX_ENDPOINTS:
                return False
            self._asked.add(endpoint)
            return True

    def _ask(self, endpoint: _Endpoint) -> None:
        try:
            before = self._known(endpoint)
            finding = self._round(endpoint, before)
            self._keep(endpoint, finding)
        finally:
            with self._lock:
                self._asked.discard(endpoint)
        if finding.limit and finding.limit != before.limit:
            self._remember(endpoint, finding)

    def _round(self, endpoint: _Endpoint, before: _Finding) -> _Finding:
        """Ask as each kind of server wants to be asked, until one answers; first as the one that answered before."""
        pages: list[Page] = []
        with ExitStack() as opened:
            client = functools.cache(lambda: opened.enter_context(self._client(_ROUND_SECONDS)))
            for server in sorted(SERVERS, key=lambda server: server.name != before.server):
                page = self._pages.page(client, server, server.question(endpoint.base, endpoint.model), endpoint.api_key)
                limit = window_of(page.windows, endpoint.model)
                if limit:
                    return _Finding(limit, server.name, page.until)
                pages.append(page)
                if page.windows or not page.reached:  # it speaks of other models, or not at all
                    break
        until = min(page.until for page in pages)
        silent = any(page.failures for page in pages)
        return _Finding(before.limit, before.server, until, silent=True) if silent else _Finding(until=until)

    def _keep(self, endpoint: _Endpoint, finding: _Finding) -> None:
        with self._lock:
            while len(self._findings) >= _MAX_ENDPOINTS and endpoint not in self._findings:
                del self._findings[next(iter(self._findings))]
            known = self._findings.get(endpoint)
            self._findings[endpoint] = finding
            self.changes += finding.limit != (known.limit if known else None)

    def _known(self, endpoint: _Endpoint) -> _Finding:
        """What was found, or what an earlier process found, which is used until the server has answered this one."""
        known = self._findings.get(endpoint)
        if known is None:
            text = self._store.get(SECTION, _key(endpoint)) if self._store else None
            recalled = _read(text) if text else _Finding()
            known = self._findings.get(endpoint)  # the server may have answered meanwhile
            if known is None:
                self._keep(endpoint, recalled)
        return known or recalled

    def _remember(self, endpoint: _Endpoint, finding: _Finding) -> None:
        limit = finding.limit
        if limit is None:
            return
        _LOG.info("%s: %s at %s takes %s tokens", endpoint.model, finding.server, endpoint.shown, f"{limit.max_input_tokens:,}")
        if self._store:
            self._store.put(SECTION, _key(endpoint), json.dumps([limit.max_input_tokens, limit.max_output_tokens, finding.server]))


def _endpoint(model: str, deployment: Deployment | None) -> _Endpoint | None:
    return _Endpoint(deployment.api_base, model, deployment.api_key) if deployment and deployment.api_base else None


def _key(endpoint: _Endpoint) -> str:
    return f"{endpoint.shown} {endpoint.model}"


def _read(text: str) -> _Finding:
    """The finding that was written; an empty one when the text is no such thing (a store may be shared with other versions)."""
    try:
        window, reply, server = json.loads(text)
    except (ValueError, TypeError):
        return _Finding()
    return _Finding(limit_of(window, reply), str(server))
