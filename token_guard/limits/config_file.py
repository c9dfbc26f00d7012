"""Limit files, JSON or YAML, and the limits that stand in the config itself."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from token_guard.budget import ContextLimit
from token_guard.errors import ConfigError
from token_guard.limits.configured import Configured, Unread, Written, look_up, written
from token_guard.limits.source import Deployment
from token_guard.limits.tokens import ALLOWED_TOKENS, read_tokens

__all__ = ["ConfigFile", "LimitFiles", "read_models", "usual_places"]

_NAMES: Final = ("model_limits.json", "model_limits.yaml", "model_limits.yml")
_KEYS: Final = ("max_input_tokens", "max_output_tokens")
_LOG: Final = logging.getLogger("token_guard")

_Stamp = tuple[int, int]


def usual_places(environ: Mapping[str, str], working_directory: Path) -> tuple[Path, ...]:
    """Where limit files are looked for, the most specific first: working directory, user, system."""
    home = environ.get("HOME") or environ.get("USERPROFILE")
    user = environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    folders = [working_directory, *([Path(user, "token_guard")] if user else []), Path("/etc/token_guard")]
    return tuple(folder / name for folder in folders for name in _NAMES)


def read_models(models: Mapping[str, Any]) -> Written:
    """The limits that stand in the config itself; ConfigError names the key and what is allowed."""
    said = _said("limits.models", models)
    if said.complaints:
        raise ConfigError("; ".join(said.complaints))
    return said


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """Windows from the config's own mapping, then from limit files in their order."""

    models: Written
    files: LimitFiles
    name: str = "config_file"

    def __call__(self, model: str, deployment: Deployment | None) -> ContextLimit | None:
        """The window that is written down for the model or its public alias."""
        entry = self._entry(model, deployment)
        return entry.limit if entry else None

    def why(self, model: str, deployment: Deployment | None) -> str:
        """The file and the name in it."""
        entry = self._entry(model, deployment)
        return f"{entry.origin}: {entry.name}" if entry else ""

    def _entry(self, model: str, deployment: Deployment | None) -> Configured | None:
        places = (self.models, *self.files.said())
        return next((entry for place in places if (entry := look_up(place.table, model, deployment))), None)


class LimitFiles:
    """What limit files say, read again when a file's time or size changes.

    What cannot be read of them, and a named file that does not exist, is a complaint; the rest counts. What later becomes
    unreadable keeps what it said before, with one warning.
    """

    def __init__(self, named: Sequence[Path], usual: Sequence[Path], clock: Callable[[], float], check_seconds: float) -> None:
        """Read the files, the first decides; later looks at them are `check_seconds` apart."""
        self._named = frozenset(named)
        self._clock = clock
        self._check_seconds = check_seconds
        self._lock = threading.Lock()
        self._next_check = clock() + check_seconds
        self._stamps = {path: _stamp(path) for path in dict.fromkeys((*named, *usual))}
        self._said = {path: self._read(path) for path in self._stamps}
        self._in_order = tuple(said for said in self._said.values() if said.table)

    @property
    def complaints(self) -> tuple[str, ...]:
        """One line for each thing that could not be read at the last look."""
        return tuple(complaint for said in tuple(self._said.values()) for complaint in said.complaints)

    def said(self) -> tuple[Written, ...]:
        """What the files say, the first decides; looks at the files at most every `check_seconds`."""
        if self._clock() >= self._next_check and self._lock.acquire(blocking=False):
            try:
                self._check()
            finally:
                self._lock.release()
        return self._in_order

    def _read(self, path: Path) -> Written:
        if self._stamps[path] is not None:
            return _read(path)
        if path not in self._named:
            return Written()
        return _unreadable(f"limits.files: {path} does not exist; allowed: paths of JSON or YAML files")

    def _check(self) -> None:
        self._next_check = self._clock() + self._check_seconds
        changed = [path for path, before in self._stamps.items() if _stamp(path) != before]
        for path in changed:
            self._stamps[path] = _stamp(path)
            self._said[path] = self._again(path)
        if changed:
            self._in_order = tuple(said for said in self._said.values() if said.table)

    def _again(self, path: Path) -> Written:
        said, before = self._read(path), self._said[path]
        for complaint in said.complaints:
            _LOG.warning("%s; its last good limits stay in force", complaint)
        if said.unread and not said.table:  # the file as a whole
            return Written(before.table, said.unread)
        return said.after(before)


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = path.stat()
    except (OSError, ValueError):  # ValueError: a null byte in the path
        return None
    return status.st_mtime_ns, status.st_size


def _read(path: Path) -> Written:
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix.lower() == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        return _unreadable(f"{path} cannot be read as a limit file: {' '.join(str(error).split())}")
    return _said(str(path), {} if content is None else content)


def _unreadable(complaint: str) -> Written:
    return Written(unread=(Unread("", complaint),))


def _said(origin: str, content: object) -> Written:
    if not isinstance(content, Mapping):
        return _unreadable(f"{origin}: {type(content).__name__} at the top; allowed: a mapping from model names to limits")
    return written(_entries(origin, content))


def _entries(origin: str, content: Mapping[Any, object]) -> Iterator[Configured | Unread]:
    for name, value in content.items():
        try:
            yield Configured(str(name), _limit(f"{origin}: {name}", value), origin)
        except ConfigError as error:
            yield Unread(str(name), str(error))


def _limit(place: str, value: object) -> ContextLimit:
    """One value of a limit file.

    >>> _limit("limits.json: gpt-4o", {"max_input_tokens": "64k", "max_output_tokens": 4096})
    ContextLimit(max_input_tokens=64000, max_output_tokens=4096, source='config_file', separate_output=False)
    """
    if not isinstance(value, Mapping):
        return ContextLimit(_tokens(place, value), source="config_file")
    unknown = [key for key in value if key not in _KEYS]
    if unknown or "max_input_tokens" not in value:
        found = f"unknown key {unknown[0]!r}" if unknown else "max_input_tokens is missing"
        raise ConfigError(f"{place}: {found}; allowed: a number of tokens, or a mapping with {' and '.join(_KEYS)}")
    sizes = {key: _tokens(f"{place}.{key}", size) for key, size in value.items()}
    return ContextLimit(sizes["max_input_tokens"], sizes.get("max_output_tokens"), "config_file")


def _tokens(place: str, value: object) -> int:
    tokens = read_tokens(value)
    if tokens is None or (isinstance(value, float) and not value.is_integer()):
        raise ConfigError(f"{place}: {value!r} is no number of tokens; allowed: {ALLOWED_TOKENS}")
    return tokens
