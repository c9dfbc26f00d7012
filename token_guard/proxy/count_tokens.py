"""`/v1/messages/count_tokens`: the count of what would be forwarded, with headers that say what that is and how large the request came.

No callback sees that answer (docs/decisions.md), so it is watched around the proxy's whole application, on this path alone. The request
is counted as it came, which is also what checks the key; where it would be compacted, what would be forwarded is counted in the same way.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from token_guard.errors import ContextOverflowError, where
from token_guard.guard import Guard
from token_guard.limits import Deployment
from token_guard.proxy.attempt import PLACES, Attempt, Note, open_note
from token_guard.proxy.callers import served
from token_guard.proxy.exchanges import Application, Message, Receive, Send, answered, auth_of, body_of, headers_of
from token_guard.proxy.headers import PREFIX, rejected_headers, remark_headers, report_headers
from token_guard.proxy.overrides import Overrides
from token_guard.proxy.threads import POOL

__all__ = ["Asking", "CountTokens", "Forecast", "Forecaster", "forecast"]

logger = logging.getLogger("token_guard")

PATH = "/v1/messages/count_tokens"

RAW = f"{PREFIX}tokens-raw"


@dataclass(frozen=True, slots=True)
class Asking:
    """A request that somebody wants counted, with all that bears on what would become of it."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    auth: Any = field(default=None, repr=False)
    """What the proxy says of the key."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would become of a request: as headers, and its body as it would be forwarded where that is another one."""

    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


Forecaster: TypeAlias = Callable[[Asking], Forecast]
"""What would become of a request; it may block."""


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
        asking = Asking(body, headers_of(scope), auth_of(scope))
        found = await POOL(PATH, partial(self._forecasted, asking)) if raw.is_ok else Forecast()
        headers = {**found.headers, **({RAW: _count(raw.body)} if found.headers else {})}
        told = [(name.encode(), value.encode()) for name, value in headers.items() if value and self._tells]
        if found.body is not None:
            forwarded = await answered(self.app, scope, found.body, receive)
            if forwarded.is_ok:
                return await forwarded.send(send, headers=told)
        return await raw.send(send, headers=told)

    def _forecasted(self, asking: Asking) -> Forecast:
        try:
            return self._forecast(asking)
        except Exception as error:  # the count itself is right without it
            logger.warning("token_guard cannot say what would be forwarded (%s)", where(error))
            return Forecast()


def _count(body: bytes) -> str:
    """The number in an answer; empty where there is none."""
    try:
        return str(json.loads(body)["input_tokens"])
    except (ValueError, TypeError, KeyError):
        return ""


def forecast(guard: Guard, overrides: Overrides, asking: Asking) -> Forecast:
    """What would be forwarded of a request; of several deployments, to the one with the smallest window."""
    sent = json.loads(asking.body)
    known = served(sent["model"], asking.auth)
    if not known:
        return Forecast()
    note = _note(overrides, asking, sent)
    request = {**sent, "proxy_server_request": {"headers": asking.headers}}
    least = min(known, key=lambda one: one.limit(guard.limits, request).max_input_tokens)
    attempt = overrides.applied(_attempt(least.received(request), least.deployment, guard, note))
    told = remark_headers(note.get("remark") or "")
    if attempt.mode == "off":
        return Forecast(told)
    try:
        chosen = guard.with_options(attempt.options) if attempt.options else guard
        fitted = chosen.process(attempt.request, api=attempt.api, deployment=least.deployment, mode=attempt.mode)
    except ContextOverflowError as error:
        return Forecast({**rejected_headers(error), **told})
    body = None if fitted.request is attempt.request else _as_sent(sent, attempt.request, fitted.request)
    return Forecast({**report_headers(fitted.report), **told}, body)


def _note(overrides: Overrides, asking: Asking, sent: Mapping[str, Any]) -> Note:
    """What holds for the requests of this key and this client, as the note of such a request would say it."""
    _, asked = open_note({place: dict(sent[place]) for place in PLACES if isinstance(sent.get(place), dict)})
    note: Note = {}
    overrides.note({"proxy_server_request": {"headers": asking.headers}}, asking.auth, note, asked)
    return note


def _attempt(request: Mapping[str, Any], place: Deployment, guard: Guard, note: Note) -> Attempt:
    """The attempt that such a request would be."""
    api, mode = "anthropic.messages", guard.settings.mode
    return Attempt(request, api, str(request["model"]), provider="", deployment=place, mode=mode, note=note)


def _as_sent(sent: Mapping[str, Any], received: Mapping[str, Any], fitted: Mapping[str, Any]) -> bytes:
    """What was fitted as a client would send it: by the model's public name, and without what its deployment adds."""
    own = {name: value for name, value in fitted.items() if name in sent or name not in received}
    return json.dumps({**own, "model": sent["model"]}).encode()
