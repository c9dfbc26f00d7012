"""What was counted of the files of a folder, in one record: a tree of 5,000 files takes a few looks into the store, not 5,000."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from token_guard.counting.kept import tokenizer_key
from token_guard.counting.large import CountStore
from token_guard.counting.references import Counted, Failed, Result
from token_guard.counting.references.files import Identity

__all__ = ["Folder", "Folders"]

SECTION = "folders"


@dataclass(slots=True)
class Folder:
    """The files of one folder by name: each with the identity that it had when it was counted, and what came of that."""

    entries: dict[str, list[Any]] = field(default_factory=dict)
    changed: bool = False

    def get(self, path: str, name: str, identity: Identity) -> Result | None:
        """What was counted of a file that is still the same; None where it is not."""
        entry = self.entries.get(name)
        if entry is None or entry[:3] != [*identity]:
            return None
        try:
            return _result(path, entry[3:])
        except (TypeError, ValueError, AttributeError):  # what another version wrote
            return None

    def put(self, name: str, identity: Identity, result: Result, key: str) -> None:
        """Keep what came of a file."""
        kept = [result.reason] if isinstance(result, Failed) else _kept(result, key)
        self.entries[name] = [*identity, *kept]
        self.changed = True


class Folders:
    """The records of folders in a store; without one they last as long as this object."""

    def __init__(self, store: CountStore | None) -> None:
        self._store = store
        self._near: dict[str, Folder] = {}

    def open(self, keys: Collection[str]) -> Mapping[str, Folder]:
        """The record under each key, read in one go; an empty one where there is none."""
        written = self._store.get_many(SECTION, keys) if self._store is not None else {}
        self._near.update((key, Folder(_entries(written.get(key, "{}")))) for key in keys)
        return self._near

    def save(self) -> None:
        """Write the records that have changed, as they are while threads may still add to them."""
        for key, folder in self._near.items():
            if folder.changed and self._store is not None:
                self._store.put(SECTION, key, json.dumps(dict(folder.entries), separators=(",", ":")))
            folder.changed = False


def _entries(written: str) -> dict[str, list[Any]]:
    try:
        entries = json.loads(written)
    except ValueError:
        return {}
    return {name: entry for name, entry in entries.items() if isinstance(entry, list)} if isinstance(entries, dict) else {}


def _kept(result: Counted, key: str) -> list[Any]:
    return [result.model, key, result.tokens, result.raw, dict(result.split), result.margin, result.note]


def _result(path: str, kept: list[Any]) -> Result | None:
    if len(kept) == 1:
        return Failed(path, str(kept[0]), skipped=True)
    model, key, tokens, raw, split, margin, note = kept
    if key != tokenizer_key(model):  # a package was installed, or a family's numbers are others
        return None
    named: Mapping[str, int] = split
    return Counted(path, model, tokens, raw, named, margin, cached=True, note=note)
