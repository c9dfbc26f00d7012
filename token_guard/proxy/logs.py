"""How the guard's log lines come out of a proxy: as LiteLLM's own do, at the level and in the form that it was told to log in.

LiteLLM gives handlers to its own loggers alone. A line of any other logger would be printed bare, without time and name, and only from
WARNING on; so the guard's go to LiteLLM's handlers, unless the operator has configured logging for the whole process.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

__all__ = ["LitellmHandler", "announce", "log_as_litellm"]

_LOG: Final = logging.getLogger("token_guard")
_LITELLM: Final = "LiteLLM Proxy"
_ANNOUNCEMENT: Final = "token_guard %s is on, mode %s, litellm %s"
"""The one line that is to be seen at any level."""


class LitellmHandler(logging.Handler):
    """Hands records to the handlers of LiteLLM's proxy logger, whatever these are at the time; silent where the root logger has its own."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        if logging.getLogger().handlers:
            return
        last = [logging.lastResort] if logging.lastResort else []
        for handler in logging.getLogger(_LITELLM).handlers or last:
            if record.levelno >= handler.level or record.msg is _ANNOUNCEMENT:
                handler.handle(record)


def _is_wanted(record: logging.LogRecord) -> bool:
    """Whether LiteLLM, or the process as a whole, logs at this level; warnings always are."""
    if record.levelno >= logging.WARNING or record.msg is _ANNOUNCEMENT:
        return True
    return logging.getLogger(_LITELLM).isEnabledFor(record.levelno) or logging.getLogger().isEnabledFor(record.levelno)


def log_as_litellm() -> None:
    """Let the guard's lines come out as LiteLLM's do; once in a process."""
    if any(isinstance(handler, LitellmHandler) for handler in _LOG.handlers):
        return
    _LOG.addHandler(LitellmHandler())
    _LOG.addFilter(_is_wanted)
    if _LOG.level == logging.NOTSET:
        _LOG.setLevel(min(logging.INFO, logging.getLogger(_LITELLM).getEffectiveLevel()))


def announce(mode: str, lacking: Sequence[str] = ()) -> None:
    """Say that the guard is on: one line at start, at any level; and a warning for each thing that this litellm lacks."""
    # of the package that runs, which need not be one that is installed
    own = sys.modules["token_guard"].__version__
    _LOG.info(_ANNOUNCEMENT, own, mode, _version("litellm"))
    for line in lacking:
        _LOG.warning("token_guard: %s", line)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of an unknown version"
