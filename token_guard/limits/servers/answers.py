"""Reading answers that may hold anything: mappings, lists of models, windows within reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias

from token_guard.budget import ContextLimit
from token_guard.limits.names import path_tails
from token_guard.limits.tokens import read_tokens

__all__ = ["ANY_MODEL", "Windows", "limit_of", "listed", "mapping", "smallest", "table_of", "window_of"]

Windows: TypeAlias = Mapping[str, ContextLimit]

ANY_MODEL: Final = ""
"""The name under which a server that serves one model, whatever it is called, gives its window."""

# Below is no chat model, above no server: the largest window on the market is 10 million.
_SMALLEST: Final = 256
_LARGEST: Final = 10_000_000
# The longest public list of models has some hundred entries.
_MAX_LISTED: Final = 10_000


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def listed(content: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The models of an OpenAI-style list, with or without `data` around it, by their ids."""
    models = mapping(content).get("data") if isinstance(content, Mapping) else content
    for entry in islice(models, _MAX_LISTED) if isinstance(models, list) else ():
        if isinstance(mapping(entry).get("id"), str):
            yield entry["id"], entry


def smallest(entries: Iterable[Mapping[str, Any]], keys: Sequence[str]) -> int | None:
    """The smallest of the numbers of tokens that stand under these keys."""
    numbers = (read_tokens(entry.get(key)) for entry in entries for key in keys)
    return min(filter(None, numbers), default=None)


def limit_of(max_input_tokens: object, max_output_tokens: object = None) -> ContextLimit | None:
    """The limit, or None where the window is no number between 256 and 10 million; a reply that fills the window is not said.

    >>> [limit_of(value) for value in (255, 10_000_001, True, "lots")]
    [None, None, None, None]
    """
    window, reply = read_tokens(max_input_tokens), read_tokens(max_output_tokens)
    if window is None or not _SMALLEST <= window <= _LARGEST:
        return None
    return ContextLimit(window, reply if reply and reply < window else None, "discovery")


def table_of(limits: Iterable[tuple[str, ContextLimit | None]]) -> Windows:
    """The windows of listed models; that of the only one is the server's, under whatever name it is asked for."""
    models = dict(limits)
    named = {model: limit for model, limit in models.items() if limit}
    return {ANY_MODEL: limit, **named} if len(models) == 1 and (limit := next(iter(named.values()), None)) else named


def window_of(windows: Windows, model: str) -> ContextLimit | None:
    """The limit that a server gives a model: by its name with less and less of its path, else that of the only one it has.

    >>> window_of({"acme/one": limit_of(4_096), "two": limit_of(8_192)}, "hosted_vllm/acme/one").max_input_tokens
    4096
    """
    return next((windows[name] for name in (*path_tails(model), ANY_MODEL) if name in windows), None)
