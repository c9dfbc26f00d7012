"""Windows that a person wrote down by name, in the environment or in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from token_guard.budget import ContextLimit
from token_guard.limits.names import PROVIDERS, folded, path_tails
from token_guard.limits.source import Deployment

__all__ = ["Configured", "Unread", "Written", "look_up", "written"]


@dataclass(frozen=True, slots=True)
class Configured:
    """A written limit, the name it was written under, and where."""

    name: str
    limit: ContextLimit
    origin: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A limit that cannot be read, the name it was written under, and a line on what is allowed."""

    name: str
    complaint: str


@dataclass(frozen=True, slots=True)
class Written:
    """What one place says: the limits by folded name, and what of it cannot be read. One wrong entry costs nothing but itself."""

    table: Mapping[str, Configured] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()

    @property
    def complaints(self) -> tuple[str, ...]:
        """One line for each entry that cannot be read."""
        return tuple(entry.complaint for entry in self.unread)

    def after(self, before: Written) -> Written:
        """The same with what an entry said before, where it can no longer be read."""
        names = {folded(entry.name) for entry in self.unread}
        kept = {name: entry for name, entry in before.table.items() if name in names}
        return Written({**kept, **self.table}, self.unread)


def written(entries: Iterable[Configured | Unread]) -> Written:
    """The entries by folded name; of two that disagree about one model the smaller window counts, which fits either way."""
    table: dict[str, Configured] = {}
    unread: list[Unread] = []
    for entry in entries:
        if isinstance(entry, Unread):
            unread.append(entry)
            continue
        key = folded(entry.name)
        other = table.get(key, entry)
        if not key:
            unread.append(Unread("", f"{entry.origin}: {entry.name!r} names no model; allowed: a model name with letters or digits"))
            continue
        if other.limit != entry.limit:
            names = f"{other.name!r} and {entry.name!r}"
            unread.append(Unread("", f"{entry.origin}: {names} name the same model with different limits; allowed: one of them"))
        table[key] = min(other, entry, key=lambda either: either.limit.max_input_tokens)
    return Written(table, tuple(unread))


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
