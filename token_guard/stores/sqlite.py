"""A store in one SQLite file, shared by the processes of a machine."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from token_guard.stores.memory import MemoryStore

__all__ = ["SQLiteStore", "trouble_with_file"]

PATIENCE_SECONDS = 0.25
"""How long a statement waits for another process's write; a request is worth more than a remembered fact."""

PRUNED_EVERY = 256
"""Writes between two prunings of a section."""

SCHEMA = """
create table if not exists facts (
    place integer primary key autoincrement,
    section text not null,
    key text not null,
    value text not null,
    unique (section, key)
)
"""

_log = logging.getLogger("token_guard")


class SQLiteStore:
    """Values in the table `facts` of a file, about `capacity` of them in a section. When the file fails, it goes on in memory."""

    __slots__ = ("_capacity", "_connection", "_fallback", "_lock", "_told", "_writes")

    def __init__(self, path: str, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._writes = 0
        self._lock = threading.Lock()
        self._told: set[str] = set()
        self._fallback = MemoryStore()
        self._connection = self._opened(path)

    def get(self, section: str, key: str) -> str | None:
        rows = self._run("select value from facts where section = ? and key = ?", (section, key))
        return rows[0][0] if rows else self._fallback.get(section, key)

    def put(self, section: str, key: str, value: str) -> None:
        # a replaced value gets a new place, and so counts as young
        if self._run("insert or replace into facts (section, key, value) values (?, ?, ?)", (section, key, value)) is None:
            self._fallback.put(section, key, value)
            return
        self._fallback.delete(section, key)
        self._wrote(section)

    def claim(self, section: str, key: str, value: str) -> str:
        value = self._fallback.get(section, key) or value
        # what is there is never replaced, so that all who claim read the one that came first
        if self._run("insert or ignore into facts (section, key, value) values (?, ?, ?)", (section, key, value)) is None:
            return self._fallback.claim(section, key, value)
        self._wrote(section)
        return self.get(section, key) or value

    def delete(self, section: str, key: str) -> None:
        self._fallback.delete(section, key)
        self._run("delete from facts where section = ? and key = ?", (section, key))

    def keys(self, section: str) -> tuple[str, ...]:
        rows = self._run("select key from facts where section = ? order by place", (section,))
        return self._fallback.keys(section) if rows is None else tuple(key for (key,) in rows)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _wrote(self, section: str) -> None:
        self._writes += 1
        if self._writes % PRUNED_EVERY == 0:
            self._prune(section)

    def _prune(self, section: str) -> None:
        youngest = "select place from facts where section = ? order by place desc limit ?"
        self._run(f"delete from facts where section = ? and place not in ({youngest})", (section, section, self._capacity))

    def _opened(self, path: str) -> sqlite3.Connection | None:
        try:
            file = Path(path).expanduser()
            file.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(file, timeout=PATIENCE_SECONDS, isolation_level=None, check_same_thread=False)
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            connection.execute(SCHEMA)
        except (sqlite3.Error, OSError) as error:
            _log.warning("the store %s cannot be opened, remembering in memory: %s", path, error)
            return None
        return connection

    def _run(self, statement: str, values: Sequence[str | int]) -> list[tuple[str, ...]] | None:
        """The rows of a statement; None when the file does not serve, now or any more."""
        with self._lock:
            if self._connection is None:
                return None
            try:
                rows: list[tuple[str, ...]] = self._connection.execute(statement, values).fetchall()
                if not statement.startswith("select"):  # a full disk still answers questions
                    self._told.clear()
                return rows
            except sqlite3.OperationalError as error:
                # busy or full: the next statement may succeed, and until one does this is said once
                if str(error) not in self._told:
                    self._told.add(str(error))
                    _log.warning("the store did not answer, remembering in memory: %s", error)
            except sqlite3.Error as error:
                _log.warning("the store is unusable, remembering in memory from now on: %s", error)
                self._connection = None
            return None


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
