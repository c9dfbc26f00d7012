"""The files of a folder that people mean: without what .gitignore excludes, as git and ripgrep have it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

__all__ = ["walk"]

RULES = ".gitignore"
REPOSITORY = ".git"
EXCLUDES = ".git/info/exclude"
"""What a clone excludes beside its .gitignore files."""


@dataclass(frozen=True, slots=True)
class _Rules:
    """The patterns of one file, which hold in its folder and below."""

    folder: str
    spec: GitIgnoreSpec

    def says(self, path: str) -> bool | None:
        """Whether a path is ignored (True), is not (False), or is not spoken of (None); a folder's path ends in a slash."""
        return self.spec.check_file(path[len(self.folder) :].lstrip("/")).include


def walk(root: str, fails: Callable[[OSError], object]) -> Iterator[str]:
    """The paths of the regular files below a folder, sorted, folder by folder; links are not followed. `fails` is told of folders that
    cannot be read."""
    above = _above(Path(root).resolve())
    yield from _files(root, str(Path(root).resolve()), above, fails)


def _above(root: Path) -> tuple[_Rules, ...]:
    """The rules of the repository that a folder is in, from its top down to the folder, without the folder's own."""
    tops = [root, *root.parents]
    top = next((place for place, folder in enumerate(tops) if (folder / REPOSITORY).exists()), None)
    if top is None:
        return ()
    found = [_rules(tops[top], EXCLUDES), *(_rules(folder, RULES) for folder in reversed(tops[1 : top + 1]))]
    return tuple(rules for rules in found if rules)


def _rules(folder: Path, name: str) -> _Rules | None:
    try:
        lines = (folder / name).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return _Rules(str(folder), GitIgnoreSpec.from_lines(_readable(lines)))


def _readable(lines: list[str]) -> Iterator[str]:
    """The lines without those that are no pattern, which git passes over as well."""
    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError:
            continue
        yield line


def _files(shown: str, real: str, rules: tuple[_Rules, ...], fails: Callable[[OSError], object]) -> Iterator[str]:
    """`shown` is the folder as it was named, `real` where it is."""
    try:
        with os.scandir(shown) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        fails(error)
        return
    own = _rules(Path(real), RULES) if any(entry.name == RULES for entry in entries) else None
    if own:
        rules = (*rules, own)
    folders = []
    for entry in entries:
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name == REPOSITORY or _ignored(f"{real}/{entry.name}{'/' if is_folder else ''}", rules):
            continue
        if is_folder:
            folders.append(entry)
        elif entry.is_file(follow_symlinks=False):
            yield entry.path
    for folder in folders:
        yield from _files(folder.path, f"{real}/{folder.name}", rules, fails)


def _ignored(path: str, rules: tuple[_Rules, ...]) -> bool:
    """What the nearest file says that speaks of a path."""
    return next((said for said in (one.says(path) for one in reversed(rules)) if said is not None), False)
