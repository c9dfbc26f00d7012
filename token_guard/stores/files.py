"""The file of an SQLite store: where it is by default, and whether it can be used."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

__all__ = ["default_file", "is_there", "trouble_with_file"]

PATIENCE_SECONDS = 0.25
"""How long a look at a file waits for another process's write."""


def default_file() -> str:
    """The file in the user's state directory; where it was in earlier versions, as long as there is one."""
    earlier = Path("~/.cache/token_guard/store.db").expanduser()
    if earlier.exists():
        return str(earlier)
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return str(Path(state).expanduser() / "token_guard" / "store.db")


def trouble_with_file(path: str) -> str:
    """Why a file cannot serve as a store, in one line; empty when it can. Looks only: no file, no folder is made."""
    file = Path(path).expanduser()
    if not path or file.is_dir():
        return f"store: {path!r} names no file; allowed: sqlite:///path/to/file.db, or memory:"
    folder = next(parent for parent in file.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return f"store: {file} cannot be written, because {folder} cannot; what is learned would be lost at the end of the process"
    if not file.exists():
        return ""
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE_SECONDS)
        try:
            connection.execute("select count(*) from sqlite_master").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        return f"store: {file} is no SQLite file that can be used ({error})"
    return "" if os.access(file, os.W_OK) else f"store: {file} cannot be written"


def is_there(url: str) -> bool:
    """Whether the file that a URL of a store names exists; what is no file is somewhere else.

    >>> is_there("sqlite:///no/such/folder/store.db"), is_there("redis://host:6379/0")
    (False, True)
    """
    scheme, _, place = url.partition(":")
    path = place.removeprefix("///").removeprefix("//") or default_file()
    return scheme != "sqlite" or Path(path).expanduser().exists()
