"""The real callback around a guard that is broken on purpose; loaded by a proxy as `faulty_callback.callback`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.report import Fitted
from token_guard.settings import Settings

SECRET = "the words of the client"


class PanicException(BaseException):
    """What a tokenizer in Rust raises; it is no Exception."""


class BrokenGuard:
    def process(self, request: Mapping[str, Any], **options: Any) -> Fitted:
        panics = "panic" in str(request["messages"])
        raise (PanicException if panics else KeyError)(SECRET)


callback = TokenGuardCallback(Settings())
callback.guard = BrokenGuard()  # type: ignore[assignment]
