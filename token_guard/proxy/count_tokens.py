"""`/v1/messages/count_tokens`: litellm's own answer, with headers that say what would be forwarded.

No callback sees that answer (docs/decisions.md), so it is watched around the proxy's whole application, on this path alone.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, TypeAlias

from token_guard.errors import ContextOverflowError, where
from token_guard.guard import Guard
from token_guard.proxy.headers import rejected_headers, report_headers
from token_guard.proxy.prechecks import place_of

__all__ = ["CountTokensHeaders", "Forecast", "attach", "forecast"]

logger = logging.getLogger("token_guard")

PATH = "/v1/messages/count_tokens"

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]
Forecast: TypeAlias = Callable[[bytes], Mapping[str, str]]
"""The headers for the body of a request; it may block."""


class CountTokensHeaders:
    """An application around another, that adds headers to its answers about token counts."""

    def __init__(self, app: Application, forecast: Forecast) -> None:
        self.app = app
        self.forecast = forecast

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve as the inner application does."""
        if scope["type"] != "http" or not scope["path"].endswith(PATH):
            return await self.app(scope, receive, send)
        body = bytearray()

        async def overheard() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def annotated(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == HTTPStatus.OK:
                headers = await asyncio.to_thread(self._headers, bytes(body))
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            await send(message)

        return await self.app(scope, overheard, annotated)

    def _headers(self, body: bytes) -> list[tuple[bytes, bytes]]:
        try:
            return [(name.encode(), value.encode()) for name, value in self.forecast(body).items()]
        except Exception as error:  # the count itself is right without them
            logger.warning("token_guard cannot say what would be forwarded (%s)", where(error))
            return []


def attach(app: Any, forecast: Forecast) -> None:
    """Watch the answers of a proxy's application: one that has started takes no further middleware, so the built stack is wrapped."""
    stack = getattr(app, "middleware_stack", None)
    if callable(stack) and not isinstance(stack, CountTokensHeaders):
        app.middleware_stack = CountTokensHeaders(stack, forecast)


def forecast(guard: Guard, router: Any, body: bytes) -> Mapping[str, str]:
    """What would be forwarded of a request, as headers; of several deployments, to the one with the smallest window."""
    request = json.loads(body)
    group = request["model"]
    found = [(place_of(group, one), one["litellm_params"]["model"]) for one in router.get_model_list(group) or ()]
    if not found:
        return {}
    place, model = min(found, key=lambda each: guard.limits.resolve(each[1], each[0]).max_input_tokens)
    try:
        return report_headers(guard.process({**request, "model": model}, api="anthropic.messages", deployment=place).report)
    except ContextOverflowError as error:
        return rejected_headers(error)
