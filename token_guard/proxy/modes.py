"""The mode that a client asks for with a header, where the operator lets it choose."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any, Final

from token_guard.proxy.attempt import Note

__all__ = ["HEADER", "Modes"]

logger = logging.getLogger("token_guard")

HEADER = "x-token-guard-mode"
_MODES: Final = ("enforce", "observe", "off")
# Of a client's own value so much is shown; of all values so many are warned of.
_MAX_SHOWN: Final = 40
_MAX_WARNED: Final = 100


class Modes:
    """Reads the header; a value that is none is answered in a header, and warned of once. Thread-safe."""

    def __init__(self, *, allowed: bool) -> None:
        self._allowed = allowed
        self._warned: set[str] = set()
        self._lock = threading.Lock()

    def note(self, data: Mapping[str, Any], note: Note) -> None:
        """Keep in the note of a request what its client asks for, or why that is not done."""
        asked = _asked(data)
        if not asked:
            return
        if not self._allowed:
            note["remark"] = f"{HEADER} is not heeded: allow_request_mode is off"
        elif asked.lower() in _MODES:
            note["mode"] = asked.lower()
        else:
            note["remark"] = f"{HEADER} {_shown(asked)} is no mode; allowed: {', '.join(_MODES)}"
            self._warn(note["remark"])

    def _warn(self, remark: str) -> None:
        with self._lock:
            first = remark not in self._warned and len(self._warned) < _MAX_WARNED
            self._warned.add(remark) if first else None
        if first:
            logger.warning("a client's %s", remark)


def _asked(data: Mapping[str, Any]) -> str:
    headers = (data.get("proxy_server_request") or {}).get("headers") or {}
    return str(headers.get(HEADER, "")).strip()


def _shown(value: str) -> str:
    """A client's value in a form that ends no header and no log line."""
    return ascii(value[:_MAX_SHOWN])
