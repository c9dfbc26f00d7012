"""The real callback around a guard that says when it is asked; loaded by a proxy as `watched_callback.callback`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from token_guard.guard import Guard
from token_guard.proxy.plugin import TokenGuardCallback
from token_guard.report import Fitted
from token_guard.settings import Settings

ASKED = "the guard was asked for"


class WatchedGuard(Guard):
    def process(self, request: Mapping[str, Any], **options: Any) -> Fitted:
        print(ASKED, options["api"], flush=True)
        return super().process(request, **options)


callback = TokenGuardCallback(Settings())
callback.guard = WatchedGuard(callback.settings)
