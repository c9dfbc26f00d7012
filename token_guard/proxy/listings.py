"""`/v1/models` and `/model/info` say which context window is believed, and where that number comes from.

LiteLLM has a hook that hides models from these lists and none that describes them, so the answers are amended around the proxy's whole
application, on these paths alone. A client that compacts by itself then goes by the window that the guard goes by.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from token_guard.budget import ContextLimit
from token_guard.errors import where
from token_guard.guard import Guard
from token_guard.proxy.callers import served
from token_guard.proxy.exchanges import Application, Message, Receive, Send, answered, auth_of, body_of

__all__ = ["Listings", "with_windows"]

logger = logging.getLogger("token_guard")

_LISTS: Final = ("/models",)
_DETAILS: Final = ("/model/info",)
_GUESSES: Final = ("default", "inference")
"""Where nobody knows a window: told as such, and never in the place of LiteLLM's own number."""


class Listings:
    """An application around another, that amends its lists of models: `amend` is given the decoded answer, whether it is
    detailed, and what the proxy says of the key."""

    def __init__(self, app: Application, amend: Callable[[Any, bool, Any], Any]) -> None:
        self.app = app
        self._amend = amend

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve as the inner application does."""
        path = scope["path"].rstrip("/") if scope["type"] == "http" and scope["method"] == "GET" else ""
        if not path.endswith((*_LISTS, *_DETAILS)):
            return await self.app(scope, receive, send)
        answer = await answered(self.app, scope, await body_of(receive), receive)
        body = await asyncio.to_thread(self._amended, answer.body, path.endswith(_DETAILS), auth_of(scope)) if answer.is_ok else None
        return await answer.send(send, body=body)

    def _amended(self, body: bytes, detailed: bool, auth: Any) -> bytes | None:
        try:
            return json.dumps(self._amend(json.loads(body), detailed, auth)).encode()
        except Exception as error:  # the list is right without it
            logger.warning("token_guard cannot say which windows are believed (%s)", where(error))
            return None


def with_windows(guard: Guard, listed: Any, detailed: bool, auth: Any = None) -> Any:
    """A list of models with the window of each that is believed; what has another shape stays as it is."""
    entries = listed.get("data") if isinstance(listed, Mapping) else None
    if not isinstance(entries, list):
        return listed
    describe = _detailed if detailed else _plain
    return {**listed, "data": [describe(guard, entry, auth) if isinstance(entry, Mapping) else entry for entry in entries]}


def _plain(guard: Guard, entry: Mapping[str, Any], auth: Any) -> Mapping[str, Any]:
    """An entry by the name that clients use: of several deployments the smallest window counts."""
    name = str(entry.get("id") or "")
    limits = [one.limit(guard.limits) for one in served(name, auth)]
    return _told(entry, min(limits, key=lambda limit: limit.max_input_tokens)) if limits else entry


def _detailed(guard: Guard, entry: Mapping[str, Any], auth: Any) -> Mapping[str, Any]:
    """An entry for one deployment, whose window stands in its model_info; its address and key are not told there."""
    info = entry.get("model_info")
    if not isinstance(info, Mapping):
        return entry
    name, number = str(entry.get("model_name") or ""), info.get("id")
    own = next((one for one in served(name, auth) if one.deployment.id == number), None)
    return entry if own is None else {**entry, "model_info": _told(info, own.limit(guard.limits))}


def _told(entry: Mapping[str, Any], limit: ContextLimit) -> dict[str, Any]:
    believed = {} if limit.source in _GUESSES else {"max_input_tokens": limit.max_input_tokens}
    window = {"max_input_tokens": limit.max_input_tokens, "source": limit.source}
    return {**entry, **believed, "context_window": window}
