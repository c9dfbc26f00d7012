"""Windows that a person wrote down by name, in the environment or in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from token_guard.budget import ContextLimit
from token_guard.errors import ConfigError
from token_guard.limits.names import PROVIDERS, folded, path_tails
from token_guard.limits.source import Deployment

__all__ = ["Configured", "by_folded_name", "look_up"]


@dataclass(frozen=True, slots=True)
class Configured:
    """A written limit, the name it was written under, and where."""

    name: str
    limit: ContextLimit
    origin: str


def by_folded_name(entries: Iterable[Configured]) -> Mapping[str, Configured]:
    """The entries by folded name; ConfigError when two that fold to one name disagree, or when a name has no letter or digit."""
    table: dict[str, Configured] = {}
    for entry in entries:
        key = folded(entry.name)
        if not key:
            raise ConfigError(f"{entry.origin}: {entry.name!r} names no model; allowed: a model name with letters or digits")
        other = table.setdefault(key, entry)
        if other.limit != entry.limit:
            names = f"{other.name!r} and {entry.name!r}"
            raise ConfigError(f"{entry.origin}: {names} name the same model with different limits; allowed: one of them")
    return table


def look_up(table: Mapping[str, Configured], model: str, deployment: Deployment | None) -> Configured | None:
    """The entry for a model or for its deployment's public alias, the most exact name first."""
    if not table:
        return None
    return next((table[key] for key in _keys(model, deployment.group if deployment else "") if key in table), None)


def _keys(model: str, group: str) -> Iterator[str]:
    names = [name for name in (model, group) if name]
    yield from map(folded, names)
    for name in names:
        yield from map(folded, path_tails(name)[1:])
    for name in names:
        if "/" not in name:
            yield from (provider + folded(name) for provider in PROVIDERS)
