"""token_guard: every LLM request fits its model, stays valid, keeps what matters and keeps the prompt cache warm.

Names are imported when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from token_guard import errors
    from token_guard.budget import ContextLimit
    from token_guard.counting import TokenCounter
    from token_guard.errors import (
        CompressionError,
        ConfigError,
        ContextOverflowError,
        InputTooLongError,
        ModelNotSupportedError,
        QueueFullError,
        StoreUnavailableError,
        TokenCountError,
        TokenGuardError,
        TooManyTasksError,
        TryAgainError,
    )
    from token_guard.guard import Guard, fit
    from token_guard.monitor import ContextMonitor, ContextUsage
    from token_guard.proxy.installation import install
    from token_guard.proxy.plugin import TokenGuardCallback
    from token_guard.report import Fitted, Report
    from token_guard.settings import Settings

    callback: TokenGuardCallback

__all__ = [
    "CompressionError",
    "ConfigError",
    "ContextLimit",
    "ContextMonitor",
    "ContextOverflowError",
    "ContextUsage",
    "Fitted",
    "Guard",
    "InputTooLongError",
    "ModelNotSupportedError",
    "QueueFullError",
    "Report",
    "Settings",
    "StoreUnavailableError",
    "TokenCountError",
    "TokenCounter",
    "TokenGuardError",
    "TooManyTasksError",
    "TryAgainError",
    "callback",
    "errors",
    "fit",
    "install",
]

__version__ = "0.1.0"

_HOMES = {
    "CompressionError": "errors",
    "ConfigError": "errors",
    "ContextLimit": "budget",
    "ContextMonitor": "monitor",
    "ContextOverflowError": "errors",
    "ContextUsage": "monitor",
    "Fitted": "report",
    "Guard": "guard",
    "InputTooLongError": "errors",
    "ModelNotSupportedError": "errors",
    "QueueFullError": "errors",
    "StoreUnavailableError": "errors",
    "Report": "report",
    "Settings": "settings",
    "TokenCountError": "errors",
    "TokenCounter": "counting",
    "TokenGuardError": "errors",
    "TooManyTasksError": "errors",
    "TryAgainError": "errors",
    "fit": "guard",
    "install": "proxy.installation",
}


def __getattr__(name: str) -> Any:
    if name == "errors":
        return import_module("token_guard.errors")
    if name == "callback":
        return import_module("token_guard.proxy.installation").build_callback()
    if name not in _HOMES:
        raise AttributeError(f"module 'token_guard' has no attribute {name!r}")
    return getattr(import_module(f"token_guard.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
