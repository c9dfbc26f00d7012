"""Pages by their URL: fetched carefully, and not again while their server says that they are the same."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from token_guard.counting.kept import Tokens, digest_of
from token_guard.counting.large import CountStore
from token_guard.counting.references.addresses import Hosts
from token_guard.counting.references.files import not_text, whole_text
from token_guard.errors import TokenCountError, TryAgainError

if TYPE_CHECKING:
    import httpx

__all__ = ["Fetched", "Fetcher"]

SECTION = "pages"

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 5
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
NOT_MODIFIED = 304
CONNECT_SECONDS = 5.0
PORTS = {"http": 80, "https": 443}


class _BusyError(TryAgainError):
    """A server that asks to be asked later, and says when."""

    def __init__(self, message: str, after_seconds: float | None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page as text, or, where it is the same as before, what it was counted as."""

    text: str = field(default="", repr=False)
    tokens: Tokens | None = None


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches pages over HTTP. Redirects are followed a few times, and checked like the page itself; the environment has no part in it
    (neither a proxy nor a .netrc), and no cookie is kept."""

    hosts: Hosts = field(default_factory=Hosts)
    store: CountStore | None = None
    max_bytes: int = 32 * 1024 * 1024
    seconds: float = 20.0
    """For one page, whatever its server does in that time."""

    def fetch(self, url: str, known: Callable[[str], Tokens | None] = lambda _digest: None) -> Fetched:
        """The page; `known` says what a content of a digest was counted as. Raises TokenCountError in one line that says why not, and
        TryAgainError where that may be another one a moment later: who calls tries again, so that nobody does twice."""
        before = self._before(url)
        tokens = known(before["digest"]) if "digest" in before else None
        headers = _conditions(before) if tokens is not None else {}
        end = time.monotonic() + self.seconds
        with closing(_client(self.seconds)) as client:
            target = url
            for _ in range(MOST_REDIRECTS + 1):
                response = self._answer(client, target, headers, end)
                if response.status not in REDIRECTS or not response.headers.get("location"):
                    break
                target = urljoin(target, response.headers["location"])
            else:
                raise TokenCountError(f"redirects more than {MOST_REDIRECTS} times")
        if response.status == NOT_MODIFIED and tokens is not None:
            return Fetched(tokens=tokens)
        return self._read(url, response)

    def _read(self, url: str, response: _Answer) -> Fetched:
        if response.status in BUSY:
            raise _BusyError(f"answered {response.status}", _seconds(response.headers.get("retry-after", "")))
        if not 200 <= response.status < 300:  # noqa: PLR2004 - the successes of HTTP
            raise TokenCountError(f"answered {response.status}")
        if why := not_text(response.body):
            raise TokenCountError(why)
        self._remember(url, response)
        return Fetched(whole_text(response.body).text)

    def _answer(self, client: httpx.Client, url: str, headers: Mapping[str, str], end: float) -> _Answer:
        import httpx

        host, port = _host_of(url)
        try:
            addresses = self.hosts.addresses(host, port)
            request = _request(client, url, addresses[0], headers)
            response = client.send(request, stream=True, follow_redirects=False)
            with closing(response):
                body = b"" if response.status_code in REDIRECTS else self._body(response, end)
            return _Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)
        except httpx.ConnectTimeout:
            raise TryAgainError(f"cannot be reached within {min(self.seconds, CONNECT_SECONDS):g} seconds") from None
        except httpx.TimeoutException:
            raise TokenCountError(f"no answer within {self.seconds:g} seconds") from None
        except httpx.InvalidURL as error:
            raise TokenCountError(f"is no address of a page: {_words(error)}") from None
        except httpx.DecodingError as error:
            raise TokenCountError(f"is not packed as its server says: {_words(error)}") from None
        except httpx.RemoteProtocolError as error:
            raise TryAgainError(f"answered in part: {_words(error)}") from None
        except httpx.TransportError as error:
            raise TryAgainError(f"cannot be reached: {_words(error)}") from None

    def _body(self, response: httpx.Response, end: float) -> bytes:
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if len(body) > self.max_bytes:
                raise TokenCountError(f"is larger than {self.max_bytes:,} bytes")
            if time.monotonic() > end:
                raise TokenCountError(f"no whole answer within {self.seconds:g} seconds")
        return bytes(body)

    def _before(self, url: str) -> dict[str, str]:
        written = self.store.get(SECTION, url) if self.store is not None else None
        try:
            before = json.loads(written) if written else {}
        except ValueError:
            return {}
        return {str(name): str(value) for name, value in before.items()} if isinstance(before, dict) else {}

    def _remember(self, url: str, response: _Answer) -> None:
        validators = {name: response.headers[name] for name in ("etag", "last-modified") if name in response.headers}
        if self.store is not None and validators:
            self.store.put(SECTION, url, json.dumps({**validators, "digest": digest_of(whole_text(response.body).text.encode())}))


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def _host_of(url: str) -> tuple[str, int]:
    """The host and the port of a URL; raises TokenCountError for what is none."""
    try:
        parts = urlsplit(url)
        if parts.scheme in PORTS and parts.hostname:
            return parts.hostname, parts.port or PORTS[parts.scheme]
    except ValueError:  # brackets without their counterpart, a port that is no number
        pass
    raise TokenCountError("is no address of a page, such as https://example.com/a.txt")


def _client(seconds: float) -> httpx.Client:
    import httpx

    return httpx.Client(timeout=httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS)), trust_env=False)


def _request(client: httpx.Client, url: str, address: str, headers: Mapping[str, str]) -> httpx.Request:
    """A request to the address that was checked, in the name of the host: its certificate has to be the host's."""
    import httpx

    target = httpx.URL(url)
    named = {"Host": target.netloc.decode("ascii").rpartition("@")[2], "Accept": "text/*, application/json, */*;q=0.5"}
    extensions = {"sni_hostname": target.host} if target.scheme == "https" else {}
    return client.build_request("GET", target.copy_with(host=address), headers={**named, **headers}, extensions=extensions)


def _conditions(before: Mapping[str, str]) -> dict[str, str]:
    names = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
    return {header: before[name] for name, header in names.items() if name in before}


def _seconds(written: str) -> float | None:
    return float(written) if written.isdecimal() else None


def _words(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
