"""Where facts outlive a process: text values under a section and a key. Nothing is needed for correctness.

`open_store` turns a URL into a store. A store that fails goes on in memory, with one warning: requests never wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from token_guard.errors import ConfigError
from token_guard.stores.memory import MemoryStore
from token_guard.stores.sqlite import SQLiteStore, trouble_with_file

__all__ = ["MemoryStore", "SQLiteStore", "Store", "open_store", "trouble_with"]


class Store(Protocol):
    """A bounded table of text values; safe to share between threads."""

    def get(self, section: str, key: str) -> str | None:
        """The value under a key of a section; None where there is none."""

    def put(self, section: str, key: str, value: str) -> None:
        """Set a value; the oldest values of a full section go."""

    def claim(self, section: str, key: str, value: str) -> str:
        """The value under a key; `value`, which it then has, where there was none. Of several who claim at once all get the same."""

    def delete(self, section: str, key: str) -> None:
        """Forget a value."""

    def keys(self, section: str) -> tuple[str, ...]:
        """The keys of a section, oldest value first."""

    def close(self) -> None:
        """Release what the store holds; it is not used afterwards."""


SCHEMES: Mapping[str, Callable[[str], Store]] = {
    "memory": lambda _place: MemoryStore(),
    "sqlite": SQLiteStore,
}


def open_store(url: str) -> Store:
    """The store that a URL names: `memory:` or `sqlite:///path/to/file.db`. Raises ConfigError for any other.

    >>> store = open_store("memory:")
    >>> store.put("limits", "my-model", "32768")
    >>> store.get("limits", "my-model")
    '32768'
    """
    scheme, place = _read(url)
    return SCHEMES[scheme](place)


def trouble_with(url: str) -> str:
    """Why the store that a URL names cannot be used, in one line; empty when it can. Nothing is made, nothing is written.

    >>> trouble_with("memory:"), trouble_with("tape:")
    ('', "store: 'tape:' is not a store; allowed: memory:, sqlite:")
    """
    try:
        scheme, place = _read(url)
    except ConfigError as error:
        return str(error)
    trial = TRIALS.get(scheme)
    return trial(place) if trial else ""


TRIALS: Mapping[str, Callable[[str], str]] = {"sqlite": trouble_with_file}
"""How to find out, for stores that may be out of reach."""


def _read(url: str) -> tuple[str, str]:
    """The scheme of a URL, and the rest; raises ConfigError for a scheme that there is not."""
    scheme, colon, place = url.partition(":")
    if not colon or scheme not in SCHEMES:
        raise ConfigError(f"store: {url!r} is not a store; allowed: {', '.join(f'{name}:' for name in SCHEMES)}")
    return scheme, place.removeprefix("///").removeprefix("//")
