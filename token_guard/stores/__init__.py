"""Where facts and the records of sessions outlive a process. Nothing is needed for correctness.

`open_store` turns a URL into a store. Requests read and write memory; a backend that is slow or down costs records, never a request.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from token_guard.errors import ConfigError
from token_guard.stores.files import default_file, trouble_with_file
from token_guard.stores.memory import MemoryStore
from token_guard.stores.records import ORIGINALS, History, Page, SessionChange, SessionRecord, Totals
from token_guard.stores.shared import SharedStore
from token_guard.stores.worker import Backend

__all__ = [
    "ORIGINALS",
    "History",
    "MemoryStore",
    "Page",
    "SessionChange",
    "SessionRecord",
    "SharedStore",
    "Store",
    "Totals",
    "answers",
    "open_store",
    "trouble_with",
]

READY_SECONDS = 5.0
"""How long the start of a process waits for what was known before it."""


class Store(Protocol):
    """Bounded tables of text values and of session records; safe to share between threads."""

    def get(self, section: str, key: str) -> str | None:
        """The value under a key of a section; None where there is none."""

    def get_many(self, section: str, keys: Collection[str]) -> dict[str, str]:
        """The values under those of the keys that have one, waited for where they are not in memory; what is in memory where the store
        does not answer."""

    def put(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> None:
        """Set a value, for so many seconds; the oldest values of a full section go."""

    def claim(self, section: str, key: str, value: str, *, ttl_seconds: float | None = None) -> str:
        """The value under a key; `value`, which it then has, where there was none. Of several who claim at once all get the same."""

    def delete(self, section: str, key: str) -> None:
        """Forget a value."""

    def keys(self, section: str) -> tuple[str, ...]:
        """The keys of a section, oldest value first."""

    def note(self, change: SessionChange) -> None:
        """Add to the record of a session."""

    def session(self, id_: str) -> SessionRecord | None:
        """The record of a session. This and what follows raise StoreUnavailableError where the store does not answer."""

    def sessions(self, page: Page) -> tuple[SessionRecord, ...]:
        """Records, newest first."""

    def totals(self, where: Mapping[str, str]) -> Totals:
        """What the sessions with these labels add up to."""

    def forget(self, id_: str) -> bool:
        """Take out the record of a session, and its history; whether there was either."""

    def history(self, id_: str) -> History | None:
        """The held history of a session, as it is now for all who share the store. Raises StoreUnavailableError, as the next one does."""

    def keep_history(self, id_: str, known: int, new: History, *, ttl_seconds: float, mends: bool = False) -> bool:
        """Hold a history in the place of the version that is known (0: of none); whether that was still the one that is held. One that
        mends lacks nothing, whatever was lost before."""

    def lose_history(self, id_: str, *, ttl_seconds: float) -> None:
        """Note that an exchange is missing in what is held; it is written as soon as that can be done."""

    def flush(self) -> bool:
        """Write what waits, now; whether that could be done."""

    def close(self) -> None:
        """Write what waits, and release what the store holds; it is not used afterwards."""


@dataclass(frozen=True, slots=True)
class _Scheme:
    """One kind of URL: how its backend is made, what has to be installed for it, and how its URLs look."""

    make: Callable[[str, Callable[[], Any]], Backend]
    form: str
    needs: str = ""
    extra: str = ""


def _sql(url: str, _proxys: Callable[[], Any]) -> Backend:
    from token_guard.stores.sql import SQLStore

    return SQLStore(url)


def _redis(url: str, _proxys: Callable[[], Any]) -> Backend:
    from token_guard.stores.redis import RedisStore, connected

    return RedisStore(lambda: connected(url))


def _proxys_redis(_url: str, proxys: Callable[[], Any]) -> Backend:
    from token_guard.stores.redis import RedisStore

    return RedisStore(proxys)


_SQLITE = _Scheme(lambda url, proxys: _sql(f"sqlite:///{_file(url)}", proxys), "sqlite:///path/to/file.db")
_POSTGRESQL = _Scheme(_sql, "postgresql+psycopg://user:password@host/database", "psycopg", "postgres")
_REDIS = _Scheme(_redis, "redis://host:6379/0", "redis", "redis")

SCHEMES: Mapping[str, _Scheme] = {
    "sqlite": _SQLITE,
    "postgresql+psycopg": _POSTGRESQL,
    "postgresql": _POSTGRESQL,
    "postgres": _POSTGRESQL,
    "redis": _REDIS,
    "rediss": _REDIS,
    "proxy": _Scheme(_proxys_redis, "proxy: (the proxy's own Redis)", "redis", "redis"),
}


def open_store(
    url: str,
    *,
    observe: Callable[[str, int], None] = lambda _what, _number: None,
    proxys_redis: Callable[[], Any] | None = None,
) -> Store:
    """The store that a URL names: `memory:`, `sqlite:` (a file in the user's state directory), `sqlite:///path`, `postgresql+psycopg://`,
    `redis://`, `rediss://`, or `proxy:` (the Redis that the proxy itself uses, which `proxys_redis` gives).

    `observe` is told of `errors`, of records that were `dropped`, and whether the backend is `up`. Raises ConfigError for any other URL.

    >>> store = open_store("memory:")
    >>> store.put("limits", "my-model", "32768")
    >>> store.get("limits", "my-model")
    '32768'
    """
    name = _scheme(url)
    if name == "memory":
        return MemoryStore()
    scheme = SCHEMES[name]
    _installed(url, scheme)
    if name == "sqlite" and not _file(url):
        raise ConfigError(trouble_with_file(""))
    if name == "proxy" and proxys_redis is None:
        raise ConfigError("store: proxy: is for a proxy; without one, name the Redis itself: redis://host:6379/0")
    store = SharedStore(scheme.make(url, proxys_redis or (lambda: None)), _shown(url), observe=observe)
    if name != "proxy":  # which has its Redis when it has started
        store.wait(READY_SECONDS)
    return store


def answers(url: str) -> bool:
    """Whether the server that a URL names answers; of a file, and of the proxy's own Redis, nobody is asked."""
    if _scheme(url) in ("memory", "sqlite", "proxy"):
        return True
    up: list[int] = []
    store = open_store(url, observe=lambda what, number: up.append(number) if what == "up" else None)
    store.close()
    return up[:1] == [1]


def trouble_with(url: str) -> str:
    """Why the store that a URL names cannot be used, in one line; empty when it can. Nothing is made, nothing is written, nobody asked.

    >>> trouble_with("memory:"), trouble_with("tape:")[:39]
    ('', "store: 'tape:' is not a store; allowed:")
    """
    try:
        name = _scheme(url)
        if name == "memory":
            return ""
        _installed(url, SCHEMES[name])
    except ConfigError as error:
        return str(error)
    return trouble_with_file(_file(url)) if name == "sqlite" else ""


def _scheme(url: str) -> str:
    """The scheme of a URL; raises ConfigError for one that there is not."""
    name, colon, _ = url.partition(":")
    if not colon or name not in (*SCHEMES, "memory"):
        forms = dict.fromkeys(scheme.form for scheme in SCHEMES.values())
        raise ConfigError(f"store: {_shown(url)!r} is not a store; allowed: memory:, {', '.join(forms)}")
    return name


def _installed(url: str, scheme: _Scheme) -> None:
    if scheme.needs and importlib.util.find_spec(scheme.needs) is None:
        needed = f"the package {scheme.needs}, which is not installed: pip install 'token-guard[{scheme.extra}]'"
        raise ConfigError(f"store: {_shown(url)} needs {needed}")


def _file(url: str) -> str:
    """The path in a URL of a file."""
    return default_file() if url == "sqlite:" else url.partition(":")[2].removeprefix("///").removeprefix("//")


def _shown(url: str) -> str:
    """A URL without the secrets in it.

    >>> _shown("redis://user:secret@host:6379/0"), _shown("sqlite:///a/b.db")
    ('redis://host:6379/0', 'sqlite:///a/b.db')
    """
    name, slashes, rest = url.partition("://")
    return f"{name}{slashes}{rest.rpartition('@')[2].partition('?')[0]}"
