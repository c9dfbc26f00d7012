"""Calls that litellm makes without asking a callback first: they are named once, with what to do instead."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

__all__ = ["POSITIONAL", "Unseen"]

logger = logging.getLogger("token_guard")

POSITIONAL = "positional"

ADVICE: Mapping[str, str] = {
    "completion": "litellm.completion and Router.completion are synchronous; "
    "call litellm.completion(**token_guard.fit(request).request), or await acompletion",
    "text_completion": "litellm.text_completion is synchronous; "
    "call litellm.text_completion(**token_guard.fit(request).request), or await atext_completion",
    "embedding": "litellm.embedding is synchronous; await aembedding",
    POSITIONAL: "litellm.acompletion was called with positional messages, for which litellm drops what a callback returns; "
    "call it with messages=...",
}
"""By litellm's own name for the call."""


class Unseen:
    """Warns once of each style of call; thread-safe."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def notice(self, style: object) -> None:
        """Warn of a call in one of these styles, the first time that there is one."""
        if not isinstance(style, str) or style not in ADVICE:
            return
        with self._lock:
            if style in self._told:
                return
            self._told.add(style)
        logger.warning("token_guard cannot fit this request to its model: %s", ADVICE[style])
