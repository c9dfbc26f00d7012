"""Answers of servers, fetched with care and kept for a while: what a server sends may be late, huge or nonsense."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from token_guard.limits.servers import Question, Server, Windows

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["Page", "Pages", "careful_client"]

# A server in reach answers such a question in milliseconds.
_TIMEOUT_SECONDS: Final = 2.0
# The largest public list of models (OpenRouter's) has about half a megabyte.
_MAX_BYTES: Final = 4 * 1024 * 1024
# Model servers are started anew with another window now and then; with an ETag asking again costs next to nothing.
_TTL_SECONDS: Final = 900.0
# A server that does not answer is asked again after this time, then after twice as long, up to the time of an answer.
_BACK_OFF_SECONDS: Final = 15.0
_MAX_PAGES: Final = 256
_NOT_MODIFIED: Final = 304
_UNWELL: Final = frozenset({408, 429, *range(500, 600)})


@dataclass(frozen=True, slots=True)
class Page:
    """What a server answered to one question, good until a time."""

    windows: Windows = field(default_factory=dict)
    until: float = 0.0
    etag: str = ""
    failures: int = 0
    """How often in a row it has not answered."""
    reached: bool = True
    """Whether there was any answer, be it a refusal."""


class Pages:
    """The pages of all servers, by question and key; at most `_MAX_PAGES`."""

    def __init__(self, clock: Callable[[], float], ttl_seconds: float = _TTL_SECONDS) -> None:
        self._clock = clock
        self._ttl_seconds = ttl_seconds
        self._kept: dict[tuple[Question, str], Page] = {}
        self._lock = threading.Lock()

    def page(self, client: Callable[[], httpx.Client], server: Server, question: Question, api_key: str) -> Page:
        """The page that is kept while it is good, else the server's answer, for which a client is needed; never raises."""
        before = self._kept.get((question, api_key), Page())
        if self._clock() < before.until:
            return before
        page = self._fetched(client, server, question, api_key, before)
        with self._lock:
            while len(self._kept) >= _MAX_PAGES:
                del self._kept[next(iter(self._kept))]
            self._kept[question, api_key] = page
        return page

    def _fetched(self, client: Callable[[], httpx.Client], server: Server, question: Question, api_key: str, before: Page) -> Page:
        try:
            with client().stream(**_request(question, api_key, before.etag)) as response:
                return self._read(response, server, before)
        except Exception:  # a hostile server, a mistyped address or key: whatever it is, the deployment is asked again later
            return self._failed(before, reached=False)

    def _read(self, response: httpx.Response, server: Server, before: Page) -> Page:
        until = self._clock() + self._ttl_seconds
        if response.status_code in _UNWELL:
            return self._failed(before, reached=True)
        if response.status_code == _NOT_MODIFIED:
            return replace(before, until=until, failures=0, reached=True)
        windows = server.windows(_content(response)) if response.is_success else {}
        return Page(windows, until, response.headers.get("etag", ""))

    def _failed(self, before: Page, *, reached: bool) -> Page:
        wait = min(_BACK_OFF_SECONDS * 2**before.failures, self._ttl_seconds)
        # an exponent of its own would grow for as long as a server is away
        return replace(before, until=self._clock() + wait, failures=min(before.failures + 1, 16), reached=reached)


def _request(question: Question, api_key: str, etag: str) -> dict[str, Any]:
    # uncompressed, so that the number of bytes received bounds the size in memory
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    headers |= {"Authorization": f"Bearer {api_key}"} if api_key else {}
    if question.model:
        return {"method": "POST", "url": question.url, "json": {"model": question.model}, "headers": headers}
    headers |= {"If-None-Match": etag} if etag else {}
    return {"method": "GET", "url": question.url, "headers": headers}


def _content(response: httpx.Response) -> object:
    """The JSON of an answer; None when it is too large or no JSON."""
    body = bytearray()
    for piece in response.iter_raw():
        body += piece
        if len(body) > _MAX_BYTES:
            return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


@contextmanager
def careful_client(seconds: float) -> Iterator[httpx.Client]:
    """A client that goes nowhere but where it is sent, and that is closed after so many seconds, whatever it waits for."""
    import httpx

    # Without the environment: neither a proxy nor a .netrc in it has a part in a deployment's own key.
    with httpx.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=False, trust_env=False, verify=_certificates()) as client:
        end = threading.Timer(seconds, client.close)  # the time-outs above start again with every byte received
        end.daemon = True
        end.start()
        try:
            yield client
        finally:
            end.cancel()


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Read once: it takes 20 ms."""
    import httpx

    return httpx.create_ssl_context(trust_env=False)
