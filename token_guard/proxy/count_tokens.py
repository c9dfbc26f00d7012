"""`/v1/messages/count_tokens`: the count of what would be forwarded, with headers that say what that is and how large the request came.

No callback sees that answer (docs/decisions.md), so it is watched around the proxy's whole application, on this path alone. The request
is counted as it came, which is also what checks the key; where it would be compacted, what would be forwarded is counted in the same way.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from token_guard.errors import ContextOverflowError, where
from token_guard.guard import Guard
from token_guard.limits import Deployment
from token_guard.proxy.attempt import Attempt
from token_guard.proxy.exchanges import Application, Message, Receive, Send, answered, body_of
from token_guard.proxy.headers import PREFIX, rejected_headers, report_headers
from token_guard.proxy.overrides import Overrides
from token_guard.proxy.prechecks import place_of

__all__ = ["CountTokens", "Forecast", "Forecaster", "forecast"]

logger = logging.getLogger("token_guard")

PATH = "/v1/messages/count_tokens"

RAW = f"{PREFIX}tokens-raw"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would become of a request: as headers, and its body as it would be forwarded where that is another one."""

    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


Forecaster: TypeAlias = Callable[[bytes], Forecast]
"""What would become of the request with this body; it may block."""


class CountTokens:
    """An application around another, that answers token counts of what would be forwarded."""

    def __init__(self, app: Application, forecast: Forecaster, *, headers: bool = True) -> None:
        self.app = app
        self._forecast = forecast
        self._tells = headers

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve as the inner application does."""
        if scope["type"] != "http" or not scope["path"].endswith(PATH):
            return await self.app(scope, receive, send)
        body = await body_of(receive)
        raw = await answered(self.app, scope, body, receive)
        found = await asyncio.to_thread(self._forecasted, body) if raw.is_ok else Forecast()
        headers = {**found.headers, **({RAW: _count(raw.body)} if found.headers else {})}
        told = [(name.encode(), value.encode()) for name, value in headers.items() if value and self._tells]
        if found.body is not None:
            forwarded = await answered(self.app, scope, found.body, receive)
            if forwarded.is_ok:
                return await forwarded.send(send, headers=told)
        return await raw.send(send, headers=told)

    def _forecasted(self, body: bytes) -> Forecast:
        try:
            return self._forecast(body)
        except Exception as error:  # the count itself is right without it
            logger.warning("token_guard cannot say what would be forwarded (%s)", where(error))
            return Forecast()


def _count(body: bytes) -> str:
    """The number in an answer; empty where there is none."""
    try:
        return str(json.loads(body)["input_tokens"])
    except (ValueError, TypeError, KeyError):
        return ""


def forecast(guard: Guard, overrides: Overrides, router: Any, body: bytes) -> Forecast:
    """What would be forwarded of a request; of several deployments, to the one with the smallest window."""
    request = json.loads(body)
    group = request["model"]
    found = [(place_of(group, one), one["litellm_params"]["model"]) for one in router.get_model_list(group) or ()]
    if not found:
        return Forecast()
    place, model = min(found, key=lambda each: guard.limits.resolve(each[1], each[0]).max_input_tokens)
    attempt = overrides.applied(_attempt({**request, "model": model}, place, guard))
    try:
        chosen = guard.with_options(attempt.options) if attempt.options else guard
        fitted = chosen.process(attempt.request, api=attempt.api, deployment=place, mode=attempt.mode)
    except ContextOverflowError as error:
        return Forecast(rejected_headers(error))
    changed = fitted.request is not attempt.request
    return Forecast(report_headers(fitted.report), json.dumps({**fitted.request, "model": group}).encode() if changed else None)


def _attempt(request: Mapping[str, Any], place: Deployment, guard: Guard) -> Attempt:
    """The attempt that such a request would be."""
    api, mode = "anthropic.messages", guard.settings.mode
    return Attempt(request, api, str(request["model"]), provider="", deployment=place, mode=mode, note={})
